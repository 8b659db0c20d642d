#!/usr/bin/env python3
"""Training as a tool: logs, early stopping, runs that are killed, full disks.

    test_training.py FOVEA [CLASS[.TEST]...]

Ends with 77, "skipped", for a program that can neither save nor print JSON.
"""

import csv
import fcntl
import json
import math
import os
import pty
import random
import re
import resource
import signal
import struct
import subprocess
import termios
import time
import unittest

import test_cli
from test_cli import Case, environment, sha

KINDS = ["step", "epoch", "end"]
NUMBERS = ["loss", "accuracy", "test_loss", "test_accuracy", "learning_rate",
           "images_per_s", "seconds", "seconds_left"]
COLUMNS = ["step", "kind", "epoch", "epochs", "batch", "batches", *NUMBERS]
STEPS = 11  # of an epoch: 512 images in batches of 48


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def masked(data):
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xa282ead8) & 0xffffffff


def fields(data):
    """The fields of a message in protocol buffers: (number, value)."""
    def varint():
        nonlocal at
        value = shift = 0
        while True:
            value |= (data[at] & 127) << shift
            shift += 7
            at += 1
            if data[at - 1] < 128:
                return value
    at = 0
    while at < len(data):
        key = varint()
        if key & 7 == 0:
            value = varint()
        elif key & 7 == 1:
            value, at = data[at:at + 8], at + 8
        elif key & 7 == 2:
            length = varint()
            value, at = data[at:at + length], at + length
        else:
            assert key & 7 == 5, key
            value, at = data[at:at + 4], at + 4
        yield key >> 3, value
    assert at == len(data)


def events(path):
    """The events of a file: (step, version, starts, {tag: value})."""
    data = path.read_bytes()
    at = 0
    while at < len(data):
        head = data[at:at + 8]
        length, = struct.unpack("<Q", head)
        assert struct.unpack("<I", data[at + 8:at + 12])[0] == masked(head)
        message = data[at + 12:at + 12 + length]
        at += 16 + length
        assert struct.unpack("<I", data[at - 4:at])[0] == masked(message)
        step, version, starts, values = 0, None, False, {}
        for number, value in fields(message):
            if number == 1:
                assert abs(struct.unpack("<d", value)[0] - time.time()) < 3600
            elif number == 2:
                step = value
            elif number == 3:
                version = value.decode()
            elif number == 5:
                for _, one in fields(value):
                    pair = dict(fields(one))
                    values[pair[1].decode()], = struct.unpack("<f", pair[2])
            elif number == 7:
                starts = dict(fields(value)) == {1: 1}
        yield step, version, starts, values


class TrainingCase(Case):
    def lines(self, name):
        return [json.loads(line, parse_constant=self.fail)
                for line in (self.folder / name).read_text().splitlines()]

    def needs_tensorboard(self):
        """Skips the test of a program without it."""
        done = subprocess.run(
            self.command(["train", "small.net", "data", "--epochs", 1, "--out",
                          "needs", "--tensorboard", "needs.board"]),
            cwd=self.folder, env=environment(), capture_output=True, text=True)
        if done.returncode:
            self.assertEqual(done.stderr, "fovea: tensorboard: this build of "
                             "Fovea has no logs for TensorBoard\n")
            self.skipTest("the program has no logs for TensorBoard")

    def remove(self, *names):
        for name in names:
            for path in self.folder.glob(name):
                path.unlink()


