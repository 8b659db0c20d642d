#!/usr/bin/env python3
"""Runs the program and looks at what it prints, saves and returns.

    test_cli.py FOVEA [CLASS[.TEST]...]

Ends with 77, "skipped", for a program that can neither save nor print JSON.
"""

import csv
import fcntl
import gzip
import hashlib
import json
import os
import pty
import random
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
import unittest
import zlib
from pathlib import Path

FOVEA = None
LIMIT = 300  # seconds
SIDE, CLASSES = 12, 4
SCORES = dict.fromkeys(("precision", "recall", "f1", "iou", "auc"), float)
COMMANDS = ["data", "train", "top", "report", "eval", "predict", "run", "info", "convert", "explain",
            "bench", "gradcheck", "version"]
BENCHES = ["bench conv", "bench train", "bench infer", "bench layers"]

NET = f"""\
# A small network.
input {SIDE} {SIDE} 1
conv2d 4 3 3 padding=same
batchnorm
relu
maxpool 2 2
dropout 0.1
flatten
linear {CLASSES}
softmax_cross_entropy
"""


def environment(**more):
    kept = {k: v for k, v in os.environ.items()
            if k not in ("NO_COLOR", "TERM", "FOVEA_ISA")}
    return {**kept, "LC_ALL": "C.UTF-8", **more}


def idx(extents, values):
    head = bytes([0, 0, 8, len(extents)])
    return head + struct.pack(f">{len(extents)}I", *extents) + bytes(values)


def pixels_of(label, noise):
    """A bright quadrant that tells the class, and noise."""
    for row in range(SIDE):
        for column in range(SIDE):
            inside = (2 * row // SIDE) * 2 + 2 * column // SIDE == label
            yield 120 * inside + noise.randrange(120)


def write_data(folder):
    noise = random.Random(7)
    for part, count in (("train", 512), ("t10k", 96)):
        labels = [noise.randrange(CLASSES) for _ in range(count)]
        labels[:CLASSES] = range(CLASSES)
        values = [p for label in labels for p in pixels_of(label, noise)]
        (folder / f"{part}-images-idx3-ubyte").write_bytes(
            idx((count, SIDE, SIDE), values))
        (folder / f"{part}-labels-idx1-ubyte.gz").write_bytes(
            gzip.compress(idx((count,), labels)))


def png(width, height, kind, row):
    """A PNG of colour type `kind` whose rows are all the bytes of `row`."""
    def chunk(name, data):
        body = name + data
        return struct.pack(">I", len(data)) + body \
            + struct.pack(">I", zlib.crc32(body))
    head = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) \
        + chunk(b"IDAT", zlib.compress((b"\0" + row) * height)) \
        + chunk(b"IEND", b"")


def sha(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp())
        cls.data = cls.folder / "data"
        cls.data.mkdir()
        write_data(cls.data)
        (cls.folder / "small.net").write_text(NET)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def at_terminal(self, words, stream, columns, until=None, **more):
        """What the program writes to a terminal so wide (0: unknown) that is
        its `stream`, "stdout" or "stderr". Interrupted when a text that
        matches `until` has come."""
        leader, follower = pty.openpty()
        if columns:
            fcntl.ioctl(follower, termios.TIOCSWINSZ,
                        struct.pack("HHHH", 24, columns, 0, 0))
        streams = {"stdout": subprocess.DEVNULL, stream: follower}
        process = subprocess.Popen(
            self.command(words), cwd=self.folder, env=environment(**more),
            stdin=subprocess.DEVNULL, **streams)

        def write_end():
            """Closing the last follower may lose what is not read yet, so
            the end is a byte that follows all that the program wrote."""
            try:
                process.wait(timeout=LIMIT)
            finally:
                os.write(follower, b"\0")

        waiting = threading.Thread(target=write_end)
        waiting.start()
        seen = b""
        interrupted = False
        while not seen.endswith(b"\0"):
            seen += os.read(leader, 65536)
            if until and not interrupted and re.search(until, seen.decode(
                    errors="replace")):
                process.send_signal(signal.SIGINT)
                interrupted = True
        waiting.join()
        os.close(follower)
        os.close(leader)
        self.assertEqual(process.returncode, 128 + signal.SIGINT if until
                         else 0)
        return seen[:-1].decode()

    def command(self, words):
        return [FOVEA, *map(str, words)]

    def run_fovea(self, *words, code=0, env=None, **more):
        done = subprocess.run(
            self.command(words), cwd=self.folder, text=True,
            env=env or environment(), stdin=subprocess.DEVNULL,
            stdout=more.pop("stdout", subprocess.PIPE),
            stderr=subprocess.PIPE, timeout=LIMIT, **more)
        self.assertEqual(done.returncode, code, f"{words}\n{done.stderr}")
        return done

    def train(self, out, *words, code=0, **more):
        return self.run_fovea("train", "small.net", "--data", "data",
                              "--epochs", 2, "--batch", 48, "--seed", 3,
                              "--out", out, *words, code=code, **more)

    def json_of(self, done):
        self.assertEqual(done.stdout.count("\n"), 1)
        self.assertTrue(done.stdout.endswith("\n"))
        return json.loads(done.stdout, parse_constant=self.fail)

    def assert_types(self, found, types):
        self.assertEqual({k: type(v) for k, v in found.items()}, types)


class HelpTest(Case):
    def test_without_a_command(self):
        done = self.run_fovea(code=2)
        self.assertEqual(done.stdout, "")
        self.assertTrue(done.stderr.startswith("Usage: fovea COMMAND"))

    def test_help(self):
        for words in (["help"], ["--help"], ["-h"], ["-?"]):
            done = self.run_fovea(*words)
            for command in COMMANDS:
                self.assertIn(f"\n  {command}", done.stdout)
            self.assertEqual(done.stderr, "")

    def test_help_of_each_command(self):
        for command in COMMANDS:
            done = self.run_fovea(command, "--help")
            self.assertTrue(done.stdout.startswith(f"Usage: fovea {command} "))
            self.assertEqual(done.stdout,
                             self.run_fovea("help", command).stdout)
        for command in BENCHES:
            done = self.run_fovea(*command.split(), "--help")
            self.assertTrue(
                done.stdout.startswith(f"Usage: fovea {command} [OPTION...]"))
            self.assertIn(f" fovea {command} ",
                          self.run_fovea("bench", "--help").stdout)

    def test_unknown(self):
        for words in (["trian"], ["help", "trian"]):
            done = self.run_fovea(*words, code=2)
            self.assertTrue(done.stderr.startswith(
                'fovea: there is no command "trian", did you mean train?\n'))
        done = self.run_fovea("frobnicate", code=2)
        self.assertTrue(done.stderr.startswith(
            'fovea: there is no command "frobnicate"\n'))

    def test_version(self):
        done = self.run_fovea("version")
        self.assertRegex(done.stdout, r"^fovea \d+\.\d+\.\d+\n")
        for words in (["--version"], ["-V"]):
            self.assertEqual(self.run_fovea(*words).stdout, done.stdout)
        found = self.json_of(self.run_fovea("version", "--json"))
        self.assert_types(found, {"version": str, "isa": str, "isas": list,
                                  "dtypes": list, "threads": int})
        self.assertIn(found["isa"], found["isas"])
        self.assertIn("ref", found["isas"])
        only = self.run_fovea("version", "--json",
                              env=environment(FOVEA_ISA="ref"))
        self.assertEqual(self.json_of(only)["isa"], "ref")

    def test_kernels_that_are_not_there(self):
        done = self.run_fovea("version", code=1,
                              env=environment(FOVEA_ISA="abacus"))
        self.assertIn("abacus", done.stderr)


