#!/usr/bin/env python3
"""ONNX models as the program's users have them: every command takes one, and
training goes on from it.

    test_onnx.py FOVEA [CLASS[.TEST]...]
"""

import random
import struct
import subprocess
import zipfile

import test_cli
from test_cli import CLASSES, SIDE, sha
from test_run import npy, read_npy
from test_weights import WeightsCase, read_safetensors

FILTERS, KERNEL, IMAGES = 4, 3, 5
FEATURES = FILTERS * (SIDE // 2) ** 2
FLOAT, INT, INTS = 1, 2, 7

# What the model is here.
BODY = f"""input {SIDE} {SIDE} 1 name=x
conv2d {FILTERS} 3 3 padding=1 bias=no name=conv from=x
batchnorm name=norm from=conv
relu name=relu from=norm
maxpool 2 2 name=pool from=relu
reshape 0 -1 name=flat from=pool
linear {CLASSES} name=fc from=flat
"""


def varint(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes(out) + bytes([number])


def whole(field, number):
    return varint(field << 3) + varint(number)


def part(field, *contents):
    content = b"".join(c.encode() if isinstance(c, str) else c
                       for c in contents)
    return varint(field << 3 | 2) + varint(len(content)) + content


def tensor(name, shape, values):
    return part(5, *(whole(1, n) for n in shape), whole(2, FLOAT),
                part(8, name), part(9, struct.pack(f"<{len(values)}f",
                                                   *values)))


def node(kind, name, reads, **attributes):
    made = [part(1, value) for value in reads]
    for key, value in attributes.items():
        made.append(part(5, part(1, key), *(
            [whole(20, INT), whole(3, value)] if isinstance(value, int) else
            [whole(20, INTS), *(whole(8, n) for n in value)])))
    return part(1, *made, part(2, name), part(3, name), part(4, kind))


def value(field, name, *shape):
    """Text is the name of an open extent."""
    extents = [part(1, part(2, n) if isinstance(n, str) else whole(1, n))
               for n in shape]
    return part(field, part(1, name), part(2, part(
        1, whole(1, FLOAT), part(2, *extents))))


def model():
    """conv, batchnorm, relu, maxpool, flatten, linear, softmax."""
    numbers = random.Random(3)
    def some(*shape, low=-1, high=1, name):
        count = 1
        for extent in shape:
            count *= extent
        return tensor(name, shape, [numbers.uniform(low, high)
                                    for _ in range(count)])
    return whole(1, 8) + part(8, whole(2, 13)) + part(
        7,
        node("Conv", "conv", ["x", "w"], kernel_shape=[KERNEL, KERNEL],
             pads=[1, 1, 1, 1]),
        node("BatchNormalization", "norm",
             ["conv", "scale", "shift", "mean", "var"]),
        node("Relu", "relu", ["norm"]),
        node("MaxPool", "pool", ["relu"], kernel_shape=[2, 2], strides=[2, 2]),
        node("Flatten", "flat", ["pool"]),
        node("Gemm", "fc", ["flat", "fc_w", "fc_b"], transB=1),
        node("Softmax", "y", ["fc"], axis=1),
        part(2, "graph"),
        some(FILTERS, 1, KERNEL, KERNEL, name="w"),
        some(FILTERS, name="scale", low=0.5), some(FILTERS, name="shift"),
        some(FILTERS, name="mean"), some(FILTERS, name="var", low=0.5),
        some(CLASSES, FEATURES, name="fc_w", low=-0.1, high=0.1),
        some(CLASSES, name="fc_b"),
        value(11, "x", "n", 1, SIDE, SIDE), value(12, "y", "n", CLASSES))


class OnnxCase(WeightsCase):
    def setUp(self):
        super().setUp()
        (self.folder / "model.onnx").write_bytes(model())
        done = subprocess.run(self.command(["info", "model.onnx"]),
                              cwd=self.folder, capture_output=True, text=True)
        if "without ONNX" in done.stderr:
            self.skipTest(done.stderr)
        self.assertEqual(done.stderr, "")
        self.convert("model.onnx", "model.safetensors")

    def native(self):
        """The same network and weights, from a text."""
        (self.folder / "native.net").write_text(
            BODY + "softmax_cross_entropy\n")
        self.convert("--weights", "model.safetensors", "--into", "native.net",
                     "native.safetensors")

    def text_of(self, name):
        return read_safetensors(self.folder / name)[1]["fovea.network"]

    def tensors_of(self, name):
        return read_safetensors(self.folder / name)[0]

    def fit(self, name, out, *words):
        return self.run_fovea("train", name, "data", "--epochs", 2, "--seed",
                              3, "--force", "--out", out, *words)


class OnnxConvertTest(OnnxCase):
    """The same network comes out of a file that was saved from a model."""

    def test_names_and_order_of_axes(self):
        tensors, metadata = read_safetensors(self.folder / "model.safetensors")
        self.assertEqual(metadata["fovea.network"], BODY +
                         "softmax 1 name=y.2 from=fc\noutput name=y "
                         "from=y.2\n")
        self.assertEqual(metadata["fovea.layout"], "nchw")
        self.assertEqual(list(tensors), [
            "conv.weight", "norm.weight", "norm.bias", "norm.running_mean",
            "norm.running_var", "fc.weight", "fc.bias"])

    def test_outputs(self):
        self.needs_zip()
        numbers = random.Random(5)
        shape = (IMAGES, 1, SIDE, SIDE)
        (self.folder / "x.npy").write_bytes(npy(shape, [
            numbers.random() for _ in range(IMAGES * SIDE * SIDE)], "<f4"))
        outputs = []
        for name in ("model.onnx", "model.safetensors"):
            self.run_fovea("run", name, "x=x.npy", "--out", "y.npz")
            with zipfile.ZipFile(self.folder / "y.npz") as archive:
                outputs.append(archive.read("y.npy"))
        self.assertEqual(*outputs)
        shape, values = read_npy(outputs[0])
        self.assertEqual(shape, (IMAGES, CLASSES))
        for k in range(IMAGES):
            row = values[k * CLASSES:(k + 1) * CLASSES]
            self.assertAlmostEqual(sum(row), 1, 5)
        self.convert("model.safetensors", "copy.safetensors")
        self.assertEqual(sha(self.folder / "model.safetensors"),
                         sha(self.folder / "copy.safetensors"))

    def test_stream(self):
        """A pipe is read once, so the order of axes has to be told."""
        (self.folder / "x.npy").write_bytes(
            npy((1, 1, SIDE, SIDE), [0] * SIDE * SIDE, "<f4"))
        bytes_of = (self.folder / "model.onnx").read_bytes()
        for words, code, sentence in (
                ([], 1, "fovea: -: its images are nchw and a stream is read "
                        "once, give --layout nchw\n"),
                (["--layout", "nchw"], 0, "")):
            done = subprocess.run(self.command(["run", "-", "x.npy", *words]),
                                  cwd=self.folder, input=bytes_of,
                                  capture_output=True, timeout=60)
            self.assertEqual(done.stderr.decode(), sentence)
            self.assertEqual(done.returncode, code)

    def test_another_head(self):
        for words in (["model.onnx"], ["model.safetensors"],
                      ["--weights", "model.safetensors", "--into",
                       "model.onnx"]):
            self.convert(*words, "head.safetensors", "--head", "new",
                         "--classes", 7)
            was = self.tensors_of("model.safetensors")
            now = self.tensors_of("head.safetensors")
            self.assertEqual(now["fc.weight"][1], [7, FEATURES])
            for name in was:
                if not name.startswith("fc."):
                    self.assertEqual(now[name], was[name])
            self.assertEqual(read_safetensors(
                self.folder / "head.safetensors")[1]["fovea.layout"], "nchw")

    def test_other_commands(self):
        self.assertIn("batchnorm", self.run_fovea("info", "model.onnx").stdout)
        self.assertIn("conv: conv2d", self.run_fovea(
            "explain", "model.onnx", "--seconds", 1e-3).stdout)
        self.run_fovea("gradcheck", "model.onnx")
        self.run_fovea("predict", "model.onnx", "data")


class OnnxTrainTest(OnnxCase):
    """Evaluating and training do as with the same network from a text."""

    def test_eval(self):
        self.native()
        def score(*words):
            return self.run_fovea("eval", *words, "--data", "data").stdout
        expected = score("native.safetensors")
        self.assertEqual(score("model.onnx"), expected)
        self.assertEqual(score("model.safetensors"), expected)
        self.assertEqual(score("model.onnx", "--loss",
                               "softmax_cross_entropy"), expected)
        mse = score("model.onnx", "--loss", "mse")
        self.assertNotEqual(mse, expected)
        self.assertEqual(mse.split("loss")[0], expected.split("loss")[0])

    def test_train(self):
        self.native()
        self.fit("native.safetensors", "a.safetensors")
        for name in ("model.onnx", "model.safetensors"):
            found = self.json_of(self.fit(name, "b.safetensors", "--json"))
            self.assertGreater(found["accuracy"], 0.9)
            self.assertEqual(self.tensors_of("a.safetensors"),
                             self.tensors_of("b.safetensors"))
            self.assertEqual(
                self.text_of("b.safetensors"), BODY +
                "output name=y from=fc\nsoftmax_cross_entropy from=fc\n")
        self.fit("model.onnx", "b.safetensors", "--resume", "--epochs", 3)
        self.assertIn("label_smoothing=0.1", self.fit(
            "b.safetensors", "c.safetensors", "--loss",
            "softmax_cross_entropy label_smoothing=0.1")
            and self.text_of("c.safetensors"))

    def test_the_last_layer_alone(self):
        self.fit("model.onnx", "a.safetensors", "--freeze", "*,!fc.*")
        was = self.tensors_of("model.safetensors")
        now = self.tensors_of("a.safetensors")
        self.assertEqual({name for name in was if now[name] != was[name]},
                         {"fc.weight", "fc.bias", "norm.running_mean",
                          "norm.running_var"})

    def test_checkpoint_is_a_model_of_that_order(self):
        self.fit("model.onnx", "a.safetensors")
        found = [read_safetensors(self.folder / name)[1]
                 for name in ("a.safetensors", "a.safetensors.checkpoint")]
        for key in ("format", "fovea.layout", "fovea.network"):
            self.assertEqual(found[0][key], found[1][key])

    def test_no_loss(self):
        for loss, sentence in (
                ("relu", "network: relu is no loss"),
                ("mse from=fc", "network: the loss reads the output, it "
                 "cannot be from=fc")):
            for command in ("train", "eval"):
                done = self.run_fovea(command, "model.onnx", "data", "--loss",
                                      loss, code=1)
                self.assertEqual(done.stderr, f"fovea: {sentence}\n")


if __name__ == "__main__":
    test_cli.main()