class LogTest(TrainingCase):
    def test_both_forms_have_the_same_numbers(self):
        self.train("log", "--log", "log.csv", "--log-every", 4)
        self.train("log", "--log", "log.jsonl", "--log-every", 4)
        with (self.folder / "log.csv").open(newline="") as file:
            table = list(csv.reader(file))
        self.assertEqual(table[0], COLUMNS)
        lines = self.lines("log.jsonl")
        self.assertEqual(
            [(line["step"], line["kind"]) for line in lines],
            [(4, "step"), (8, "step"), (11, "epoch"), (12, "step"),
             (16, "step"), (20, "step"), (22, "epoch"), (22, "end")])
        for row, line in zip(table[1:], lines, strict=True):
            self.assertEqual(list(line), COLUMNS)
            for name, text in zip(COLUMNS, row, strict=True):
                if name == "kind":
                    self.assertEqual(text, line[name])
                elif text == "":
                    self.assertIsNone(line[name])
                elif name not in NUMBERS[5:]:
                    self.assertEqual(float(text), line[name])
            self.assertEqual(line["test_loss"] is None,
                             line["kind"] == "step")
            self.assertEqual(line["learning_rate"],
                             None if line["kind"] == "end" else 0.001)
        self.assertEqual(lines[0]["batch"], 4)
        self.assertEqual(lines[-1]["batches"], STEPS)
        # a run that begins anew begins its log anew
        self.train("log", "--log", "log.jsonl", "--log-every", 11)
        self.assertEqual([line["step"] for line in self.lines("log.jsonl")],
                         [11, 11, 22, 22, 22])

    def test_the_numbers_are_those_of_the_result(self):
        found = self.json_of(self.train("log", "--json", "--log", "a.jsonl"))
        last = self.lines("a.jsonl")[-1]
        for key, name in (("loss", "test_loss"), ("accuracy", "test_accuracy"),
                          ("train_loss", "loss")):
            self.assertEqual(found[key], last[name])

    def test_what_is_no_log(self):
        (self.folder / "notes.csv").write_text("a,b\n1,2\n")
        (self.folder / "notes.jsonl").write_text('{"kind":"step"}\n')
        (self.folder / "short.jsonl").write_text('{"kind"')
        for name, kind in (("notes.csv", "CSV"), ("notes.jsonl", "JSON"),
                           ("short.jsonl", "JSON")):
            before = (self.folder / name).read_bytes()
            done = self.train("no", "--log", name, code=1)
            self.assertEqual(done.stderr, f"fovea: {name}: the file there is "
                             f"no log of training in {kind}\n")
            self.assertEqual((self.folder / name).read_bytes(), before)
        done = self.train("no", "--log", "notes.txt", code=1)
        self.assertEqual(done.stderr,
                         "fovea: notes.txt: a log ends with .csv or .jsonl\n")

    def test_tensorboard(self):
        self.needs_tensorboard()
        self.train("tb", "--log", "tb.jsonl", "--log-every", 5,
                   "--tensorboard", "board")
        files = list((self.folder / "board").iterdir())
        self.assertEqual(len(files), 1)
        self.assertIn("tfevents", files[0].name)
        found = list(events(files[0]))
        self.assertEqual(found[0][1], "brain.Event:2")
        tags = {"step": {"loss": "step/loss", "accuracy": "step/accuracy",
                         "learning_rate": "learning_rate"},
                "epoch": {"loss": "epoch/loss", "accuracy": "epoch/accuracy",
                          "test_loss": "test/loss",
                          "test_accuracy": "test/accuracy"}}
        lines = self.lines("tb.jsonl")[:-1]
        for event, line in zip(found[1:], lines, strict=True):
            self.assertEqual(event[0], line["step"])
            expected = {tag: line[name]
                        for name, tag in tags[line["kind"]].items()}
            if line["kind"] == "step":
                self.assertGreater(event[3].pop("images_per_s"), 0)
            self.assertEqual(set(event[3]), set(expected))
            for tag, value in expected.items():
                self.assertTrue(math.isclose(event[3][tag], value,
                                             rel_tol=1e-6))
    def test_tensorboard_itself(self):
        """Reads two runs, the second of which goes on from the first, where it
        is installed."""
        self.needs_tensorboard()
        try:
            from tensorboard.backend.event_processing import event_accumulator
        except ImportError:
            self.skipTest("there is no TensorBoard")
        words = ("--tensorboard", "read.board", "--log", "read.jsonl")
        self.train("read", *words)
        time.sleep(1)
        self.train("read", *words, "--epochs", 3, "--resume")
        found = event_accumulator.EventAccumulator(str(self.folder / "read.board"))
        found.Reload()
        epochs = [line for line in self.lines("read.jsonl")
                  if line["kind"] == "epoch"]
        self.assertEqual([e.step for e in found.Scalars("test/loss")],
                         [line["step"] for line in epochs])
        for event, line in zip(found.Scalars("test/loss"), epochs):
            self.assertAlmostEqual(event.value, line["test_loss"], 5)

    def test_going_on(self):
        """Lines behind the checkpoint go, none comes twice."""
        words = ("--log", "whole.jsonl", "--log-every", 3)
        self.train("whole", *words)
        whole = self.lines("whole.jsonl")
        self.train("part", "--epochs", 1, "--log", "part.jsonl",
                   "--log-every", 3)
        self.needs_tensorboard()
        with (self.folder / "part.jsonl").open("a") as file:
            file.write('{"step":12,"kind":"step"}\n{"step":13,"ki')
        self.train("part", "--resume", "--log", "part.jsonl", "--log-every", 3,
                   "--tensorboard", "again")
        part = self.lines("part.jsonl")
        for lines in whole, part:
            for line in lines:
                for name in ("images_per_s", "seconds", "seconds_left",
                             "epochs"):
                    del line[name]
        self.assertEqual(part, whole)
        file, = (self.folder / "again").iterdir()
        start = list(events(file))[1]
        self.assertEqual((start[0], start[2]), (STEPS + 1, True))