class OptionsTest(Case):
    WHOLE = "expected a whole number from"
    WRONG = [
        ("train", ["--threads", "0"],
         f"--threads 0: {WHOLE} 1 to 1024"),
        ("train", ["--threads=-1"], f"--threads -1: {WHOLE} 1 to 1024"),
        ("train", ["--threads", "1e9"], f"--threads 1e9: {WHOLE} 1 to 1024"),
        ("train", ["--threads", "abc"], f"--threads abc: {WHOLE} 1 to 1024"),
        ("train", ["--threads", "1025"], f"--threads 1025: {WHOLE} 1 to 1024"),
        ("train", ["--batch", "2^40"], f"--batch 2^40: {WHOLE} 1 to 1048576"),
        ("train", ["--batch", str(2 ** 40)],
         f"--batch 1099511627776: {WHOLE} 1 to 1048576"),
        ("train", ["--batch", "9" * 30],
         f"--batch {'9' * 30}: {WHOLE} 1 to 1048576"),
        ("train", ["--batch", ""], f"--batch : {WHOLE} 1 to 1048576"),
        ("train", ["--batch", " 4"], f"--batch  4: {WHOLE} 1 to 1048576"),
        ("train", ["--batch", "0x10"], f"--batch 0x10: {WHOLE} 1 to 1048576"),
        ("train", ["--epochs", "0"], f"--epochs 0: {WHOLE} 1 to 1000000"),
        ("train", ["--epochs", "1.5"], f"--epochs 1.5: {WHOLE} 1 to 1000000"),
        ("train", ["--limit", "0"], f"--limit 0: {WHOLE} 1 to 1099511627776"),
        ("train", ["--seed=-1"],
         f"--seed -1: {WHOLE} 0 to 9223372036854775807"),
        ("train", ["--seed", "9223372036854775808"],
         f"--seed 9223372036854775808: {WHOLE} 0 to 9223372036854775807"),
        ("train", ["--lr", "nan"], "--lr nan: expected a number of 0 or more"),
        ("train", ["--lr", "inf"], "--lr inf: expected a number of 0 or more"),
        ("train", ["--lr", "1e999"], "--lr 1e999: expected a number of 0 or more"),
        ("train", ["--lr=-1"], "--lr -1: expected a number of 0 or more"),
        ("train", ["--lr", "0x1p-3"],
         "--lr 0x1p-3: expected a number of 0 or more"),
        ("train", ["--lr", "1,5"], "--lr 1,5: expected a number of 0 or more"),
        ("train", ["--lr", ""], "--lr : expected a number of 0 or more"),
        ("train", ["--momentum", "1"],
         "--momentum 1: expected a number of 0 or more, below 1"),
        ("train", ["--momentum=-0.5"],
         "--momentum -0.5: expected a number of 0 or more, below 1"),
        ("train", ["--weight-decay", "nan"],
         "--weight-decay nan: expected a number of 0 or more"),
        ("train", ["--optimizer", "adaam"], "optimizer:1:1: there is no "
         'optimizer "adaam"; did you mean "adam"?'),
        ("train", ["--optimizer", "sgd momentun=0.9"], "optimizer:1:5: sgd "
         'has no option "momentun" (has: learning_rate, momentum, '
         'weight_decay, nesterov, dampening); did you mean "momentum"?'),
        ("train", ["--optimizer", "adam 0.1", "--lr", "0.1"],
         "optimizer:1:24: learning_rate is given twice"),
        ("train", ["--schedule", "cosine 5 than step 3"], "schedule:1:10: "
         '"than" is neither an option nor "for"'),
        ("train", ["--schedule", ""], "--schedule: the name is empty"),
        ("train", ["--optimizer", "sgd momentum=1"],
         "sgd: momentum 1 is not at least 0 and below 1"),
        ("train", ["--optimizer", "sgd " + 2000 * "x"],
         "--optimizer: a text of 2004 characters"),
        ("train", ["--dtype", "f16"], "--dtype f16: expected f32 or f64"),
        ("train", ["--layout", "hwc"], "--layout hwc: expected nhwc or nchw"),
        ("train", ["--out", ""], "--out: the name is empty"),
        ("train", ["--data", ""], "--data: the name is empty"),
        ("train", ["--optimizer", "adam", "--momentum", "0.9"],
         'optimizer:1:6: adam has no option "momentum" (has: learning_rate, '
         "beta1, beta2, epsilon, weight_decay, amsgrad)"),
        ("train", ["--optimizer", "adamw", "--nesterov"],
         'optimizer:1:7: adamw has no option "nesterov" (has: '
         "learning_rate, beta1, beta2, epsilon, weight_decay, amsgrad)"),
        ("train", ["--nesterov"], "sgd: nesterov needs a momentum above 0"),
        ("train", ["--out", "x" * 5000], "--out: a name of 5000 characters"),
        ("train", ["--bacht", "3"],
         "unrecognized option '--bacht', did you mean --batch?"),
        ("train", ["--batchsize=3"],
         "unrecognized option '--batchsize', did you mean --batch-size?"),
        # letters that change places count once, wherever they are
        ("train", ["--rl", "1"],
         "unrecognized option '--rl', did you mean --lr?"),
        ("eval", ["--dtab", "x"],
         "unrecognized option '--dtab', did you mean --data?"),
        ("eval", ["--daatx", "x"],
         "unrecognized option '--daatx', did you mean --data?"),
        ("train", ["--Lr", "1"], "unrecognized option '--Lr', did you mean "
         "--lr?"),
        ("train", ["-o", "--what", "--forec"],
         "unrecognized option '--forec', did you mean --force?"),
        ("train", ["--callbacks", "3"], "unrecognized option '--callbacks'"),
        ("train", ["--" + "x" * 500], f"unrecognized option '--{'x' * 500}'"),
        ("train", ["-x"], "invalid option -- 'x'"),
        ("eval", ["more"], "more: one word too many"),
        ("train", ["--batch"], "option '--batch' requires an argument"),
        ("train", ["more.net"], "more.net: one word too many"),
        ("eval", ["--limit", "x"],
         f"--limit x: {WHOLE} 1 to 1099511627776"),
        ("predict", ["--index=-1"],
         f"--index -1: {WHOLE} 0 to 1099511627776"),
        ("predict", ["image.png"], "expected either images or --data NAME"),
        ("info", ["--batch", "x"], f"--batch x: {WHOLE} 1 to 1048576"),
        ("gradcheck", ["--batch", "-"], f"--batch -: {WHOLE} 1 to 1048576"),
        ("explain", ["--pass", "x"], "--pass x: expected some of forward, "
         "backward_data, backward_weights, by comma"),
        ("bench train", ["--seconds", "0"],
         "--seconds 0: expected a number above 0"),
        ("bench infer", ["--batch", "0"], f"--batch 0: {WHOLE} 1 to 1048576"),
        ("bench infer", ["--shapes", "x"],
         "unrecognized option '--shapes', did you mean --shape?"),
    ]

    def test_wrong_options(self):
        for command, words, sentence in self.WRONG:
            data = ["--data", "none"] if command in (
                "train", "eval", "predict") else []
            done = self.run_fovea(*command.split(), "none.net", *data, *words,
                                  code=2)
            self.assertEqual(done.stderr.split("\n")[0],
                             f"fovea {command}: {sentence}")
            self.assertIn(f"Try `fovea {command} --help'", done.stderr)
            self.assertEqual(done.stdout, "")

    def test_words_behind_the_options(self):
        expected = self.run_fovea("info", "small.net").stdout
        for words in (["--", "small.net"], ["--batch", 32, "--", "small.net"],
                      ["./small.net"]):
            self.assertEqual(self.run_fovea("info", *words).stdout, expected)
        done = self.run_fovea("info", "--", "--batch", code=1)
        self.assertEqual(done.stderr, "fovea: --batch: cannot open: No such "
                         "file or directory\n")

    def test_missing_words(self):
        for words, sentence in (
                (["train"], "fovea train: expected NET [NAME]"),
                (["train", "small.net", ""],
                 "fovea train: expected --data NAME"),
                (["train", "small.net", "data", "more"],
                 "fovea train: more: one word too many"),
                (["train", "small.net"],
                 "fovea train: expected --data NAME"),
                (["eval", "x"], "fovea eval: expected --data NAME"),
                (["eval"], "fovea eval: expected FILE [NAME]"),
                (["predict"], "fovea predict: expected FILE [IMAGE...]"),
                (["predict", "x"],
                 "fovea predict: expected either images or --data NAME"),
                (["predict", "x", "y.png", "--limit", "2"],
                 "fovea predict: --limit: only with --data"),
                (["predict", "x", "y.png", "--index", "2"],
                 "fovea predict: --index: only with --data"),
                (["info"], "fovea info: expected FILE|NET"),
                (["gradcheck"], "fovea gradcheck: expected NET"),
                (["explain"], "fovea explain: expected FILE|NET [IMAGE]"),
                (["bench"], "fovea bench: expected conv, train, infer or "
                 "layers"),
                (["bench", "all"],
                 "fovea bench: all: expected conv, train, infer or layers"),
                (["bench", "train"], "fovea bench train: expected NET"),
                (["bench", "infer"], "fovea bench infer: expected FILE|NET"),
                (["bench", "conv"],
                 "fovea bench conv: expected --shapes FILE"),
                (["bench", "conv", "x"],
                 "fovea bench conv: x: one word too many")):
            done = self.run_fovea(*words, code=2)
            self.assertEqual(done.stderr.split("\n")[0], sentence)


    def test_guessed_names(self):
        """Other names of options, from argparse, PyTorch and Keras."""
        def weights(*words):
            self.run_fovea("train", "small.net", *words)
            return sha(self.folder / "guess")
        expected = weights("--data", "data", "--epochs", 1, "--batch", 48,
                           "--optimizer", "adam", "--lr", 0.01,
                           "--weight-decay", 0.1, "--seed", 4, "--limit", 96,
                           "--threads", 1, "--out", "guess")
        for words in (
                ["data", "-e", 1, "-b", 48, "--optimizer", "Adam",
                 "--learning-rate", 0.01, "--wd", 0.1, "-s", 4, "-n", 96,
                 "-t", 1, "-o", "guess"],
                ["-d", "data", "--num-epochs", 1, "--batch-size", 48,
                 "--optimizer", "ADAM", "--learning_rate", 0.01,
                 "--weight_decay", 0.1, "--random_seed", 4, "--num-images", 96,
                 "--num_threads", 1, "--output", "guess", "--dtype",
                 "float32"],
                ["--dataset=data", "--num_epochs=1", "--batch_size=48",
                 "--optim=adam", "--learning=0.01", "--wd=0.1",
                 "--random-seed=4", "--num_images=96", "-oguess"],
                ["--data_dir", "data", "--epoch", 1, "-b48", "--lr", 0.01,
                 "--wd", 0.1, "--seed", 4, "-n96", "-fo", "guess"]):
            self.assertEqual(weights(*words), expected, words)
        by_name = self.run_fovea("eval", "guess", "--data", "data").stdout
        self.assertEqual(self.run_fovea("eval", "guess", "data").stdout,
                         by_name)
        self.assertEqual(self.run_fovea("eval", "guess", "data", "-n5").stdout,
                         self.run_fovea("eval", "guess", "--data", "data",
                                        "--limit", 5).stdout)
        self.assertEqual(
            self.run_fovea("predict", "guess", "data", "-i", 3).stdout,
            self.run_fovea("predict", "guess", "--data", "data", "--index",
                           3).stdout)


class DefaultsTest(Case):
    """Each option of each command: what --help says of its default is what
    it is, and numbers are taken up to their limits and no further."""
    BATCH = ("1", "1048576", "0", "1048577")
    THREADS = ("1", "1024", "0", "1025")
    LIMIT = ("1", "1099511627776", "0", "1099511627777")
    RATE = ("0", "1e300", "-1e-9", "inf")
    SECONDS = ("1e-9", "1e9", "0", "inf")
    # option: default in --help, default written out, limits
    TRAIN = {
        "data": (None, None, None), "epochs": ("5", "5", ("1", "1000000", "0",
                                                          "1000001")),
        "batch": ("32", "32", BATCH), "micro-batch": (None, None, BATCH),
        "optimizer": ("adam; sgd with --momentum or --nesterov", "adam", None),
        "lr": ("adam 0.001, sgd 0.01, others their own", "0.001", RATE),
        "schedule": (None, None, None), "average": (None, None, None),
        "decay-of": (None, None, None), "scale-lr": (None, None, None),
        "freeze": (None, None, None), "strict": (None, None, None),
        "loss": ("softmax_cross_entropy", None, None),
        "clip-norm": (None, None, ("1e-9", "1e300", "0", "inf")),
        "clip-value": (None, None, ("1e-9", "1e300", "0", "inf")),
        "no-decay-bias": (None, None, None),
        "momentum": ("0", None, None), "nesterov": (None, None, None),
        "weight-decay": ("0; adamw 0.01", "0", RATE),
        "seed": ("0", "0", ("0", "9223372036854775807", "-1",
                            "9223372036854775808")),
        "threads": ("all", None, THREADS), "dtype": ("f32", "f32", None),
        "layout": ("nhwc", "nhwc", None), "limit": (None, None, LIMIT),
        "size": (None, None, None),
        "drop-last": (None, None, None),
        "val-split": (None, None, ("1e-9", "0.999", "0", "1")),
        "normalise": (None, None, None),
        "val-data": (None, None, None), "class-weights": (None, None, None),
        "balanced": (None, None, None),
        "patience": (None, None, ("1", "1000000", "0", "1000001")),
        "min-delta": ("0", "0", RATE), "monitor": ("loss", "loss", None),
        "keep-best": (None, None, None),
        "keep": (None, None, ("1", "1000000", "0", "1000001")),
        "on-nan": ("stop", "stop", None), "log": (None, None, None),
        "log-every": ("50", "50", LIMIT), "tensorboard": (None, None, None),
        "report": (None, None, None),
        "workers": ("as many as processors for picture files", None,
                    ("0", "256", "-1", "257")),
        "cache": ("0", "0", ("0", "1099511627776", "-1", "1099511627777")),
        "skip-damaged": (None, None, None),
        "out": ("model.safetensors", "model.safetensors", None),
        "force": (None, None, None), "resume": (None, None, None),
        "augment": (None, None, None), "head": (None, None, None),
        "freeze-epochs": (None, None, ("1", "1000000", "0", "1000001")),
        "recipe": ("auto for pictures from files of other sizes than the "
                   "network takes, if it has no transforms", None, None),
        "print-recipe": (None, None, None),
        "json": (None, None, None)}
    SHARED = ("data", "batch", "optimizer", "momentum", "nesterov",
              "weight-decay", "head", "freeze", "loss", "augment", "size",
              "limit", "seed", "threads", "dtype", "workers", "skip-damaged",
              "json")
    LRFIND = {
        **dict(zip(SHARED, map(TRAIN.get, SHARED))),
        "steps": ("100", "100", ("2", "10000", "1", "10001")),
        "from": ("1e-7", "1e-7", ("1e-9", "1e300", "0", "inf")),
        "to": ("10", "10", ("1e-9", "1e300", "0", "inf"))}
    EVAL = {"data": (None, None, None),
            "loss": ("softmax_cross_entropy", None, None), "limit": (None, None, LIMIT),
            "batch": ("32", "32", BATCH), "threads": ("all", None, THREADS),
            "dtype": ("f32", "f32", None), "json": (None, None, None),
            "skip-damaged": (None, None, None)}
    REPORT = {**EVAL, "out": ("report.html", None, None),
              "force": (None, None, None)}
    del REPORT["json"]
    PREDICT = {"data": (None, None, None),
               "limit": ("5; with --index 1", "5", LIMIT),
               "index": ("0", None, ("0", "1099511627776", "-1",
                                     "1099511627777")),
               "threads": ("all", None, THREADS), "size": (None, None, None),
               "dtype": ("f32", "f32", None), "json": (None, None, None),
               "strict": (None, None, None),
               "skip-damaged": (None, None, None)}
    INFO = {"size": (None, None, None), "shape": (None, None, None), "batch": ("32", "32", BATCH), "dtype": ("f32", "f32", None),
            "json": (None, None, None)}
    GRADCHECK = {"size": (None, None, None), "shape": (None, None, None), "batch": ("2", "2", BATCH),
                 "seed": ("0", "0", ("0", "9223372036854775807", "-1",
                                     "9223372036854775808")),
                 "threads": ("all", None, THREADS), "json": (None, None, None)}
    BENCH = {"size": (None, None, None), "threads": ("all", None, THREADS), "dtype": ("f32", None, None),
             "layout": ("nhwc", None, None), "seconds": ("0.3", None, SECONDS)}
    CONVERT = {**dict.fromkeys(("weights", "into", "prefix", "head", "classes",
                                "partial", "size", "json", "fold", "softmax",
                                "shape", "train", "freeze", "loss"),
                               (None, None, None)),
               "optimizer": ("adam", None, None),
               "opset": ("28", None, None),
               "seed": ("0", None, ("0", "9223372036854775807", "-1",
                                    "9223372036854775808")),
               "batch": ("1", None, BATCH)}
    COMMANDS = {
        "convert": CONVERT,
        "train": TRAIN, "lrfind": LRFIND, "eval": EVAL, "predict": PREDICT,
        "info": INFO, "report": REPORT,
        "gradcheck": GRADCHECK,
        "layers": {"markdown": (None, None, None)},
        "data": {"split": (None, None, None), "out": (None, None, None),
                 "force": (None, None, None), "sheet": (None, None, None),
                 "seed": ("0", None, None), "limit": (None, None, None),
                 "threads": ("all", None, None), "json": (None, None, None)},
        "explain": {"size": (None, None, None), "shape": (None, None, None), "batch": ("1", None, BATCH),
                    "threads": ("all", None, THREADS),
                    "pass": ("all", None, None), "dtype": ("f32", None, None),
                    "seconds": ("0.1", None, SECONDS),
                    "method": ("grad-cam", None, None),
                    "layer": (None, None, None), "class": (None, None, None),
                    "out": (None, None, None), "json": (None, None, None)},
        "bench train": dict(BENCH, batch=("32", None, BATCH)),
        "bench infer": dict(BENCH, batch=("1", None, BATCH),
                            layout=("that of the file", None, None),
                            shape=(None, None, None)),
    }

    def test_every_option_is_listed(self):
        for command, options in self.COMMANDS.items():
            text = " ".join(self.run_fovea(*command.split(), "--help"
                                           ).stdout.split())
            listed = set(re.findall(
                r"(?m)^ +(?:-\w, )?--([a-z-]+)",
                self.run_fovea(*command.split(), "--help").stdout))
            self.assertEqual(listed - {"help", "usage"}, set(options), command)
            for name, (default, _, _) in options.items():
                if default:
                    self.assertRegex(text, rf"--{name}=[A-Z,]+ [^=]*"
                                     rf"\({re.escape(default)}\)")

    def test_defaults_written_out(self):
        self.train("model")
        def result(command, *words):
            if command == "train":
                self.run_fovea("train", "small.net", "data", "--limit", 64,
                               *words)
                return sha(self.folder / "model.safetensors")
            first = {"eval": ["model", "data"], "predict": ["model", "data"],
                     }.get(command, ["small.net"])
            return self.run_fovea(command, *first, *words).stdout
        for command in ("train", "eval", "predict", "info", "gradcheck"):
            expected = result(command)
            for name, (_, value, _) in self.COMMANDS[command].items():
                if value:
                    self.assertEqual(result(command, f"--{name}", value),
                                     expected, f"{command} --{name}")
        sgd = result("train", "--optimizer", "sgd")
        self.assertEqual(result("train", "--momentum", 0), sgd)
        self.assertEqual(result("train", "--optimizer", "sgd", "--lr", 0.01),
                         sgd)
        self.assertEqual(
            result("train", "--optimizer", "adamw"),
            result("train", "--optimizer", "adamw", "--lr", 0.001,
                   "--weight-decay", 0.01))
        self.assertEqual(result("predict", "--index", 0, "--limit", 5),
                         result("predict"))
        self.assertEqual(result("predict", "--index", 2, "--limit", 1),
                         result("predict", "--index", 2))

    def test_limits(self):
        for command, options in self.COMMANDS.items():
            data = {"train": ["data"], "lrfind": ["data"], "eval": ["data"],
                    "predict": ["data"], "convert": ["out.c"],
                    "report": ["model", "data"]}.get(command, [])
            for name, (_, _, limits) in options.items():
                if not limits:
                    continue
                for i, value in enumerate(limits):
                    done = self.run_fovea(
                        *command.split(), "none.net", *data,
                        f"--{name}={value}", code=1 if i < 2 else 2)
                    self.assertTrue(done.stderr.startswith(
                        "fovea: none.net: " if i < 2 else
                        f"fovea {command}: --{name} {value}: expected a "),
                        done.stderr)


