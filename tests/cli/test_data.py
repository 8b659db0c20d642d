#!/usr/bin/env python3
"""`fovea data`, and training on folders of pictures.

    test_data.py FOVEA [CLASS[.TEST]...]

Ends with 77, "skipped", for a program that can neither save nor print JSON.
"""

import os
import random
import signal
import struct
import subprocess
import time
import zlib

import test_cli
from test_cli import Case, environment, sha

NET = """\
input 8 8 3
flatten
linear 2
softmax_cross_entropy
"""


def picture(columns, rows, pixels):
    """A PNG file of RGB pixels."""
    def chunk(name, data):
        body = name + data
        return struct.pack(">I", len(data)) + body \
            + struct.pack(">I", zlib.crc32(body))
    lines = b"".join(b"\0" + pixels[3 * columns * y:3 * columns * (y + 1)]
                     for y in range(rows))
    return b"\x89PNG\r\n\x1a\n" \
        + chunk(b"IHDR", struct.pack(">IIBBBBB", columns, rows, 8, 2, 0, 0,
                                     0)) \
        + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")


def spots(seed, size=8, more=0):
    """Pixels in large random blocks, brighter by `more`."""
    noise = random.Random(seed)
    blocks = [noise.randrange(200) for _ in range(16)]
    return bytes(min(255, blocks[4 * y // size * 4 + 4 * x // size] + more)
                 for y in range(size) for x in range(size) for _ in range(3))


class DataCase(Case):
    def setUp(self):
        self.zoo = self.folder / "zoo"
        for kind in ("cat", "dog"):
            (self.zoo / kind).mkdir(parents=True)
            for i in range(20):
                (self.zoo / kind / f"{i:02}.png").write_bytes(
                    picture(8, 8, spots(f"{kind}{i}")))
        (self.folder / "tiny.net").write_text(NET)
        done = subprocess.run(self.command(["data", "./zoo"]),
                              cwd=self.folder, capture_output=True, text=True,
                              check=False)
        if "has no libpng" in done.stdout:
            self.skipTest("this build has no libpng")

    def tearDown(self):
        subprocess.run(["rm", "-rf", self.zoo, *self.folder.glob("out*")],
                       check=True)

    def look(self, *words, code=0):
        return self.json_of(self.run_fovea("data", *words, "--json",
                                           code=code))


class DataTest(DataCase):
    def test_nothing_is_wrong(self):
        found = self.look("./zoo")
        self.assertEqual(found["problems"], 0)
        self.assertEqual(found["parts"], [
            {"name": "all", "images": 40,
             "classes": [{"name": "cat", "images": 20},
                         {"name": "dog", "images": 20}]}])
        self.assertEqual(found["rows"], {"least": 8, "median": 8, "most": 8})
        self.assertEqual(found["formats"],
                         [{"format": "PNG", "channels": 3, "images": 40}])
        values = [v / 255 for kind in ("cat", "dog") for i in range(20)
                  for v in spots(f"{kind}{i}")]
        mean = sum(values) / len(values)
        self.assertAlmostEqual(found["mean"][1], mean, 12)
        self.assertAlmostEqual(
            found["std"][2] ** 2,
            sum(v * v for v in values) / len(values) - mean ** 2, 12)
        text = self.run_fovea("data", "./zoo").stdout
        self.assertIn(f"augment normalise mean={mean:.4g},{mean:.4g},", text)
        self.assertIn("0 problems, 0 notes\n", text)

    def test_all_problems_at_once(self):
        zoo = self.zoo
        for part in ("train", "test"):
            (zoo / part).mkdir()
        (zoo / "cat").rename(zoo / "train" / "cat")
        (zoo / "dog").rename(zoo / "train" / "dog")
        (zoo / "test" / "cat").mkdir()
        one = (zoo / "train/cat/03.png").read_bytes()
        (zoo / "train/cat/cut.png").write_bytes(one[:-20])
        (zoo / "train/cat/text.png").write_text("no picture")
        (zoo / "train/dog/same.png").write_bytes(one)
        (zoo / "test/cat/leak.png").write_bytes(
            picture(8, 8, spots("dog5", more=3)))
        (zoo / "train/dog/like.png").write_bytes(
            picture(8, 8, spots("dog6", more=2)))
        found = self.look("./zoo", code=1)
        self.assertEqual(len(found["damaged"]), 2)
        self.assertIn("./zoo/train/cat/text.png: ", found["damaged"][0])
        self.assertIn("./zoo/train/cat/cut.png: ", found["damaged"][1])
        self.assertEqual(found["equal"], [
            {"parts": False, "classes": True,
             "images": ["./zoo/train/cat/03.png", "./zoo/train/dog/same.png"]}])
        self.assertEqual(found["alike"], [
            {"parts": True, "classes": True,
             "images": ["./zoo/train/dog/05.png", "./zoo/test/cat/leak.png"]},
            {"parts": False, "classes": False,
             "images": ["./zoo/train/dog/06.png",
                        "./zoo/train/dog/like.png"]}])
        self.assertEqual(found["problems"], 4)
        self.assertEqual(found, self.look("./zoo", "--threads", 1, code=1))
        text = self.run_fovea("data", "./zoo", code=1).stdout
        self.assertIn("alike      ./zoo/train/dog/05.png, ./zoo/test/cat/"
                      "leak.png; in several parts; of several classes\n", text)
        self.assertIn("4 problems, 1 note\n", text)

    def test_manifest(self):
        (self.zoo / "dog" / 'a, "b".png').write_bytes(
            picture(8, 8, spots("more")))
        words = ("data", "./zoo", "--split", "0.5,0.3,0.2", "--out",
                 "zoo/out.csv")
        self.run_fovea(*words)
        first = (self.zoo / "out.csv").read_text()
        self.assertIn('\n"dog/a, ""b"".png",dog,', first)
        parts = [line.rsplit(",", 1)[1] for line in first.splitlines()[1:]]
        self.assertEqual([parts.count(p) for p in ("train", "val", "test")],
                         [21, 12, 8])
        self.assertIn("--force would replace it",
                      self.run_fovea(*words, code=1).stderr)
        self.run_fovea(*words, "--force")
        self.assertEqual((self.zoo / "out.csv").read_text(), first)
        self.run_fovea(*words, "--force", "--seed", 1)
        self.assertNotEqual((self.zoo / "out.csv").read_text(), first)
        found = self.look("zoo/out.csv")
        self.assertEqual([p["images"] for p in found["parts"]], [21, 12, 8])
        self.assertIn("is divided into parts already", self.run_fovea(
            "data", "zoo/out.csv", "--split", "0.5,0.5", "--out", "out.csv",
            code=1).stderr)
        for shares in ("0.5", "0.5,0.4", "1,0,0,0", "a,b", "0.5,-0.5,1"):
            self.assertIn("--split ", self.run_fovea(
                "data", "./zoo", "--split", shares, "--out", "out.csv",
                code=2).stderr)
        self.assertIn("--split and --out need each other", self.run_fovea(
            "data", "./zoo", "--out", "out.csv", code=2).stderr)
        self.assertFalse((self.folder / "out.csv").exists())

    def test_sheet(self):
        self.run_fovea("data", "./zoo", "--sheet", "out.png")
        head = (self.folder / "out.png").read_bytes()[16:24]
        self.assertEqual(struct.unpack(">II", head), (916, 156))


class PicturesTrainingTest(DataCase):
    def train(self, *words, code=0):
        return self.run_fovea("train", "tiny.net", *words, "--epochs", 3,
                              "--batch", 4, "--out", "out.model", "--force",
                              code=code)

    def test_images_held_out(self):
        done = self.train("./zoo", "--val-split", 0.25, "--json")
        self.assertIn("validation loss", done.stderr)
        again = self.train("./zoo", "--val-split", 0.25, "--json",
                           "--workers", 0)
        for key in ("loss", "train_loss"):
            self.assertEqual(self.json_of(done)[key],
                             self.json_of(again)[key])
        self.assertIn("val    accuracy", self.train(
            "./zoo", "--val-split", 0.25).stdout)

    def test_the_part_for_validation(self):
        self.run_fovea("data", "./zoo", "--split", "0.5,0.25,0.25", "--out",
                       "out.csv")
        done = self.train("./out.csv", "--json")
        self.assertIn("validation loss", done.stderr)
        tested = self.json_of(self.run_fovea("eval", "out.model",
                                             "./out.csv:test", "--batch",
                                             4, "--json"))
        self.assertEqual(self.json_of(done)["loss"], tested["loss"])

    def test_normalise_auto(self):
        mean = self.look("./zoo")["mean"][0]
        self.train("./zoo", "--normalise", "auto")
        self.assertIn(f"augment normalise mean={mean:.10g}"[:-2].encode(),
                      (self.folder / "out.model").read_bytes())
        first = sha(self.folder / "out.model")
        (self.folder / "tiny.net").write_text(
            NET.replace("flatten", "augment normalise auto\nflatten"))
        self.train("./zoo", "--resume")
        self.assertEqual(sha(self.folder / "out.model"), first)

    def test_interrupted_with_workers(self):
        process = subprocess.Popen(
            self.command(["train", "tiny.net", "./zoo", "--epochs", 1000000,
                          "--batch", 4, "--workers", 3, "--out", "out.model"]),
            cwd=self.folder, env=environment(), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        end = time.monotonic() + test_cli.LIMIT
        while not (self.folder / "out.model.checkpoint").exists() \
                and time.monotonic() < end:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=test_cli.LIMIT)
        self.assertEqual(process.returncode, 128 + signal.SIGINT, errors)
        self.assertIn("interrupted; the network so far is in out.model",
                      errors)
        self.run_fovea("eval", "out.model", "./zoo")


if __name__ == "__main__":
    test_cli.main()