class WatchTest(TrainingCase):
    def test_early_stopping(self):
        found = self.json_of(self.train(
            "still", "--epochs", 9, "--lr", 0, "--patience", 2, "--keep-best",
            "--json"))
        self.assertEqual((found["epochs"], found["stopped"],
                          found["best_epoch"]), (3, True, 1))
        done = self.train("still", "--epochs", 9, "--lr", 0, "--patience", 2,
                          "--keep-best", "--resume")
        self.assertRegex(done.stdout, r"(?m)^best epoch 1, loss \d\.\d{4}; "
                         r"stopped early$")

    def test_the_best_epoch_is_kept(self):
        found = self.json_of(self.train(
            "best", "--epochs", 8, "--lr", 0.5, "--keep-best", "--keep", 2,
            "--log", "best.jsonl", "--json"))
        epochs = {line["epoch"]: line for line in self.lines("best.jsonl")
                  if line["kind"] == "epoch"}
        best = min(epochs, key=lambda e: (epochs[e]["test_loss"], e))
        self.assertEqual(found["best_epoch"], best)
        self.assertEqual(found["best"], epochs[best]["test_loss"])
        self.assertAlmostEqual(found["loss"], found["best"], 5)
        self.assertEqual(found["accuracy"], epochs[best]["test_accuracy"])
        self.assertEqual(
            sorted(p.name for p in self.folder.glob("best.checkpoint.*")),
            ["best.checkpoint.7", "best.checkpoint.8"])

    def test_images_held_out(self):
        words = ("--val-split", 0.25, "--log", "held.jsonl", "--json",
                 "--log-every", 1)
        done = self.train("held", *words)
        self.assertIn("validation loss", done.stderr)
        found = self.json_of(done)
        lines = self.lines("held.jsonl")
        self.assertEqual(lines[-1]["batches"], 8)  # of 384 images
        again = self.json_of(self.run_fovea("eval", "held", "data", "--json"))
        self.assertEqual(found["accuracy"], again["accuracy"])
        self.assertNotEqual(found["loss"], lines[-1]["test_loss"])
        before = sha(self.folder / "held")
        self.train("held", "--epochs", 1, *words)
        self.train("held", *words, "--resume")
        self.assertEqual(sha(self.folder / "held"), before)
        self.train("held", "--val-data", "data:test", "--log", "val.jsonl")
        done = self.train("held", *words, "--val-data", "data", code=2)
        self.assertIn("--val-split and --val-data exclude each other",
                      done.stderr)

    def test_classes_weighed_and_balanced(self):
        models = {}
        for words in ((), ("--class-weights", "balanced"), ("--balanced",),
                      ("--class-weights", "1,2,3,4")):
            self.train("classes", "--force", *words)
            models[words] = sha(self.folder / "classes")
        self.assertEqual(len(set(models.values())), 4)
        text = self.run_fovea("info", "classes").stdout
        self.assertIn("softmax_cross_entropy", text)
        done = self.train("classes", "--force", "--class-weights", "1,x",
                          code=1)
        self.assertIn("class_weights", done.stderr)

    def test_rollback(self):
        """A rate that is far too large is halved until it is given up."""
        words = ("--optimizer", "sgd", "--lr", "1e38", "--json")
        done = self.train("far", *words, code=1)
        self.assertRegex(done.stderr, r"fovea: train: .* step \d+")
        done = self.train("far", *words, "--on-nan", "rollback", code=1)
        self.assertEqual(done.stderr.count("; going back to batch 0 of epoch "
                                           "1 with learning_rate "), 3)
        self.assertRegex(done.stderr, r"fovea: after 3 rollbacks: train: ")


