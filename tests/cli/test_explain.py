#!/usr/bin/env python3
"""`fovea explain` with an image: pictures of what a decision depends on.

    test_explain.py FOVEA [CLASS[.TEST]...]
"""

import struct
import subprocess
import zlib

import test_cli
from test_cli import CLASSES, SIDE, Case, png


def read_png(path):
    """Width, height and RGB bytes of a picture that the program wrote."""
    data, at, rows = path.read_bytes(), 8, b""
    while at < len(data):
        length, name = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + length]
        if name == b"IHDR":
            width, height, depth, kind = struct.unpack(">IIBB", body[:10])
            assert (depth, kind) == (8, 2)
        rows += body if name == b"IDAT" else b""
        at += 12 + length
    rows = zlib.decompress(rows)
    step, above, out = 3 * width, bytes(3 * width), b""
    for i in range(height):
        kind, *line = rows[i * (step + 1):(i + 1) * (step + 1)]
        for k in range(step):
            left = line[k - 3] if k >= 3 else 0
            corner = above[k - 3] if k >= 3 else 0
            p = left + above[k] - corner
            nearest = min((left, above[k], corner), key=lambda v: abs(p - v))
            line[k] = (line[k] + (0, left, above[k], (left + above[k]) // 2,
                                  nearest)[kind]) % 256
        above = bytes(line)
        out += above
    return width, height, out