class TrainTest(Case):
    KEYS = {"accuracy": float, "loss": float, "train_accuracy": float,
            "train_loss": float, "epochs": int, "seconds": float,
            "images_per_s": float, "parameters": int, "planned_bytes": int,
            "peak_bytes": int, "seed": int, "threads": int, "isa": str,
            "out": str, "resumed": bool, "stopped": bool, "best_epoch": int,
            "best": type(None), "rollbacks": int, "wait_share": float,
            "damaged": int}

    def test_json(self):
        done = self.train("json.safetensors", "--epochs", 6, "--json",
                          "--threads", 2)
        found = self.json_of(done)
        self.assert_types(found, self.KEYS)
        self.assertEqual(found["epochs"], 6)
        self.assertEqual(found["seed"], 3)
        self.assertEqual(found["threads"], 2)
        self.assertEqual(found["out"], "json.safetensors")
        self.assertFalse(found["resumed"])
        self.assertEqual(found["parameters"],
                         4 * 9 + 4 + 2 * 4 + 36 * 4 * 4 + 4)
        self.assertGreater(found["accuracy"], 0.9)
        lines = done.stderr.splitlines()
        self.assertEqual(len(lines), 6)
        for i, line in enumerate(lines):
            self.assertRegex(
                line, rf"^epoch {i + 1}/6  loss \d\.\d+  accuracy \d\.\d+  "
                r"test loss \d\.\d+  test accuracy \d\.\d+  [\d,]+ images/s$")

        again = self.json_of(self.run_fovea(
            "eval", "json.safetensors", "--data", "data", "--json"))
        self.assertEqual(again["accuracy"], found["accuracy"])
        self.assertAlmostEqual(again["loss"], found["loss"], 5)

    def test_summary(self):
        done = self.train("text.safetensors")
        self.assertRegex(done.stdout, r"(?m)^test +accuracy \d\.\d{4}  loss ")
        self.assertTrue(done.stdout.endswith("saved text.safetensors\n"))

    def test_c_file(self):
        self.run_fovea("convert", "small.net", "step.c", "--train",
                       "--optimizer", "sgd momentum=0.9", "--batch", 3,
                       "--freeze", "*,!linear1.*")
        header = (self.folder / "step.h").read_text()
        self.assertIn("float step_train_step(", header)
        self.assertIn("STEP_LABELS = 3,", header)
        self.assertIn("STEP_AT_LINEAR1_WEIGHT = 0", header)
        self.assertNotIn("CONV", header)
        self.assertEqual(
            self.run_fovea("convert", "small.net", "step.c", "--train",
                           "--optimizer", "lion", code=1).stderr,
            "fovea: export: the optimizer lion cannot be written as C, "
            "expected sgd, adam or adamw\n")
        self.train("strict", "--strict")

    def test_memory_is_as_planned(self):
        for words in ([], ["--optimizer", "sgd", "--batch", 7],
                      ["--optimizer", "adamw", "--dtype", "f64"],
                      ["--momentum", 0.9, "--layout", "nchw"],
                      ["--batch", 4096]):
            found = self.json_of(self.train("memory.safetensors", "--epochs",
                                            1, "--json", *words))
            self.assertEqual(found["planned_bytes"], found["peak_bytes"],
                             words)

    def test_same_bits_on_any_number_of_threads(self):
        def weights(name, *words):
            self.train(name, "--limit", 500, *words)
            return sha(self.folder / name)
        one = weights("t1.safetensors", "--threads", 1)
        self.assertEqual(weights("t2.safetensors", "--threads", 2), one)
        self.assertEqual(weights("t4.safetensors", "--threads", 4), one)
        self.assertNotEqual(weights("seed.safetensors", "--seed", 4), one)

    def test_same_bits_in_any_layout(self):
        (self.folder / "plain.net").write_text(NET.replace("dropout 0.1", ""))
        for layout in ("nhwc", "nchw"):
            self.run_fovea("train", "plain.net", "--data", "data", "--epochs",
                           1, "--layout", layout, "--out", layout)
        self.assertEqual(sha(self.folder / "nhwc"), sha(self.folder / "nchw"))

    def test_momentum(self):
        plain, nesterov = (["--momentum", "0.9", *more]
                           for more in ([], ["--nesterov"]))
        self.train("plain", *plain)
        self.train("nesterov", *nesterov)
        self.assertNotEqual(sha(self.folder / "plain"),
                            sha(self.folder / "nesterov"))

    def test_groups_clipping_and_averages(self):
        ways = {"plain": [], "freeze": ["--freeze", "conv1.*,linear*"],
                "rates": ["--scale-lr", "conv*=0.1,*=0.5"],
                "norm": ["--clip-norm", "0.01"],
                "value": ["--clip-value", "0.001"],
                "average": ["--average", "0.9"],
                "micro": ["--micro-batch", "20"],
                "decay": ["--weight-decay", "0.5"],
                "decay_of": ["--decay-of", "*=0.2,conv1.weight=0.5"],
                "no_bias": ["--weight-decay", "0.5", "--no-decay-bias"]}
        digests = set()
        for name, words in ways.items():
            self.train(f"way-{name}", "--lr", "0.05", *words)
            digests.add(sha(self.folder / f"way-{name}"))
        self.assertEqual(len(digests), len(ways))
        for words, sentence in (
                (["--freeze", "none*"], 'network: no parameter fits "none*"'),
                (["--freeze", "conv1.*,"],
                 "--freeze conv1.*,: expected PATTERN,..."),
                (["--freeze", "*=2"], "--freeze *=2: expected PATTERN,..."),
                (["--scale-lr", "conv1"],
                 "--scale-lr conv1: expected PATTERN=NUMBER,..."),
                (["--scale-lr", "*=x"],
                 "--scale-lr *=x: expected PATTERN=NUMBER,..."),
                (["--scale-lr", "*=-1"],
                 "optimizer: factor -1 is not a number of at least 0")):
            done = self.run_fovea("train", "small.net", "data", *words,
                                  "--out", "other", code=1)
            self.assertEqual(done.stderr, f"fovea: {sentence}\n")

    def test_schedule(self):
        self.train("steady")
        self.train("constant", "--schedule", "constant 1")
        self.train("cosine", "--schedule", "linear 2 for 2 then cosine")
        self.assertEqual(sha(self.folder / "steady"),
                         sha(self.folder / "constant"))
        self.assertNotEqual(sha(self.folder / "steady"),
                            sha(self.folder / "cosine"))

    def test_goes_on_from_a_model(self):
        self.train("first.safetensors")
        self.run_fovea("train", "first.safetensors", "--data", "data",
                       "--epochs", 1, "--out", "second.safetensors")
        done = self.run_fovea("train", "first.safetensors", "--data", "data",
                              "--out", "./first.safetensors", code=1)
        self.assertEqual(done.stderr, "fovea: ./first.safetensors: the output "
                         "would replace the input\n")

    def test_outputs_that_cannot_be(self):
        (self.folder / "file").write_text("")
        (self.folder / "folder").mkdir()
        for out, sentence in (
                ("nowhere/m", "nowhere/m: the folder nowhere/: No such file "
                 "or directory"),
                ("file/m", "file/m: the folder file/: Not a directory"),
                ("folder", "folder: not a regular file"),
                ("/dev/full", "/dev/full: not a regular file")):
            begin = time.monotonic()
            done = self.train(out, "--epochs", 100000, code=1)
            self.assertLess(time.monotonic() - begin, 60)
            self.assertEqual(done.stderr, f"fovea: {sentence}\n")
        self.assertFalse((self.folder / "nowhere").exists())

    def test_no_other_file_is_replaced(self):
        other = self.folder / "other.net"
        other.write_text(NET.replace("conv2d 4", "conv2d 5"))
        self.train("kept")
        before = sha(self.folder / "kept")
        def refuse(out, sentence, *words):
            done = self.run_fovea("train", "other.net", "data", "--epochs", 1,
                                  "--out", out, *words, code=1)
            self.assertEqual(done.stderr, f"fovea: {sentence}\n")
        refuse("kept", "kept: the model there is another network's, --force "
               "would replace it")
        refuse("kept", "kept: the model there is another network's, --force "
               "would replace it", "--resume")
        self.assertEqual(sha(self.folder / "kept"), before)
        (self.folder / "kept").rename(self.folder / "elsewhere")
        refuse("kept", "kept.checkpoint: the model there is another "
               "network's, --force would replace it")
        refuse("kept", "kept.checkpoint: the checkpoint is of another run, "
               "its seed is 3, not 0", "--resume")
        (self.folder / "text").write_text("my notes")
        refuse("text", "text: the file there is no model, --force would "
               "replace it")
        refuse("other.net", "other.net: the output would replace the input")
        refuse("small.net", "small.net: the file there is no model, --force "
               "would replace it")
        self.assertEqual((self.folder / "text").read_text(), "my notes")
        for out in ("kept", "text"):
            self.run_fovea("train", "other.net", "data", "--epochs", 1,
                           "--out", out, "--force")
            # and once more without: it is the same network's
            self.run_fovea("train", "other.net", "data", "--epochs", 1,
                           "--out", out)

    def test_a_short_last_batch(self):
        def train(*words, code=0):
            return self.run_fovea(
                "train", "norm.net", "data", "--epochs", 1, "--batch", 32,
                "--limit", 33, "--out", "norm", *words, code=code)
        (self.folder / "norm.net").write_text(
            f"input {SIDE} {SIDE} 1\nflatten\nlinear 8\n"
            f"batchnorm name=bn_deep\nrelu\nlinear {CLASSES}\n"
            "softmax_cross_entropy\n")
        self.assertEqual(
            train(code=1).stderr,
            "fovea: fit: 33 images in batches of 32 leave 1, take another "
            "batch or drop_last; bn_deep: training needs 2 values "
            "a channel, input [1, 8] has 1\n")
        train("--drop-last")
        train("--batch", 31)
        train("--drop-last", "--batch", 34)

    def test_names_of_classes(self):
        """They travel with the model."""
        folder = self.folder / "sets" / "fashion-mnist"
        shutil.copytree(self.data, folder)
        (self.folder / "ten.net").write_text(
            NET.replace(f"linear {CLASSES}", "linear 10"))
        env = environment(FOVEA_DATA_PATH=str(folder.parent))
        self.run_fovea("train", "ten.net", "fashion-mnist", "--epochs", 1,
                       "--out", "named", env=env)
        (self.folder / "one.png").write_bytes(png(SIDE, SIDE, 0,
                                                  bytes(range(SIDE))))
        classes = self.json_of(self.run_fovea(
            "predict", "named", "one.png", "--json"))["predictions"][0][
                "classes"]
        names = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
                 "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]
        for entry in classes:
            self.assertEqual(entry["name"], names[entry["class"]])
        found = self.json_of(self.run_fovea("eval", "named.checkpoint", "data",
                                            "--json"))
        self.assertEqual([one["name"] for one in found["classes"]], names)
        # a data set whose classes are numbers leaves the names alone
        self.run_fovea("train", "named", "data", "--epochs", 1, "--out",
                       "again")
        self.assertIn("Ankle boot (9)",
                      self.run_fovea("eval", "again", "data").stdout)

    def test_one_output_for_two_classes(self):
        folder = self.folder / "two"
        folder.mkdir()
        noise = random.Random(5)
        for part, count in (("train", 256), ("t10k", 64)):
            labels = [noise.randrange(2) for _ in range(count)]
            values = [p for label in labels
                      for p in pixels_of(3 * label, noise)]
            (folder / f"{part}-images-idx3-ubyte").write_bytes(
                idx((count, SIDE, SIDE), values))
            (folder / f"{part}-labels-idx1-ubyte").write_bytes(
                idx((count,), labels))
        (self.folder / "two.net").write_text(
            f"input {SIDE} {SIDE} 1\nflatten\nlinear 8\nrelu\nlinear 1\n"
            "sigmoid_cross_entropy\n")
        trained = self.json_of(self.run_fovea(
            "train", "two.net", "two", "--epochs", 8, "--out", "two.model",
            "--json"))
        self.assertGreater(trained["accuracy"], 0.95)
        self.assertLess(trained["loss"], 0.3)
        found = self.json_of(self.run_fovea("eval", "two.model", "two",
                                            "--json"))
        self.assertEqual(found["accuracy"], trained["accuracy"])
        matrix = found["confusion"]
        self.assertEqual([len(row) for row in matrix], [2, 2])
        self.assertEqual(matrix[0][0] + matrix[1][1],
                         round(found["accuracy"] * 64))
        one, = self.json_of(self.run_fovea(
            "predict", "two.model", "two", "--index", 0,
            "--json"))["predictions"]
        shares = {c["class"]: c["probability"] for c in one["classes"]}
        self.assertEqual(set(shares), {0, 1})
        self.assertAlmostEqual(shares[0] + shares[1], 1, 12)
        self.assertGreater(shares[one["label"]], 0.5)
        error = self.json_of(self.run_fovea("gradcheck", "two.net", "--json"))
        self.assertTrue(error["passed"])
        done = self.run_fovea("train", "two.net", "data", "--out", "no",
                              code=1)
        self.assertEqual(done.stderr, "fovea: fit: the training data has 4 "
                         "classes, the network tells 2 apart\n")

    def test_emnist(self):
        folder = self.folder / "raw"
        folder.mkdir()
        for part, count in (("train", 64), ("test", 26)):
            labels = [1 + i % 26 for i in range(count)]
            values = [p for i in range(count)
                      for p in [255] * SIDE + [0] * (SIDE * SIDE - SIDE)]
            for what in ("letters", "balanced"):
                (folder / f"emnist-{what}-{part}-images-idx3-ubyte.gz"
                 ).write_bytes(gzip.compress(idx((count, SIDE, SIDE), values)))
                (folder / f"emnist-{what}-{part}-labels-idx1-ubyte.gz"
                 ).write_bytes(gzip.compress(idx((count,), labels)))
        (self.folder / "letters.net").write_text(
            NET.replace(f"linear {CLASSES}", "linear 26"))
        done = self.run_fovea("train", "letters.net", "raw", code=1)
        self.assertEqual(
            done.stderr, 'fovea: data set "raw:train": ./raw has '
            "emnist-balanced and emnist-letters, write raw:balanced:train or "
            "another of them\n")
        self.run_fovea("train", "letters.net", "raw:letters", "--epochs", 1,
                       "--out", "letters")
        found = self.json_of(self.run_fovea("eval", "letters",
                                            "raw:letters:train", "--json"))
        self.assertEqual([one["name"] for one in found["classes"]],
                         list("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
        # the file's first row is the image's first column
        drawn = self.run_fovea("predict", "letters", "raw:letters", "-n",
                               1).stdout.splitlines()
        for line in drawn[1:1 + SIDE // 2]:
            self.assertEqual(line, "\u2588" + " " * (SIDE - 1))

    def test_wrong_files(self):
        for words, sentence in (
                (["none.net", "--data", "data"], "none.net"),
                (["small.net", "--data", "nothing"], "nothing:train")):
            done = self.run_fovea("train", *words, code=1)
            self.assertEqual(done.stderr.count("\n"), 1)
            self.assertTrue(done.stderr.startswith("fovea: "))
            self.assertIn(sentence, done.stderr)
        (self.folder / "wrong.net").write_text("input 12 12 1\nconf2d 3\n")
        done = self.run_fovea("train", "wrong.net", "--data", "data", code=1)
        self.assertEqual(done.stderr, "fovea: wrong.net:2:1: there is no "
                         'layer "conf2d"; did you mean "conv2d"?\n')
        self.assertFalse((self.folder / "model.safetensors").exists())

    def test_a_loss_that_is_not_finite(self):
        (self.folder / "steep.net").write_text(
            f"input {SIDE} {SIDE} 1\nflatten\nlinear 8\n"
            f"linear {CLASSES}\nsoftmax_cross_entropy\n")
        done = self.run_fovea(
            "train", "steep.net", "--data", "data", "--optimizer", "sgd",
            "--lr", "1e30", "--out", "nan.safetensors", code=1)
        self.assertRegex(done.stderr, r"^fovea: train: .* of step \d+ is "
                         r"|^fovea: train: .* is not finite in step \d+")
        self.assertFalse((self.folder / "nan.safetensors").exists())


class ResumeTest(Case):
    EPOCHS = 20

    def begin(self, out, *words):
        return subprocess.Popen(
            self.command(["train", "small.net", "--data", "data", "--epochs",
                          self.EPOCHS, "--batch", 16, "--limit", 192, "--threads", 1,
                          "--out", out, *words]),
            cwd=self.folder, text=True, env=environment(),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def finish(self, process, code):
        out, err = process.communicate(timeout=LIMIT)
        self.assertEqual(process.returncode, code, err)
        return out, err

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        case = cls()
        case.finish(case.begin("whole.safetensors"), 0)
        cls.whole = sha(cls.folder / "whole.safetensors")

    def stop(self, out, number):
        """Begins, and sends a signal once there is a checkpoint."""
        process = self.begin(out)
        checkpoint = self.folder / f"{out}.checkpoint"
        while not checkpoint.exists() and process.poll() is None:
            time.sleep(0.002)
        process.send_signal(number)
        return process

    def resume(self, out):
        text, err = self.finish(self.begin(out, "--resume", "--json"), 0)
        self.assertIn("going on in epoch", err.splitlines()[0])
        found = json.loads(text)
        self.assertTrue(found["resumed"])
        self.assertEqual(found["epochs"], self.EPOCHS)
        self.assertEqual(sha(self.folder / out), self.whole)

    def test_interrupt(self):
        for out, number, code in (("int", signal.SIGINT, 130),
                                  ("term", signal.SIGTERM, 143),
                                  ("hup", signal.SIGHUP, 129)):
            text, err = self.finish(self.stop(out, number), code)
            self.assertEqual(text, "")
            self.assertEqual(err.splitlines()[-1],
                             f"fovea: interrupted; the network so far is in "
                             f"{out}, and --resume goes on from "
                             f"{out}.checkpoint")
            self.run_fovea("eval", out, "--data", "data")
            self.resume(out)

    def test_kill(self):
        self.finish(self.stop("kill", signal.SIGKILL), -signal.SIGKILL)
        self.assertFalse((self.folder / "kill").exists())
        self.resume("kill")

    def test_nothing_to_resume(self):
        text, err = self.finish(self.begin("anew", "--resume", "--json"), 0)
        self.assertIn("anew.checkpoint", err.splitlines()[0])
        self.assertFalse(json.loads(text)["resumed"])
        self.assertEqual(sha(self.folder / "anew"), self.whole)
        self.resume("anew")

    def test_hang_up_that_is_ignored(self):
        """As under nohup."""
        former = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        try:
            self.finish(self.stop("nohup", signal.SIGHUP), 0)
        finally:
            signal.signal(signal.SIGHUP, former)
        self.assertEqual(sha(self.folder / "nohup"), self.whole)

    def test_nobody_reads(self):
        """The reader of the log goes away; training does not."""
        words = ["train", "small.net", "data", "--epochs", self.EPOCHS,
                 "--batch", 16, "--limit", 192, "--out", "log"]
        for both, code in ((False, 0), (True, 1)):
            (self.folder / "log").unlink(missing_ok=True)
            process = subprocess.Popen(
                self.command(words), cwd=self.folder, env=environment(),
                stdout=subprocess.PIPE if both else subprocess.DEVNULL,
                stderr=subprocess.STDOUT if both else subprocess.PIPE)
            pipe = process.stdout if both else process.stderr
            self.assertTrue(pipe.readline().startswith(b"epoch 1/"))
            pipe.close()
            self.assertEqual(process.wait(timeout=LIMIT), code)
            self.assertEqual(sha(self.folder / "log"), self.whole)

    def test_second_signal_of_another_kind(self):
        process = self.begin("other", "--epochs", 100000)
        while not (self.folder / "other.checkpoint").exists():
            time.sleep(0.002)
        process.send_signal(signal.SIGSTOP)
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGCONT)
        process.communicate(timeout=60)
        self.assertIn(process.returncode, (-signal.SIGINT, -signal.SIGTERM))

    def test_second_interrupt(self):
        process = self.begin("twice", "--epochs", 100000)
        while not (self.folder / "twice.checkpoint").exists():
            time.sleep(0.002)
        process.send_signal(signal.SIGSTOP)
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGCONT)
        time.sleep(0.001)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        self.assertIn(process.returncode, (-signal.SIGINT, 130))


class ResultsTest(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls().train("model", "--epochs", 6)

    def test_eval(self):
        done = self.run_fovea("eval", "model", "--data", "data", "--json")
        found = self.json_of(done)
        self.assert_types(found, {"accuracy": float, "top5": float,
                                  "loss": float, "count": int, "macro": dict,
                                  "weighted": dict, "classes": list,
                                  "confusion": list})
        self.assertEqual(found["count"], 96)
        self.assertEqual(found["top5"], 1)
        for name in ("macro", "weighted"):
            self.assert_types(found[name], SCORES)
            weights = [one["count"] if name == "weighted" else 1
                       for one in found["classes"]]
            for key in SCORES:
                self.assertAlmostEqual(found[name][key], sum(
                    weight * one[key] for weight, one
                    in zip(weights, found["classes"])) / sum(weights), 12)
        matrix = found["confusion"]
        self.assertEqual(sum(map(sum, matrix)), 96)
        right = sum(matrix[i][i] for i in range(CLASSES))
        self.assertEqual(found["accuracy"], right / 96)
        for i, one in enumerate(found["classes"]):
            self.assert_types(one, {"name": str, **SCORES, "count": int})
            self.assertEqual(one["name"], str(i))
            self.assertEqual(one["count"], sum(matrix[i]))
            self.assertEqual(one["recall"], matrix[i][i] / sum(matrix[i]))
            answers = sum(row[i] for row in matrix)
            self.assertEqual(one["precision"], matrix[i][i] / answers)
            self.assertAlmostEqual(
                one["f1"], 2 * one["precision"] * one["recall"]
                / (one["precision"] + one["recall"]), 12)

    def test_eval_text(self):
        done = self.run_fovea("eval", "model", "--data", "data:train",
                              "--limit", 100, "--batch", 33, "--threads", 1)
        lines = done.stdout.splitlines()
        self.assertRegex(lines[0],
                         r"^accuracy \d\.\d{4}  loss \d\.\d{4}  images 100$")
        self.assertEqual(lines[2].split(),
                         ["class", "precision", "recall", "F1", "IoU", "AUC",
                          "labels"])
        self.assertEqual(lines[7].split()[:2], ["macro", "mean"])
        self.assertEqual(lines[8].split()[:2], ["weighted", "mean"])
        self.assertEqual(lines[10].split(),
                         ["label", "\\", "answer", "0", "1", "2", "3"])
        self.assertEqual(len({len(line) for line in lines[2:9]}), 1)
        self.assertEqual(len({len(line) for line in lines[10:15]}), 1)

    def test_a_class_without_images(self):
        done = self.run_fovea("eval", "model", "--data", "data", "--limit", 2,
                              "--json")
        self.assertIsNone(self.json_of(done)["classes"][3]["recall"])

    def test_many_classes(self):
        """More than a matrix has room for: the most frequent mistakes."""
        (self.folder / "many.net").write_text(
            f"input {SIDE} {SIDE} 1\nflatten\nlinear 30\n"
            "softmax_cross_entropy\n")
        self.run_fovea("train", "many.net", "data", "--epochs", 1, "--lr", 0,
                       "--out", "many")
        found = self.json_of(self.run_fovea("eval", "many", "data", "--json"))
        matrix = found["confusion"]
        mistakes = sorted((-matrix[i][j], 30 * i + j) for i in range(30)
                          for j in range(30) if i != j and matrix[i][j])
        lines = self.run_fovea("eval", "many", "data").stdout.splitlines()
        begin = lines.index("most frequent mistakes") + 1
        self.assertEqual(
            [line.split() for line in lines[begin:]],
            [[str(-count), str(at // 30), "taken", "for", str(at % 30)]
             for count, at in mistakes[:20]])
        # classes that neither occur nor are answered
        empty = next(i for i in range(30) if not found["classes"][i]["count"]
                     and not any(row[i] for row in matrix))
        for key in SCORES:
            self.assertIsNone(found["classes"][empty][key])
        self.assertEqual(lines[3 + empty].split(),
                         [str(empty), "-", "-", "-", "-", "-", "0"])
        self.assertRegex(lines[0], r"  top-5 \d\.\d{4}  ")

    def test_text_for_a_model(self):
        for command in ("eval", "predict"):
            done = self.run_fovea(command, "small.net", "--data", "data",
                                  code=1)
            self.assertEqual(done.stderr, "fovea: small.net: a network text "
                             "has no weights; expected a saved model\n")

    def test_predict(self):
        found = self.json_of(self.run_fovea(
            "predict", "model", "--data", "data:test", "--limit", 4,
            "--json"))["predictions"]
        self.assertEqual([one["index"] for one in found], [0, 1, 2, 3])
        for one in found:
            self.assert_types(one, {"index": int, "label": int,
                                    "label_name": str, "classes": list})
            shares = [entry["probability"] for entry in one["classes"]]
            self.assertEqual(shares, sorted(shares, reverse=True))
            self.assertEqual(len(shares), 3)
            self.assertLessEqual(sum(shares), 1 + 1e-12)
            self.assertGreater(sum(shares), 0.5)
        self.assertEqual([one["label"] for one in found], [0, 1, 2, 3])
        right = sum(one["classes"][0]["class"] == one["label"]
                    for one in found)
        self.assertGreaterEqual(right, 3)

    def test_predict_index(self):
        one, = self.json_of(self.run_fovea(
            "predict", "model", "--data", "data", "--index", 95,
            "--json"))["predictions"]
        self.assertEqual(one["index"], 95)
        done = self.run_fovea("predict", "model", "--data", "data", "--index",
                              96, code=1)
        self.assertEqual(done.stderr, "fovea: data: there is no image 96, the 96 "
                         "images are counted from 0\n")

    def test_drawing(self):
        done = self.run_fovea("predict", "model", "--data", "data")
        self.assertEqual(done.stdout.count("label: "), 5)
        lines = done.stdout.splitlines()
        self.assertEqual(lines[0], "image 0")
        for line in lines[1:1 + SIDE // 2]:
            self.assertEqual(len(line), SIDE)
            self.assertLessEqual(set(line), set(" \u2580\u2584\u2588"))
        bright = sum(line[:SIDE // 2].count("\u2588") for line in lines[1:4])
        dark = sum(line[SIDE // 2:].count("\u2588") for line in lines[4:7])
        self.assertGreater(bright, dark)

        plain = self.run_fovea(
            "predict", "model", "--data", "data", "--index", 0,
            env=dict(environment(), LC_ALL="C"))
        self.assertTrue(plain.stdout.isascii())
        for line in plain.stdout.splitlines()[1:1 + SIDE // 2]:
            self.assertRegex(line, f"^[ .:=+*#%@-]{{{SIDE}}}$")

    def predict_other_sizes(self):
        """A network with transforms takes pictures of any size."""
        text = ("input 12 12 1\naugment resize 12 filter=nearest\n"
                "augment flip\nflatten\nlinear 10\n")
        (self.folder / "any.net").write_text(text + "softmax_cross_entropy\n")
        self.run_fovea("train", "any.net", "data", "--epochs", 1, "--out",
                       "any")
        done = self.run_fovea("predict", "any", "gray.png", "wide.png",
                              "--json")
        one, two = self.json_of(done)["predictions"]
        self.assertEqual(two["image"], "wide.png")
        self.assertEqual(len(one["classes"]), len(two["classes"]))
        info = self.run_fovea("info", "any").stdout
        self.assertIn("\naugment resize 12 filter=nearest\naugment flip\n",
                      info)

    def test_png(self):
        row = bytes([255] * (SIDE // 2) + [0] * (SIDE // 2))
        gray = png(SIDE, SIDE, 0, row)
        (self.folder / "gray.png").write_bytes(gray)
        (self.folder / "colour.png").write_bytes(
            png(SIDE, SIDE, 2, bytes(v for v in row for _ in range(3))))
        (self.folder / "wide.png").write_bytes(png(SIDE + 1, SIDE, 0,
                                                   row + b"\0"))
        (self.folder / "cut.png").write_bytes(gray[:50])
        (self.folder / "no.png").write_text("not an image")
        done = self.run_fovea("predict", "model", "gray.png", "colour.png",
                              "--json")
        one, two = self.json_of(done)["predictions"]
        self.assert_types(one, {"image": str, "classes": list})
        self.assertEqual(one["image"], "gray.png")
        for a, b in zip(one["classes"], two["classes"]):
            self.assertEqual(a["class"], b["class"])
            self.assertAlmostEqual(a["probability"], b["probability"], 2)
        text = self.run_fovea("predict", "model", "gray.png").stdout
        self.assertEqual(text.splitlines()[1],
                         "\u2588" * (SIDE // 2) + " " * (SIDE // 2))

        done = self.run_fovea("predict", "model", "wide.png", code=1)
        self.assertEqual(
            done.stderr, "fovea: wide.png: the image has 12 rows x 13 columns, "
            "the network takes 12 x 12; a line \"augment resize 12 12\" in it "
            "would resize images\n")
        self.predict_other_sizes()
        for name in ("cut.png", "no.png", "none.png"):
            done = self.run_fovea("predict", "model", name, "--json", code=1)
            self.assertTrue(done.stderr.startswith(f"fovea: {name}: "))
            self.assertEqual(done.stdout, "")


class OpenSizeTest(Case):
    NET = ("input ? ? 1\nconv2d 3 3 3 padding=same stride=2\nrelu\n"
           "global_average_pool\nflatten\nlinear 10\n"
           "softmax_cross_entropy\n")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        (cls.folder / "open.net").write_text(cls.NET)
        (cls.folder / "closed.net").write_text(
            cls.NET.replace("? ?", "28 14"))

    def test_a_size_is_as_if_written(self):
        for command in (["info"], ["gradcheck"]):
            is_now = self.json_of(self.run_fovea(
                *command, "open.net", "--size", "28x14", "--json"))
            self.assertEqual(is_now, self.json_of(self.run_fovea(
                *command, "closed.net", "--json")))
        line = self.run_fovea("bench", "infer", "open.net", "--size", "9",
                              "--seconds", "0.01").stdout
        self.assertIn("images_per_s=", line)

    def test_the_size_of_the_data(self):
        self.run_fovea("train", "open.net", "data", "--epochs", 1, "--limit",
                       64, "--out", "open")
        is_now = self.json_of(self.run_fovea("predict", "open", "data",
                                             "--json"))
        self.assertEqual(is_now, self.json_of(self.run_fovea(
            "predict", "open", "data", "--json", "--size", SIDE)))
        self.assertEqual(len(is_now["predictions"]), 5)
        done = self.run_fovea("predict", "open", "some.png", code=1)
        self.assertIn("open: the size of its images is open", done.stderr)

    def test_refusals(self):
        for words, sentence in (
                (["open.net"],
                 "open.net: the size of its images is open, give it with "
                 "--size HxW"),
                (["none.net", "--size", "28"],
                 "none.net: cannot open: No such file or directory")):
            done = self.run_fovea("info", *words, code=1)
            self.assertEqual(done.stderr, f"fovea: {sentence}\n")
        done = self.run_fovea("info", "open.net", "--size", "28y3", code=2)
        self.assertIn("--size 28y3: expected a whole number", done.stderr)


class NetworksTest(Case):
    """Networks that come with the program."""
    # Parameters and multiply-accumulates that were published or are
    # torchvision's.
    KNOWN = {
        "alexnet": (61_100_840, 714_188_480),
        "convnext_tiny": (28_589_128, 4_455_531_264),
        "crnn": (8_331_301, 705_143_808),
        "densenet121": (7_978_856, 2_834_161_664),
        "efficientnet_b0": (5_288_548, 385_814_752),
        "googlenet": (6_624_904, 1_498_376_192),
        "lenet5": (61_706, 416_520),
        "mobilenet_v2": (3_504_872, 300_774_272),
        "mobilenet_v3_large": (5_483_032, 216_589_760),
        "regnet_y_400mf": (4_344_144, 401_842_848),
        "resnet18": (11_689_512, 1_814_073_344),
        "resnet20": (272_474, 40_813_184),
        "resnet_small": (283_770, 24_198_656),
        "resnet50": (25_557_032, 4_089_184_256),
        "shufflenet_v2_x1_0": (2_278_604, 144_907_992),
        "squeezenet1_0": (1_248_424, 818_924_576),
        "unet": (31_030_658, 192_384_335_872),
        "vgg11": (132_863_336, 7_609_090_048),
        "vgg16": (138_357_544, 15_470_264_320),
    }

    def test_counts(self):
        for name, facts in self.KNOWN.items():
            info = self.json_of(self.run_fovea("info", name, "--json",
                                               "--batch", 1))
            self.assertEqual((info["parameters"],
                              info["multiply_accumulates"]), facts, name)

    def test_names(self):
        done = self.run_fovea("info", "resnet19", code=1)
        listed = re.search(r"\((.*)\)", done.stderr)[1].split(", ")
        self.assertEqual(listed, sorted(self.KNOWN))
        self.assertIn("did you mean resnet18?", done.stderr)
        (self.folder / "vgg11").mkdir()
        shutil.copy(self.folder / "small.net", self.folder / "lenet5")
        try:
            self.assertEqual(self.run_fovea("info", "lenet5").stdout,
                             self.run_fovea("info", "small.net").stdout)
            info = self.run_fovea("info", "vgg11", "--batch", 1)
            self.assertIn("132,863,336", info.stdout)
        finally:
            (self.folder / "vgg11").rmdir()
            (self.folder / "lenet5").unlink()

    def test_another_size(self):
        self.run_fovea("train", "resnet20", "data", "--limit", 8, "--epochs",
                       1, "--out", "resnet", code=1)
        info = self.json_of(self.run_fovea("info", "resnet20", "--size",
                                           "12x10", "--batch", 1, "--json"))
        self.assertEqual(info["layers"][0]["output_shape"], [12, 10, 3])
        self.run_fovea("train", "lenet5", "data", "--limit", 8, "--epochs", 1,
                       "--size", SIDE, "--out", "lenet")
        self.run_fovea("eval", "lenet", "data")


class LayersTest(Case):
    def test_every_kind_is_listed_and_described(self):
        lines = self.run_fovea("layers").stdout.splitlines()
        kinds = [line.split()[0] for line in lines]
        self.assertEqual(kinds, sorted(kinds))
        for kind in ("conv2d", "input", "softmax_cross_entropy"):
            self.assertIn(kind, kinds)
        for line in lines:
            kind, about = line.split(None, 1)
            self.assertGreater(len(about), 1, line)
            shown = self.run_fovea("layers", kind).stdout
            self.assertTrue(shown.startswith(f"{kind}: {about}\n"), shown)

    def test_options_of_a_kind(self):
        shown = self.run_fovea("layers", "Conv2d").stdout
        self.assertEqual(shown.splitlines()[1:3],
                         ["1 input", "conv2d 2 2: 8 x 8 x 4 becomes 7 x 7 x 2"])
        for option in (r"num_filters +whole number +required",
                       r"stride +two whole numbers +1",
                       r"padding +two whole numbers, valid, same, same_lower "
                       r"+0",
                       r"padding_end +two whole numbers +padding",
                       r"bias +yes or no +yes", r"strict +yes or no +no",
                       r"max_workspace +whole number +no limit"):
            self.assertRegex(shown, rf"(?m)^  {option}$")

    def test_defaults_are_those_of_the_text(self):
        """A layer with each default written out is the layer without it."""
        for kind in ("conv2d", "maxpool", "avgpool", "batchnorm", "linear"):
            words = []
            for line in self.run_fovea("layers", kind).stdout.splitlines():
                if not line.startswith("  "):
                    continue
                name, *_, default = line.split()
                if default in ("required", "limit") or not _:
                    continue
                if default in ("kernel", "padding"):
                    default = {"kernel": "3", "padding": "0"}[default]
                words.append(f"{name}={default}")
            self.assertGreater(len(words), 1)
            base = {"conv2d": "conv2d 4 3", "maxpool": "maxpool 3",
                    "avgpool": "avgpool 3", "batchnorm": "batchnorm",
                    "linear": "flatten\nlinear 4"}[kind]
            for name, line in (("left_out.net", base),
                               ("written.net", " ".join([base, *words]))):
                (self.folder / name).write_text(f"input 9 9 3\n{line}\n"
                                                "relu\n")
            self.assertEqual(
                self.run_fovea("info", "left_out.net", "--json").stdout,
                self.run_fovea("info", "written.net", "--json").stdout)

    def test_the_page_is_the_one_in_docs(self):
        page = Path(__file__).resolve().parents[2] / "docs" / "layers.md"
        printed = self.run_fovea("layers", "--markdown").stdout
        self.assertEqual(printed, page.read_text())
        introduction = printed[:printed.index("##")]
        for option in ("name=", "from=", "weights="):
            self.assertIn(f"`{option}`", introduction)

    def test_transforms(self):
        page = Path(__file__).resolve().parents[2] / "docs" / "augment.md"
        printed = self.run_fovea("layers", "augment", "--markdown").stdout
        self.assertEqual(printed, page.read_text())
        lines = self.run_fovea("layers", "augment").stdout.splitlines()
        kinds = [line.split()[0] for line in lines]
        self.assertEqual(kinds, sorted(kinds))
        for line in lines:
            kind, about = line.split(None, 1)
            self.assertIn(f"\n## {kind}\n\n{about}. ", printed)
            shown = self.run_fovea("layers", "augment", kind).stdout
            self.assertTrue(shown.startswith(f"{kind}: {about}\n"), shown)
        self.assertRegex(shown, r"(?m)^  on +training, evaluation, both "
                                r"+training$")
        done = self.run_fovea("layers", "augment", "flop", code=1)
        self.assertEqual(done.stderr, 'fovea: there is no transform "flop", '
                                      'did you mean flip?\n')
        done = self.run_fovea("layers", "relu", "relu", code=2)
        self.assertTrue(done.stderr.startswith(
            "fovea layers: one word too many: only augment takes another\n"))

    def test_refusals(self):
        done = self.run_fovea("layers", "convolution3", code=1)
        self.assertEqual(done.stderr,
                         'fovea: there is no layer "convolution3"\n')
        done = self.run_fovea("layers", "avgpol", code=1)
        self.assertEqual(done.stderr, 'fovea: there is no layer "avgpol", did '
                                      'you mean avgpool?\n')


class InfoTest(Case):
    def test_json(self):
        found = self.json_of(self.run_fovea("info", "small.net", "--batch", 8,
                                            "--json"))
        self.assert_types(found, {
            "parameters": int, "multiply_accumulates": int,
            "receptive_field": list, "planned_bytes": int,
            "planned_bytes_evaluation": int, "batch": int, "dtype": str,
            "layers": list, "transforms": list})
        self.assertEqual(found["batch"], 8)
        self.assertEqual(found["transforms"], [])
        self.assertGreater(found["planned_bytes"],
                           found["planned_bytes_evaluation"])
        layers = found["layers"]
        self.assertEqual([layer["kind"] for layer in layers],
                         ["input", "conv2d", "batchnorm", "relu", "maxpool",
                          "dropout", "flatten", "linear",
                          "softmax_cross_entropy"])
        conv = layers[1]
        self.assertEqual(conv, {
            "name": "conv1", "kind": "conv2d", "output_shape": [12, 12, 4],
            "parameters": 40, "multiply_accumulates": 12 * 12 * 4 * 9,
            "receptive_field": [3, 3], "output_bytes": 12 * 12 * 4 * 4})
        self.assertEqual(found["parameters"],
                         sum(layer["parameters"] for layer in layers))
        self.assertEqual(found["multiply_accumulates"], sum(
            layer["multiply_accumulates"] for layer in layers))

    def test_more_memory_for_larger_batches(self):
        def planned(*words):
            return self.json_of(self.run_fovea(
                "info", "small.net", "--json", *words))["planned_bytes"]
        self.assertGreater(planned("--batch", 64), planned("--batch", 8))
        self.assertGreater(planned("--dtype", "f64"), planned())

    def test_table(self):
        lines = self.run_fovea("info", "small.net").stdout.splitlines()
        self.assertEqual(len(lines), 13)
        self.assertEqual(lines[2].split()[:6],
                         ["conv1", "conv2d", "12", "x", "12", "x"])
        self.assertRegex(lines[10], r"^total .* all *$")
        self.assertRegex(lines[12], r"^memory with batches of 32: [\d.]+ KiB "
                         r"in training, [\d.]+ KiB in evaluation$")
        self.assertEqual(len({len(line) for line in lines[:11]}), 1)

    VAST = "input 4194304 4194304 1\nconv2d 1 4095 4095 padding=same\n"

    def test_more_than_there_is(self):
        """What no machine has memory for ends with one sentence."""
        (self.folder / "vast.net").write_text(self.VAST)
        for words in (["explain"], ["explain", "--json"], ["bench", "infer"],
                      ["gradcheck"]):
            done = self.run_fovea(*words, "vast.net", "--batch", 1, code=1)
            self.assertRegex(done.stderr.splitlines()[-1],
                             r"^fovea: memory: [\d.]+ MiB wanted and .* in use, "
                             r"the limit is [\d.]+ MiB \(.*\)$")
            if "--json" in words:
                self.assertEqual(done.stdout, "")

    def test_numbers_without_bound(self):
        (self.folder / "vast.net").write_text(self.VAST)
        words = ["info", "vast.net", "--batch", 1]
        lines = self.run_fovea(*words).stdout.splitlines()
        self.assertEqual(lines[2].split()[:7],
                         ["conv1", "conv2d", "4194304", "x", "4194304", "x",
                          "1"])
        self.assertIn(" 16,769,026   2^63 or more  4095 x 4095  64.0 TiB",
                      lines[2])
        found = self.json_of(self.run_fovea(*words, "--json"))
        self.assertEqual(found["multiply_accumulates"], 2 ** 63 - 1)

    def test_a_network_without_loss(self):
        (self.folder / "bare.net").write_text("input 4\nlinear 3\n")
        done = self.run_fovea("info", "bare.net")
        self.assertIn("none in training", done.stdout)

    def test_gradcheck(self):
        done = self.run_fovea("gradcheck", "small.net")
        self.assertRegex(done.stdout, r"^largest relative error [\d.e-]+\n$")
        found = self.json_of(self.run_fovea("gradcheck", "small.net",
                                            "--batch", 3, "--json"))
        self.assert_types(found, {"error": float, "limit": float,
                                  "batch": int, "passed": bool})
        self.assertLess(found["error"], 1e-6)
        self.assertTrue(found["passed"])

    def test_gradcheck_that_fails(self):
        """At a kink, where both sides differ, and at an infinite loss."""
        (self.folder / "kink.net").write_text(
            "input 4\nlinear 3\nrelu\nlinear 2\nsoftmax_cross_entropy\n")
        for name, scale, finite in (("kink", 0.0, True),
                                    ("steep", 1e308, False)):
            header = {"__metadata__": {"fovea.network":
                                       (self.folder / "kink.net").read_text()}}
            data = b""
            for layer, rows, columns in (("linear1", 3, 4), ("linear2", 2, 3)):
                for kind, shape, value in (
                        ("weight", [rows, columns],
                         scale if layer == "linear1" or not finite else 1.0),
                        ("bias", [rows], 0.0)):
                    count = rows * (columns if kind == "weight" else 1)
                    body = struct.pack(f"<{count}d", *(
                        value * (1 + i % 2) / 2 for i in range(count)))
                    header[f"{layer}.{kind}"] = {
                        "dtype": "F64", "shape": shape,
                        "data_offsets": [len(data), len(data) + len(body)]}
                    data += body
            text = json.dumps(header).encode()
            text += b" " * (-len(text) % 8)
            (self.folder / name).write_bytes(
                struct.pack("<Q", len(text)) + text + data)
            done = self.run_fovea("gradcheck", name, "--json", code=1)
            found = self.json_of(done)
            self.assertFalse(found["passed"])
            self.assertEqual(found["limit"], 1e-6)
            if finite:
                self.assertGreater(found["error"], 1e-6)
            else:
                self.assertIsNone(found["error"])
            self.assertRegex(done.stderr, f"^fovea: {name}: the gradient is "
                             "wrong: relative error .*, at most 1e-06 allowed")
            done = self.run_fovea("gradcheck", name, code=1)
            self.assertTrue(done.stdout.startswith("largest relative error "))

    def test_model(self):
        self.train("model")
        net, model = (self.run_fovea("info", name).stdout.splitlines()[:11]
                      for name in ("small.net", "model"))
        self.assertEqual(net, model)


class BenchTest(Case):
    HEADING = "net,layer,N,H,W,C,K,R,S,sh,sw,ph,pw,dh,dw,groups"
    SHAPES = [
        "one,stem,1,9,8,3,5,3,2,2,1,1,0,1,1,1",
        "one,wide,1,5,5,4,8,1,1,1,1,0,0,1,1,2",
        "two,up_T,1,4,4,8,4,2,2,2,2,0,0,1,1,1",
        "two,last,3,6,6,2,4,3,3,1,1,2,2,2,2,1",
    ]
    # seen by hand: N OH OW K C/groups R S
    MACS = {"stem": 5 * 7 * 5 * 3 * 3 * 2, "wide": 5 * 5 * 8 * 2,
            "last": 3 * 6 * 6 * 4 * 2 * 9}
    MACHINE = (r"^this machine, \w+ f\d\d: [\d.]+ GFLOP/s a thread, [\d.]+ "
               r"GFLOP/s and [\d.]+ GB/s with \d+ threads?\n")
    PASSES = ["forward", "backward_data", "backward_weights"]

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        (cls.folder / "shapes.csv").write_text(
            "\n".join([cls.HEADING + ",count"]
                      + [shape + ",2" for shape in cls.SHAPES]) + "\n")

    def conv(self, *words, code=0, shapes="shapes.csv"):
        return self.run_fovea("bench", "conv", "--shapes", shapes,
                              "--seconds", 0.001, *words, code=code)

    def rows(self, *words):
        done = self.conv("--csv", *words)
        self.assertRegex(done.stderr, self.MACHINE + "$")
        return list(csv.DictReader(done.stdout.splitlines()))

    def test_layers(self):
        done = self.run_fovea("bench", "layers", "is_nan", "flip 1,2",
                              "--threads", 1, "--seconds", "0.01", "--csv")
        head, *rows = csv.reader(done.stdout.splitlines())
        self.assertEqual(head, ["layer", "inputs", "channels", "threads",
                                "median_ms", "min_ms", "gb_per_s", "copy"])
        self.assertEqual([row[:4] for row in rows],
                         [["is_nan", "r", "64", "1"],
                          ["flip 1,2", "r", "64", "1"]])
        self.assertTrue(all(float(v) > 0 for row in rows for v in row[4:]))
        done = self.run_fovea("bench", "layers", "rleu", "--threads", 1,
                              "--seconds", "0.01", code=1)
        self.assertIn('rleu', done.stderr)

    def test_csv(self):
        rows = self.rows("--threads", 1)
        self.assertEqual(
            list(rows[0]), self.HEADING.split(",")
            + ["pass", "peer", "layout", "threads", "algorithm", "median_ms",
               "min_ms", "gflops"])
        self.assertEqual([(r["layer"], r["pass"]) for r in rows],
                         [(layer, p) for layer in self.MACS
                          for p in self.PASSES])
        for r in rows:
            self.assertEqual((r["peer"], r["layout"], r["threads"]),
                             ("fovea", "nhwc", "1"))
            self.assertLessEqual(0, float(r["min_ms"]))
            self.assertLessEqual(float(r["min_ms"]), float(r["median_ms"]))
            self.assertGreaterEqual(float(r["gflops"]), 0)
            # rounded to four and two digits
            ms, gflops = float(r["median_ms"]), float(r["gflops"])
            self.assertLessEqual(
                abs(2e-6 * self.MACS[r["layer"]] / max(ms, 5e-5) - gflops),
                0.01 + 1e-4 / max(ms, 1e-4) * gflops)

    def test_an_algorithm_that_cannot(self):
        """The convolutions that it cannot do are left out, with a line each."""
        done = self.conv("--csv", "--pass", "forward", "--algorithm",
                         "grouped")
        self.assertEqual([row["layer"] for row in csv.DictReader(
            done.stdout.splitlines())], ["wide"])
        self.assertEqual(
            [line for line in done.stderr.splitlines() if "left out" in line],
            ["fovea: one/stem left out: conv: algorithm grouped cannot do "
             "kernel 3x2 with 3 channels",
             "fovea: two/last left out: conv: algorithm grouped cannot do "
             "kernel 3x3 with 2 channels"])

    def test_lines(self):
        """Empty lines, more columns than are read, a layer of one letter and
        a last line without an end are legal."""
        (self.folder / "lines.csv").write_text(
            self.HEADING + "," * 80 + "\n\n"
            + self.SHAPES[1].replace("wide", "w") + ",x" * 80)
        done = self.conv("--csv", "--pass", "forward", shapes="lines.csv")
        row, = csv.DictReader(done.stdout.splitlines())
        self.assertEqual((row["net"], row["layer"]), ("one", "w"))

    def test_depth(self):
        """Columns of the third axis, all or some; the others say 1 or 0."""
        tail = "1,6,5,2,3,3,3,1,1,1,1,1,1,1"
        for name, columns, numbers, full, macs in (
                ("all", "D,T,sd,pd,dd", "7,2,2,1,3", "7,2,2,1,3", 3 * 2),
                ("some", "T,D", "2,3", "3,2,1,0,1", 2 * 2)):
            (self.folder / "depth.csv").write_text(
                f"{self.HEADING},{columns}\nnet,{name},{tail},{numbers}\n")
            done = self.conv("--csv", shapes="depth.csv")
            rows = list(csv.DictReader(done.stdout.splitlines()))
            self.assertEqual([r["pass"] for r in rows], self.PASSES)
            self.assertTrue(done.stdout.startswith(
                self.HEADING + ",D,T,sd,pd,dd,pass,"), done.stdout)
            for r in rows:
                self.assertEqual(
                    [r[c] for c in "D,T,sd,pd,dd".split(",")],
                    full.split(","))
                self.assertIn(r["algorithm"], ("direct", "im2col"))
                ms, gflops = float(r["median_ms"]), float(r["gflops"])
                self.assertLessEqual(
                    abs(2e-6 * 6 * 5 * 3 * 9 * 2 * macs / max(ms, 5e-5)
                        - gflops), 0.01 + 1e-4 / max(ms, 1e-4) * gflops)
        done = self.conv("--csv", "--layout", "nchw", shapes="depth.csv")
        self.assertEqual(len(done.stdout.splitlines()), 4)
        done = self.conv("--csv", "--algorithm", "winograd", code=1,
                         shapes="depth.csv")
        self.assertIn("net/some left out: conv: algorithm winograd cannot do "
                      "kernel 2x3x3 with 2 channels\n", done.stderr)
        for numbers, sentence in (
                ("0,1,1,0,1", ':2: D is "0", expected a whole number from 1 to '
                 "1099511627776"),
                ("x,1,1,0,1", ':2: D is "x"'), ("4,0,1,0,1", ':2: T is "0"'),
                ("4,1,,0,1", ':2: sd is ""'), ("4,1,1,-1,1", ':2: pd is "-1", '
                                               "expected a whole number from 0"),
                ("4,1,1,0,0", ':2: dd is "0"'),
                ("4,1,1,0", ":2: 20 columns, expected at least 21"),
                ("4,9,1,0,1", ": net/x: conv: kernel 9x3x3 exceeds input 4x6x5 "
                 "(depth x height x width, padding 0x1x1)")):
            (self.folder / "depth.csv").write_text(
                f"{self.HEADING},D,T,sd,pd,dd\nnet,x,{tail},{numbers}\n")
            done = self.conv("--csv", code=1, shapes="depth.csv")
            self.assertIn(f"fovea: depth.csv{sentence}", done.stderr)

    def test_choice(self):
        rows = self.rows("--nets", "two,none", "--batch", 2, "--pass",
                         "backward_weights,forward", "--layout", "nchw",
                         "--dtype", "f64", "--algorithm", "reference")
        self.assertEqual([(r["layer"], r["pass"], r["N"]) for r in rows],
                         [("last", "forward", "2"),
                          ("last", "backward_weights", "2")])
        self.assertEqual({(r["layout"], r["algorithm"]) for r in rows},
                         {("nchw", "reference")})

    def test_table(self):
        done = self.conv()
        self.assertEqual(done.stderr, "")
        self.assertRegex(done.stdout, self.MACHINE)
        lines = done.stdout.splitlines()
        self.assertEqual(lines[2].split()[:3], ["layer", "batch", "pass"])
        self.assertEqual(len(lines), 3 + 3 * len(self.MACS))
        self.assertRegex(lines[3], r"^one/stem +1  forward +\w+ +[\d.]+ +"
                         r"[\d.]+ +[\d.]+ +\d+ %$")
        self.assertEqual(len({len(line) for line in lines[2:]}), 1)

    def test_wrong_options(self):
        for words, sentence in (
                (["--pass", "forward,back"], "--pass forward,back: expected "
                 "some of forward, backward_data, backward_weights, by comma"),
                (["--pass", ""], "--pass : expected "
                 "some of forward, backward_data, backward_weights, by comma"),
                (["--algorithm", "fft"], "--algorithm fft: expected one of "),
                (["--seconds", "-1"],
                 "--seconds -1: expected a number above 0"),
                (["--batch", "0"],
                 "--batch 0: expected a whole number from 1 to 1048576"),
                (["--shapes", ""], "--shapes: the name is empty")):
            done = self.conv(*words, code=2)
            self.assertTrue(done.stderr.startswith(
                f"fovea bench conv: {sentence}"), done.stderr)

    def test_wrong_files(self):
        good = self.HEADING + "\n" + self.SHAPES[0] + "\n"
        for text, sentence in (
                ("", "the file is empty"),
                ("net,layer\n", '1: there is no column "N"'),
                (good + "one,x,1,2\n", "3: 4 columns, expected at least 5"),
                (good.replace(",9,8,", ",9,x,"), '2: W is "x", expected a '
                 "whole number from 1 to 1099511627776"),
                (good.replace(",9,8,", ",9,8x,"), '2: W is "8x"'),
                (good.replace(",9,8,", ",9,0,"), '2: W is "0"'),
                (good.replace(",9,8,", ",9,1099511627777,"),
                 '2: W is "1099511627777"'),
                (good.replace(",9,8,", ",9,9223372036854775808,"),
                 '2: W is "9223372036854775808"'),
                (good.replace("2,2,1,1,0,1", "2,2,1,1,,1"), '2: pw is ""'),
                (good.replace(",5,3,2,", ",5,-3,2,"), '2: R is "-3"'),
                (good.replace(",5,3,2,", ",5,30,2,"),
                 " one/stem: conv: kernel 30x2 exceeds input 9x8"),
                (good.replace(",5,3,2,", ",5,,2,"), '2: R is ""'),
                (good.replace(",5,3,2,", ",5,0,2,"), '2: R is "0", expected '
                 "a whole number from 1 to 1099511627776"),
                (good.replace(",5,3,2,", ",5,3x,2,"), '2: R is "3x"'),
                (good.replace(",5,3,2,", ",5," + "9" * 20 + ",2,"),
                 f'2: R is "{"9" * 20}"'),
                (good.replace(",5,3,2,", ",5,1099511627777,2,"),
                 '2: R is "1099511627777"'),
                (good + "x" * 5000 + "\n",
                 "3: a line of over 4094 characters"),
                (self.HEADING + "\n", " there is nothing to measure\n")):
            (self.folder / "wrong.csv").write_text(text)
            done = self.conv("--csv", code=1, shapes="wrong.csv")
            self.assertIn(f"fovea: wrong.csv:{sentence}".replace(
                ":the", ": the"), done.stderr)
        done = self.conv("--csv", code=1, shapes="none.csv")
        self.assertIn("fovea: none.csv: cannot open: No such file or "
                      "directory\n", done.stderr)
        (self.folder / "folder.csv").mkdir()
        done = self.conv("--csv", code=1, shapes="folder.csv")
        self.assertIn("fovea: folder.csv: cannot read: Is a directory\n",
                      done.stderr)
        done = self.conv("--nets", "three", code=1)
        self.assertEqual(done.stderr, "fovea: shapes.csv: there is nothing to "
                         "measure of three\n")

    def test_networks(self):
        for what, batch, layout in (("train", 5, "nhwc"), ("infer", 3, "nchw")):
            done = self.run_fovea("bench", what, "small.net", "--batch", batch,
                                  "--threads", 1, "--layout", layout,
                                  "--seconds", 0.01)
            path = self.run_fovea("bench", what, f"{self.folder}/small.net",
                                  "--threads", 1, "--seconds", 0.01)
            self.assertIn(",small.net,", path.stdout)
            self.assertRegex(done.stdout, rf"^{what},fovea,{layout},small.net,"
                             rf"batch={batch},threads=1,images_per_s=[\d.]+\n$")
            self.assertRegex(done.stderr, self.MACHINE + "$")
        done = self.run_fovea("bench", "infer", "none.net", code=1)
        self.assertEqual(done.stderr.count("\n"), 1)
        (self.folder / "bare.net").write_text("input 4\nlinear 3\n")
        self.run_fovea("bench", "infer", "bare.net", "--seconds", 0.01)
        done = self.run_fovea("bench", "train", "bare.net", code=1)
        self.assertIn("training needs a loss", done.stderr)


class ExplainTest(Case):
    MACS = 12 * 12 * 4 * 9

    def test_json(self):
        done = self.run_fovea("explain", "small.net", "--batch", 3,
                              "--threads", 2, "--seconds", 0.01, "--json")
        found = self.json_of(done)
        self.assert_types(found, {"batch": int, "dtype": str, "isa": str,
                                  "threads": int, "machine": dict,
                                  "layers": list})
        self.assertEqual((found["batch"], found["threads"]), (3, 2))
        self.assert_types(found["machine"], {
            "flops": float, "thread_flops": float, "bytes": float})
        layers = found["layers"]
        self.assertEqual([layer["kind"] for layer in layers],
                         ["input", "conv2d", "batchnorm", "relu", "maxpool",
                          "dropout", "flatten", "linear",
                          "softmax_cross_entropy"])
        conv = layers.pop(1)
        self.assertEqual((conv["name"], conv["output_shape"],
                          conv["multiply_accumulates"]),
                         ("conv1", [12, 12, 4], self.MACS))
        self.assertEqual([one["passes"] for one in layers], [[]] * 8)
        self.assertEqual([one["pass"] for one in conv["passes"]],
                         ["forward", "backward_data", "backward_weights"])
        for one in conv["passes"]:
            self.check(one)

    def check(self, one):
        self.assert_types(one, {
            "pass": str, "algorithm": str, "reason": str,
            "multiply_accumulates": int, "saved": int, "packed_bytes": int,
            "scratch_bytes": int, "median_ms": float, "min_ms": float,
            "gflops": float, "roofline": float, "candidates": list})
        self.assertEqual(one["multiply_accumulates"] + one["saved"],
                         3 * self.MACS)
        self.assertAlmostEqual(
            one["gflops"] * one["median_ms"] / (2e-6 * 3 * self.MACS), 1)
        self.assertGreater(one["roofline"], 0)
        for candidate in one["candidates"]:
            self.assert_types(candidate, {
                "algorithm": str, "possible": bool, "chosen": bool,
                "cost": float, "workspace_bytes": int, "reason": str})
        chosen, = [c for c in one["candidates"] if c["chosen"]]
        self.assertEqual((chosen["algorithm"], chosen["reason"]),
                         (one["algorithm"], one["reason"]))
        self.assertIn("reference",
                      [c["algorithm"] for c in one["candidates"]])

    def test_roofline(self):
        """The share of what memory or arithmetic bounds, which of the two
        depends on the machine."""
        (self.folder / "bounds.net").write_text(
            "input 14 14 64\nconv2d 1 1 1\nconv2d 256 1 1\n"
            "conv2d 256 3 3 padding=1 algorithm=direct\n")
        found = self.json_of(self.run_fovea(
            "explain", "bounds.net", "--seconds", 0.001, "--json", "--batch", 2))
        pixels = 2 * 14 * 14
        for layer, taps, channels, filters in zip(
                found["layers"][1:], (1, 1, 9), (64, 1, 256), (1, 256, 256)):
            moved = 4 * (pixels * (channels + filters)
                         + taps * channels * filters)
            for one in layer["passes"]:
                arithmetic = 2 * one["multiply_accumulates"] \
                    / found["machine"]["flops"]
                memory = moved / found["machine"]["bytes"]
                self.assertAlmostEqual(
                    one["roofline"] * one["median_ms"] * 1e-3
                    / max(arithmetic, memory), 1)

    def test_more_than_the_memory(self):
        def limit():
            resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
        if subprocess.run([FOVEA, "version"], capture_output=True,
                          preexec_fn=limit).returncode:
            self.skipTest("a sanitizer needs more addresses than that")
        done = self.run_fovea("explain", "small.net", "--batch", 1 << 20,
                              "--seconds", 0.001, code=1, preexec_fn=limit)
        self.assertRegex(done.stderr, r"^fovea: memory: .* wanted and .* in "
                         r"use, the limit is .* \(RLIMIT_AS\)\n$")

    def test_text(self):
        (self.folder / "asked.net").write_text(
            f"input {SIDE} {SIDE} 1\nconv2d 4 3 3 padding=same "
            "algorithm=reference\nrelu\n")
        done = self.run_fovea("explain", "asked.net", "--pass", "forward",
                              "--seconds", 0.01)
        self.assertEqual(done.stderr, "")
        lines = done.stdout.splitlines()
        self.assertRegex(lines[0], r"^this machine, ")
        self.assertEqual(lines[1], "input1: input, 12 x 12 x 1")
        self.assertEqual(lines[2], "conv1: conv2d, 12 x 12 x 4, 5,184 "
                         "multiply-adds an image")
        self.assertEqual(lines[3].split()[0], "pass")
        self.assertRegex(lines[4], r"^  forward +reference +5,184 +0 % .* "
                         r"[\d.]+ +\d+ %  asked for$")
        self.assertTrue(all(line.startswith(" " * 20 + "not ")
                            for line in lines[5:-3]))
        self.assertEqual(lines[-3:-1], ["relu1: relu, 12 x 12 x 4",
                                        "all convolutions, batch of 1:"])
        self.assertRegex(lines[-1], r"^  forward +[\d.]+ ms +[\d.]+ GFLOP/s$")

    def test_failures(self):
        for words in (["none.net"], ["none.net", "--json"]):
            done = self.run_fovea("explain", *words, code=1)
            self.assertEqual(done.stdout, "")
            self.assertEqual(done.stderr.count("\n"), 1)

    def test_model(self):
        self.train("model")
        done = self.run_fovea("explain", "model", "--seconds", 0.001)
        self.assertIn("\nconv1: conv2d, ", done.stdout)


class OutputTest(Case):
    def test_full(self):
        for words in (["info", "small.net"], ["info", "small.net", "--json"],
                      ["version"], ["help"], ["train", "--help"],
                      # more than a buffer
                      ["explain", "small.net", "--seconds", 0.001, "--json"]):
            with open("/dev/full", "w") as full:
                done = self.run_fovea(*words, code=1, stdout=full)
            self.assertRegex(done.stderr, r"^(this machine, .*\n)?fovea: "
                             r"standard output: No space left on device\n$")

    def test_closed(self):
        for words in ("info small.net", "version --json",
                      "train small.net --data data --epochs 1 --out closed"):
            done = subprocess.run(
                ["sh", "-c", f'exec "$0" {words} >&-', FOVEA],
                cwd=self.folder, env=environment(), text=True,
                capture_output=True, timeout=LIMIT)
            self.assertEqual(done.returncode, 1, words)
            self.assertEqual(done.stderr.splitlines()[-1],
                             "fovea: standard output: Bad file descriptor")
        self.run_fovea("eval", "closed", "--data", "data")

    def test_standard_files_that_are_closed(self):
        """What is opened later does not get their numbers."""
        for closed, code in (("<&-", 0), ("2>&-", 0), (">&- 2>&- <&-", 1)):
            done = subprocess.run(
                ["sh", "-c", 'exec "$0" train small.net data --epochs 1 '
                 f"--out files {closed}", FOVEA],
                cwd=self.folder, env=environment(), text=True,
                capture_output=True, timeout=LIMIT)
            self.assertEqual(done.returncode, code, closed)
            self.run_fovea("eval", "files", "data")
        # a failure that nobody can read is still one
        done = subprocess.run(["sh", "-c", 'exec "$0" info none.net 2>&-',
                               FOVEA], cwd=self.folder, env=environment(),
                              capture_output=True, timeout=LIMIT)
        self.assertEqual(done.returncode, 1)

    def test_locale(self):
        """Numbers are the same in any of them."""
        known = subprocess.run(["locale", "-a"], capture_output=True,
                               text=True).stdout.split()
        expected = self.run_fovea("info", "small.net").stdout
        for name in known:
            env = dict(environment(), LC_ALL=name)
            self.assertEqual(self.run_fovea("info", "small.net", env=env
                                            ).stdout, expected, name)

    def on_terminal(self, columns, epochs=2, **more):
        """What training sends to a terminal so wide."""
        return self.at_terminal(
            ["train", "small.net", "--data", "data", "--epochs", epochs,
             "--batch", 2, "--threads", 1, "--out", "terminal"],
            "stderr", columns, **more)

    def test_bar(self):
        begin = time.monotonic()
        seen = self.on_terminal(90, epochs=200, TERM="xterm")
        seconds = time.monotonic() - begin
        self.assertIn("\x1b[32m", seen)
        self.assertIn("\u2501", seen)
        self.assertRegex(seen,
                         r"\repoch +1/200 .*%  loss .*  ETA \d+:\d\d\x1b\[K")
        self.assertRegex(seen, r"epoch 200/200  loss .*test accuracy .*images/s")
        self.assertLessEqual(seen.count("ETA"), 10 * seconds + 1)

    def test_no_colour(self):
        seen = self.on_terminal(90, TERM="xterm", NO_COLOR="1")
        self.assertNotRegex(seen, r"\x1b\[\d")
        self.assertIn("\repoch 1/2", seen)

    def test_dumb_terminal(self):
        for more in ({"TERM": "dumb"}, {"TERM": ""}, {}):
            seen = self.on_terminal(90, **more)
            self.assertNotIn("\x1b", seen)
            self.assertEqual(seen.count("\n"), 2)

    def test_no_terminal(self):
        done = self.train("file", env=environment(TERM="xterm"))
        self.assertNotIn("\x1b", done.stderr)
        self.assertNotIn("\r", done.stderr)
        self.assertEqual(done.stderr.count("\n"), 2)

    def test_bar_without_unicode(self):
        seen = self.on_terminal(90, epochs=40, TERM="xterm", NO_COLOR="1",
                                LC_ALL="C")
        self.assertTrue(seen.isascii())
        self.assertRegex(seen, r"\repoch +1/40 =*-+ ")

    def test_hours(self):
        seen = self.on_terminal(90, epochs=1000000, TERM="xterm",
                                until=r"ETA \d+:\d\d:\d\d\x1b")
        self.assertRegex(seen, r"\repoch +\d+/1000000 .* ETA "
                         r"\d+:\d\d:\d\d\x1b\[K")
        self.assertIn("interrupted; the network so far is in terminal", seen)

    def test_narrow_terminal(self):
        for columns in (8, 20, 40, 62, 80, 200):
            seen = self.on_terminal(columns, TERM="xterm")
            for bar in re.findall(r"\r(epoch [^\r\n]*)\x1b\[K", seen):
                bar = re.sub(r"\x1b\[\d*[mK]", "", bar)
                self.assertLess(len(bar), columns)


def main():
    global FOVEA
    FOVEA = os.path.abspath(sys.argv.pop(1))
    can = subprocess.run([FOVEA, "version", "--json"], capture_output=True)
    if can.returncode == 2:
        print("this program was built without JSON")
        sys.exit(77)
    unittest.main()


if __name__ == "__main__":
    main()