class TopTest(TrainingCase):
    def test_once(self):
        self.train("top", "--log", "top.jsonl", "--log-every", 3)
        done = self.run_fovea("top", "top.jsonl", "--once")
        lines = done.stdout.splitlines()
        self.assertEqual(len(lines), 4)
        self.assertEqual(lines[0], "epoch 2/2  batch 11/11  step 22  ended")
        last = self.lines("top.jsonl")[-1]
        self.assertTrue(lines[1].startswith(
            f"train loss {last['loss']:.4g}  accuracy "
            f"{last['accuracy']:.4g}  "), lines[1])
        self.assertTrue(any(c in lines[1] for c in "▁█"))
        self.assertRegex(lines[3], r"^rate 0\.001  [\d,]+ images/s  \d+:\d\d  "
                         r"ETA -  best [\d.]+ in epoch \d$")
        # ends with the run, and is plain ASCII in another locale
        plain = self.run_fovea("top", "top.jsonl",
                               env={**environment(), "LC_ALL": "C"})
        self.assertTrue(plain.stdout.isascii())

    def test_refusals(self):
        done = self.run_fovea("top", "none.jsonl", "--once", code=1)
        self.assertEqual(done.stderr, "fovea: none.jsonl: cannot open: No such "
                         "file or directory\n")
        (self.folder / "odd.jsonl").write_text('{"step":1,"kind":"step"}\n?\n')
        done = self.run_fovea("top", "odd.jsonl", "--once", code=1)
        self.assertEqual(done.stderr, "fovea: odd.jsonl: line 2 is none of a "
                         "training log in JSON\n")

    def test_follows_a_run(self):
        path = self.folder / "slow.jsonl"
        path.write_text("")
        follower = subprocess.Popen(
            self.command(["top", "slow.jsonl"]), cwd=self.folder, text=True,
            env=environment(), stdout=subprocess.PIPE)
        self.train("slow", "--log", "slow.jsonl")
        out, _ = follower.communicate(timeout=test_cli.LIMIT)
        self.assertEqual(follower.returncode, 0)
        self.assertIn("step 22  ended", out)


class BarTest(TrainingCase):
    def test_a_terminal_that_becomes_narrower(self):
        """Each bar fits the width that the terminal has then."""
        leader, follower = pty.openpty()

        def set_width(columns):
            fcntl.ioctl(follower, termios.TIOCSWINSZ,
                        struct.pack("HHHH", 24, columns, 0, 0))
        set_width(150)
        process = subprocess.Popen(
            self.command(["train", "small.net", "data", "--epochs", 1000000,
                          "--out", "bar"]), cwd=self.folder,
            env=environment(TERM="xterm", NO_COLOR="1"), stderr=follower,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

        def read_bars(count):
            seen = b""
            while len(re.findall(rb"epoch \d+/1000000 [^\n]*\x1b\[K",
                                 seen)) < count:
                seen += os.read(leader, 65536)
            return seen.decode(errors="replace")
        wide = read_bars(4)
        self.assertRegex(wide, "  rate 0.001  .*ETA [0-9:]+  [▁-█]+\x1b")
        set_width(40)
        read_bars(2)
        os.write(follower, b"\n")
        narrow = read_bars(4)
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=test_cli.LIMIT)
        os.close(follower)
        os.close(leader)
        bars = re.findall(r"\r(epoch [^\r\n]*)\x1b\[K", narrow)
        self.assertTrue(bars)
        for bar in bars:
            self.assertLess(len(bar), 40)