class ExplainImageTest(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        case = cls()
        case.train("model", "--epochs", 6)
        bright = bytes([230] * (SIDE // 2) + [30] * (SIDE // 2))
        (cls.folder / "x.png").write_bytes(png(SIDE, SIDE, 0, bright))
        (cls.folder / "wide.png").write_bytes(png(SIDE + 1, SIDE, 0,
                                                  bright + b"\0"))

    def setUp(self):
        done = self.run_fovea("explain", "model", "x.png", code=None)
        if "this build of Fovea has no" in done.stderr:
            self.skipTest(done.stderr)

    def run_fovea(self, *words, code=0, **more):
        if code is not None:
            return super().run_fovea(*words, code=code, **more)
        return subprocess.run(self.command(words), cwd=self.folder, text=True,
                              capture_output=True)

    def refused(self, *words, code=1):
        done = self.run_fovea("explain", *words, code=code)
        self.assertEqual(done.stdout, "")
        return done.stderr

    def test_methods(self):
        answer = self.json_of(self.run_fovea(
            "predict", "model", "x.png", "--json"))["predictions"][0]
        best = answer["classes"][0]
        pictures = set()
        for method in "grad-cam", "saliency", "occlusion":
            found = self.json_of(self.run_fovea(
                "explain", "model", "x.png", "--method", method, "--json"))
            types = {"method": str, "image": str, "class": int, "name": str,
                     "score": float, "probability": float, "out": str}
            if method == "grad-cam":
                types["layer"] = str
                self.assertEqual(found["layer"], "dropout1")
            self.assert_types(found, types)
            self.assertEqual(found["class"], best["class"])
            self.assertAlmostEqual(found["probability"], best["probability"],
                                   5)
            self.assertEqual(found["out"], f"x.{method}.png")
            width, height, rgb = read_png(self.folder / found["out"])
            self.assertEqual((width, height), (SIDE, SIDE))
            pictures.add(rgb)
        self.assertEqual(len(pictures), 3)

    def test_features_and_filters(self):
        done = self.run_fovea("explain", "model", "x.png", "--method",
                              "features", "--layer", "conv1", "--out", "f.png")
        self.assertEqual(done.stdout, "features of layer conv1: f.png\n")
        width, height, rgb = read_png(self.folder / "f.png")
        self.assertEqual((width, height), (4 * SIDE + 1, 4 * SIDE + 1))
        self.assertEqual(rgb[3 * 2 * SIDE:3 * 2 * SIDE + 3], b"\xff" * 3)
        done = self.run_fovea("explain", "model", "--method", "filters")
        self.assertEqual(done.stdout, "filters: model.filters.png\n")
        width, height, rgb = read_png(self.folder / "model.filters.png")
        self.assertEqual((width, height), (61, 61))

    def test_classes(self):
        texts = set()
        for k in range(CLASSES):
            done = self.run_fovea("explain", "model", "x.png", "--class", k,
                                  "--out", f"{k}.png")
            self.assertRegex(done.stdout,
                             rf"^x.png: class {k}, score -?\d+\.?\d*, "
                             r"probability \d\.\d{4}\n"
                             rf"grad-cam of layer dropout1: {k}.png\n$")
            texts.add(done.stdout)
        self.assertEqual(len(texts), CLASSES)
        self.assertEqual(
            self.refused("model", "x.png", "--class", CLASSES),
            "fovea: grad_cam: class 4, there are 4, counted from 0\n")
        self.assertEqual(self.refused("model", "x.png", "--class", "cat"),
                         'fovea: explain: no class "cat" among 4\n')

    def test_the_same_bits(self):
        for method in "grad-cam", "saliency", "occlusion":
            for threads in 1, 3:
                self.run_fovea("explain", "model", "x.png", "--method", method,
                               "--threads", threads, "--out",
                               f"{threads}.png")
            self.assertEqual((self.folder / "1.png").read_bytes(),
                             (self.folder / "3.png").read_bytes())

    def test_on_a_terminal(self):
        seen = self.at_terminal(["explain", "model", "x.png"], "stdout", 80,
                                TERM="xterm-256color")
        lines = seen.splitlines()
        self.assertEqual(len(lines), SIDE // 2 + 2)
        self.assertIn("\x1b[38;5;", lines[0])
        self.assertIn("\u2580", lines[0])

    def test_onnx_and_open_size(self):
        done = self.run_fovea("convert", "model", "m.onnx", code=None)
        if done.returncode == 0:
            one, two = (self.json_of(self.run_fovea(
                "explain", name, "x.png", "--json", "--out", "o.png"))
                for name in ("model", "m.onnx"))
            self.assertEqual(one["class"], two["class"])
            self.assertAlmostEqual(one["score"], two["score"], 4)
        (self.folder / "open.net").write_text(
            "input ? ? 1\nconv2d 3 3 3\nrelu\nglobal_average_pool\nflatten\n"
            f"linear {CLASSES}\nsoftmax_cross_entropy\n")
        self.run_fovea("train", "open.net", "--data", "data", "--epochs", 1,
                       "--out", "open")
        self.run_fovea("explain", "open", "wide.png", "--out", "o.png")
        self.assertEqual(read_png(self.folder / "o.png")[:2], (SIDE + 1, SIDE))

    def test_transforms(self):
        """Images go through the transforms of the network."""
        (self.folder / "resize.net").write_text(
            test_cli.NET + f"augment resize {SIDE} {SIDE}\n"
            "augment normalise mean=0.5 std=0.25\n")
        self.run_fovea("train", "resize.net", "--data", "data", "--epochs", 1,
                       "--out", "resize")
        pictures = set()
        for method in "grad-cam", "occlusion":
            self.run_fovea("explain", "resize", "wide.png", "--method", method,
                           "--out", "r.png")
            width, height, rgb = read_png(self.folder / "r.png")
            self.assertEqual((width, height), (SIDE, SIDE))
            pictures.add(rgb)
        self.assertEqual(len(pictures), 2)

    def test_refused(self):
        self.assertIn(
            "fovea: wide.png: the image has 12 rows x 13 columns, the network "
            "takes 12 x 12", self.refused("model", "wide.png"))
        self.assertEqual(
            self.refused("model", "x.png", "--layer", "conv2"),
            'fovea: grad_cam: the network has no layer "conv2"; did you mean '
            '"conv1"?\n')
        self.assertEqual(self.refused("model", "x.png", "--out", "x.png"),
                         "fovea: x.png: is the image, give another --out\n")
        self.assertEqual(
            self.refused("small.net", "x.png"),
            "fovea: small.net: a network text has no weights; expected a saved "
            "model\n")
        self.assertIn("--method x: expected grad-cam, saliency, occlusion, "
                      "features or filters",
                      self.refused("model", "x.png", "--method", "x", code=2))
        for words, sentence in (
                (["x.png", "--method", "filters"],
                 "--method filters: without an image"),
                (["--method", "features"],
                 "--method features: expected an image"),
                (["--layer", "conv1"], "--layer: only with an image"),
                (["--out", "y.png"], "--out: only with an image"),
                (["--class", "1"], "--class: only with an image"),
                (["x.png", "--method", "features", "--class", "1"],
                 "--class: not with --method features"),
                (["x.png", "--method", "saliency", "--layer", "conv1"],
                 "--layer: not with --method saliency"),
                (["x.png", "--batch", "2"], "--batch: only without an image"),
                (["x.png", "--shape", "1x1x12x12"],
                 "--shape: only without an image"),
                (["x.png", "y.png"], "y.png: one word too many")):
            self.assertIn(f"fovea explain: {sentence}\n",
                          self.refused("model", *words, code=2))
        before = (self.folder / "x.png").read_bytes()
        self.refused("model", "x.png", "--out", "no/such/folder.png")
        self.assertEqual((self.folder / "x.png").read_bytes(), before)


if __name__ == "__main__":
    test_cli.main()