WAYS = [
    (),
    ("--schedule", "cosine", "--average", "0.9", "--micro-batch", "20",
     "--patience", "2", "--keep-best", "--keep", "2"),
    ("--optimizer", "sgd momentum=0.9", "--schedule",
     "linear 9 for 9 then plateau patience=0", "--balanced", "--val-split",
     "0.2", "--monitor", "accuracy", "--patience", "3", "--micro-batch", "11"),
]


class KillTest(TrainingCase):
    """Runs that are killed at random moments end with the bits of one that was
    not. FOVEA_KILLS in the environment is how many."""
    EPOCHS = 6

    def start(self, name, way):
        words = ["train", "small.net", "--data", "data", "--epochs",
                 self.EPOCHS, "--batch", 48, "--out", name, "--resume",
                 "--log", f"{name}.jsonl", "--log-every", 4, *way]
        return subprocess.Popen(self.command(words), cwd=self.folder,
                                env=environment(), stdin=subprocess.DEVNULL,
                                stdout=subprocess.DEVNULL,
                                stderr=subprocess.PIPE)

    def finish(self, process):
        _, errors = process.communicate(timeout=test_cli.LIMIT)
        self.assertEqual(process.returncode, 0, errors)

    def log_of(self, name):
        return [(line["step"], line["kind"], line["loss"], line["test_loss"],
                 line["learning_rate"])
                for line in self.lines(f"{name}.jsonl")]

    def test_kills(self):
        number = random.Random(os.environ.get("FOVEA_KILLS_SEED", "kills"))
        left = int(os.environ.get("FOVEA_KILLS", "4"))
        whole, took = {}, {}
        done = 0
        while left > 0:
            way = WAYS[done % len(WAYS)]
            done += 1
            if way not in whole:
                began = time.monotonic()
                self.finish(self.start(f"whole{len(whole)}", way))
                took[way] = time.monotonic() - began
                name = f"whole{len(whole)}"
                whole[way] = sha(self.folder / name), self.log_of(name)
            self.remove("killed*")
            for _ in range(3):
                if left == 0:
                    break
                process = self.start("killed", way)
                time.sleep(number.random() * took[way])
                process.send_signal(signal.SIGKILL)
                process.communicate()
                left -= 1
            self.finish(self.start("killed", way))
            self.assertEqual(sha(self.folder / "killed"), whole[way][0], way)
            self.assertEqual(self.log_of("killed"), whole[way][1], way)
            self.assertEqual(list(self.folder.glob(".killed*")), [])


class FullDiskTest(TrainingCase):
    def limited(self, name, limit, *words):
        """Trains where files may have so many bytes."""
        def lower():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        return subprocess.run(
            self.command(["train", "small.net", "--data", "data", "--epochs",
                          4, "--batch", 48, "--out", name, *words]),
            cwd=self.folder, env=environment(), text=True, preexec_fn=lower,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, timeout=test_cli.LIMIT)

    def test_a_checkpoint_that_does_not_fit(self):
        """The one before it is whole, and the run goes on from there."""
        self.train("full", "--epochs", 4)
        expected = sha(self.folder / "full")
        self.remove("full*")
        self.train("full", "--epochs", 2)
        before = sha(self.folder / "full.checkpoint")
        done = self.limited("full", 4096, "--resume", "--seed", 3)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"fovea: full\.checkpoint: cannot write: "
                         r"File too large\n$")
        self.assertEqual(sha(self.folder / "full.checkpoint"), before)
        self.assertEqual(list(self.folder.glob(".full*")), [])
        self.train("full", "--epochs", 4, "--resume")
        self.assertEqual(sha(self.folder / "full"), expected)

    def test_a_log_that_does_not_fit(self):
        self.train("long", "--epochs", 4, "--log", "long.jsonl")
        size = (self.folder / "long.checkpoint").stat().st_size
        expected = self.lines("long.jsonl")
        self.remove("long*")
        with (self.folder / "long.csv").open("w") as file:
            file.write(",".join(COLUMNS) + "\n")
        done = self.limited("long", size + 4096, "--log", "long.jsonl",
                            "--log-every", 1, "--seed", 3, "--epochs", 400)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"fovea: long\.jsonl: cannot write: File "
                         r"too large\n$")
        # the log is cut off, and mended when the run goes on
        self.train("long", "--epochs", 4, "--log", "long.jsonl", "--force")
        for line, other in zip(self.lines("long.jsonl"), expected, strict=True):
            self.assertEqual(line["loss"], other["loss"])


class RecipeTest(TrainingCase):
    """Options that are chosen, files of them, and other heads."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        noise = random.Random(3)
        for kind in range(3):
            folder = cls.folder / "photos" / f"class{kind}"
            folder.mkdir(parents=True)
            for i in range(14):
                width = noise.randrange(17, 60)
                row = bytes(noise.randrange(80) + 80 * (k % 3 == kind)
                            for k in range(3 * width))
                (folder / f"{i}.png").write_bytes(
                    test_cli.png(width, noise.randrange(17, 60), 2, row))
        (cls.folder / "pictures.net").write_text(
            "input 16 16 3\nconv2d 4 3 3 stride=2\nbatchnorm\nrelu\n"
            "global_average_pool\nflatten\nlinear 7\nsoftmax_cross_entropy\n")

    def pictures(self, *words, **more):
        done = subprocess.run(
            self.command(["train", "pictures.net", "--data", "./photos",
                          "--print-recipe"]), cwd=self.folder,
            env=environment(), capture_output=True, text=True)
        if done.returncode and "this build of Fovea" in done.stderr:
            self.skipTest("the program reads no PNG files")
        return self.run_fovea("train", "pictures.net", "--data", "./photos",
                              *words, **more)

    def options(self, text):
        return [line.split(" #")[0].strip() for line in text.splitlines()
                if line.startswith("--")]

    def test_what_is_chosen(self):
        found = self.options(self.pictures("--print-recipe").stdout)
        self.assertEqual(found, [
            "--head new", '--augment "resize 16 16"',
            '--augment "random_crop 16 16 padding=2"', "--augment flip",
            '--augment "normalise auto"', "--val-split 0.1", "--batch 8", "--optimizer sgd",
            "--momentum 0.9", "--nesterov", "--weight-decay 0.0005",
            "--lr 0.00625", "--epochs 100",
            '--schedule "linear 6 for 6 then cosine"'])
        # what is given is not chosen
        found = self.options(self.pictures(
            "--print-recipe", "--recipe", "auto", "--augment", "resize 16 16", "--batch", 5,
            "--optimizer", "adam", "--epochs", 2, "--schedule", "cosine",
            "--val-split", 0.2).stdout)
        self.assertEqual(found, ["--head new"])
        self.assertFalse((self.folder / "model.safetensors").exists())

    def test_a_file_gives_what_was_chosen(self):
        done = self.pictures("--epochs", 2, "--out", "chosen")
        file = self.folder / "it.recipe"
        file.write_text("\n".join(self.options(done.stderr)) + "\n")
        again = self.pictures("--epochs", 2, "--out", "again", "--recipe",
                              file.name)
        self.assertEqual(self.options(again.stderr), [])
        self.assertEqual(sha(self.folder / "chosen"),
                         sha(self.folder / "again"))
        # options of the command line win
        found = self.json_of(self.pictures(
            "--recipe", file.name, "--epochs", 1, "--optimizer", "adam",
            "--augment", "resize 16", "--json", "--out", "won"))
        self.assertEqual(found["epochs"], 1)
        text = (self.folder / "won").read_bytes()
        self.assertIn(b"augment resize 16", text)
        self.assertNotIn(b"random_crop", text)

    def test_what_is_no_recipe(self):
        file = self.folder / "bad.recipe"
        for text, sentence in (
                ("# why\nbatch 3\n", "bad.recipe:2: expected an option, "
                 "--NAME VALUE"),
                ("--recipe auto\n", "bad.recipe:1: a recipe within a recipe"),
                ("--batch 0\n", "--batch 0: expected a whole number from 1 to "
                 "1048576"),
                ("\0", "--recipe bad.recipe: no file of options")):
            file.write_text(text)
            done = self.train("no", "--recipe", file.name, code=2)
            self.assertEqual(done.stderr.splitlines()[0],
                             f"fovea train: {sentence}")
        done = self.train("no", "--recipe", "none.recipe", code=2)
        self.assertEqual(done.stderr.splitlines()[0], "fovea train: --recipe "
                         "none.recipe: cannot be read")

    def test_data_of_the_size_keep_the_defaults(self):
        self.train("usual")
        done = self.train("none", "--recipe", "none")
        self.assertEqual(self.options(done.stderr), [])
        self.assertEqual(sha(self.folder / "usual"), sha(self.folder / "none"))
        done = self.train("auto", "--recipe", "auto")
        self.assertIn('--augment "random_crop 12 12 padding=2"',
                      self.options(done.stderr))
        self.assertNotEqual(sha(self.folder / "usual"),
                            sha(self.folder / "auto"))

    def test_another_head(self):
        self.train("four")
        (self.folder / "two").mkdir()
        (self.folder / "two.csv").write_text("")
        found = self.json_of(self.train(
            "head", "--head", "new", "--freeze-epochs", 1, "--json"))
        self.assertEqual(found["epochs"], 2)
        # only the head of a network with weights differs after a frozen epoch
        self.run_fovea("train", "four", "--data", "data", "--head", "new",
                       "--freeze-epochs", 1, "--epochs", 1, "--out", "tuned")
        before, after = ((self.folder / name).read_bytes()
                         for name in ("four", "tuned"))
        head, = struct.unpack("<Q", before[:8])
        header = json.loads(before[8:8 + head])
        size, = struct.unpack("<Q", after[:8])
        tuned = json.loads(after[8:8 + size])
        for name, entry in header.items():
            if name == "__metadata__":
                continue
            begin, end = entry["data_offsets"]
            first, last = tuned[name]["data_offsets"]
            same = before[8 + head + begin:8 + head + end] \
                == after[8 + size + first:8 + size + last]
            self.assertEqual(same, not name.startswith("linear")
                             and "running" not in name, name)


class RateTest(TrainingCase):
    def test_a_rate_is_found(self):
        found = self.json_of(self.run_fovea(
            "lrfind", "small.net", "data", "--optimizer", "sgd", "--batch", 64,
            "--steps", 60, "--json"))
        self.assertEqual(set(found), {"suggested", "least", "least_loss",
                                      "diverged", "steps"})
        self.assertGreater(found["suggested"], 1e-3)
        self.assertLess(found["suggested"], 1.1)
        self.assertAlmostEqual(found["least"], 10 * found["suggested"])
        rates = [step["learning_rate"] for step in found["steps"]]
        self.assertAlmostEqual(rates[0], 1e-7)
        self.assertAlmostEqual(rates[1] / rates[0], 10 ** (8 / 59))
        done = self.run_fovea("lrfind", "small.net", "data", "--optimizer",
                              "sgd", "--batch", 64, "--steps", 60)
        self.assertRegex(done.stdout, rf"\nsuggested --lr "
                         rf"{found['suggested']:.2g}\n$")
        self.assertEqual(list(self.folder.glob("*.safetensors")), [])


if __name__ == "__main__":
    test_cli.main()
