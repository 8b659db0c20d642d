#!/usr/bin/env python3
"""`fovea convert` between files of weights and into networks, and training on
from what it made.

    test_weights.py FOVEA [CLASS[.TEST]...]
"""

import json
import struct
import subprocess
import unittest
import zipfile

import test_cli
from test_cli import Case, sha
from test_run import npy, read_npy

try:
    import numpy
    import torch
except ImportError:
    torch = None
try:
    import torchvision
except ImportError:
    torchvision = None

KINDS = {"F64": "d", "F32": "f", "F16": "e", "I64": "q"}
BODY = "input 3\nlinear 2 name=a\ntanh\nlinear 2 name=fc\n" \
    "softmax_cross_entropy\n"
STATE = {"a.weight": ("F32", [2, 3], [0.5, -0.25, 1, 0.125, 2, -1]),
         "a.bias": ("F32", [2], [0.5, -1]),
         "fc.weight": ("F32", [2, 2], [1, 2, -0.5, 0.25]),
         "fc.bias": ("F32", [2], [0, 0.75])}
READ = "".join(f"read      {name}  {' x '.join(map(str, shape))}\n"
               for name, (_, shape, _) in STATE.items())


def safetensors(tensors, metadata=None):
    header, data = {}, b""
    if metadata:
        header["__metadata__"] = metadata
    for name, (kind, shape, values) in tensors.items():
        begin = len(data)
        if kind == "BF16":
            data += b"".join(struct.pack("<f", v)[2:] for v in values)
        else:
            data += struct.pack(f"<{len(values)}{KINDS[kind]}", *values)
        header[name] = {"dtype": kind, "shape": shape,
                        "data_offsets": [begin, len(data)]}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def read_safetensors(path):
    """Tensors by name as (kind, shape, values), and the metadata."""
    content = path.read_bytes()
    length, = struct.unpack("<Q", content[:8])
    header, data = json.loads(content[8:8 + length]), content[8 + length:]
    metadata = header.pop("__metadata__", {})
    return {name: (t["dtype"], t["shape"], list(
        v for v, in struct.iter_unpack(
            "<" + KINDS[t["dtype"]], data[slice(*t["data_offsets"])])))
        for name, t in header.items()}, metadata


class WeightsCase(Case):
    def setUp(self):
        super().setUp()
        (self.folder / "body.net").write_text(BODY)
        self.write(STATE)
        self.out = self.folder / "out.safetensors"
        self.out.unlink(missing_ok=True)

    def write(self, tensors, name="w.safetensors", metadata=None):
        (self.folder / name).write_bytes(safetensors(tensors, metadata))

    def convert(self, *words, code=0):
        return self.run_fovea("convert", *words, code=code)

    def into(self, *words, net="body.net", code=0):
        return self.convert("--weights", "w.safetensors", "--into", net,
                            "out.safetensors", *words, code=code)

    def needs_zip(self):
        done = subprocess.run(
            self.command(["convert", "w.safetensors", "probe.npz"]),
            cwd=self.folder, stderr=subprocess.PIPE, text=True)
        if "(libzip)" in done.stderr:
            self.skipTest(done.stderr)


class IntoTest(WeightsCase):
    def test_all_fit(self):
        done = self.into()
        self.assertEqual(done.stdout, READ + "4 of 4 parameters read, 14 "
                         "numbers\n")
        self.assertEqual(done.stderr, "")
        found, metadata = read_safetensors(self.out)
        self.assertEqual(found, STATE)
        self.assertIn("linear 2 name=fc\n", metadata["fovea.network"])
        # a model may be the network, and be replaced
        self.into(net="out.safetensors")
        self.assertEqual(read_safetensors(self.out)[0], STATE)

    def test_types(self):
        for kind in ("F16", "BF16", "F64"):
            self.write({name: (kind, shape, values) for name, (
                _, shape, values) in STATE.items()})
            self.into()
            self.assertEqual(read_safetensors(self.out)[0], STATE, kind)

    def test_differences(self):
        state = dict(STATE)
        del state["a.bias"]
        state["fc.weight"] = ("F32", [3, 2], [1] * 6)
        state["more\x1b.weight"] = ("F32", [1, 2], [1, 2])
        self.write(state)
        done = self.into(code=1)
        lines = "read      a.weight  2 x 3\nmissing   a.bias  2\n" \
            "unfit     fc.weight  2 x 2  the file has 3 x 2 of f32\n" \
            "read      fc.bias  2\nleft_over more?.weight  1 x 2\n" \
            "2 of 4 parameters read, 8 numbers; 1 missing; 1 unfit; " \
            "1 left_over\n"
        self.assertEqual(done.stdout, lines)
        self.assertEqual(
            done.stderr, "fovea: w.safetensors: does not fit the network: "
            "a.bias is missing; fc.weight has shape [3, 2], expected [2, 2]; "
            "more\\x1b.weight belongs to no layer\n")
        self.assertFalse(self.out.exists())
        self.assertEqual(self.into("--partial").stdout, lines)
        found, _ = read_safetensors(self.out)
        self.assertEqual(found["a.weight"], STATE["a.weight"])
        self.assertEqual(found["a.bias"], ("F32", [2], [0, 0]))
        drawn = found["fc.weight"]
        self.into("--partial", "--seed", 1)
        self.assertNotEqual(read_safetensors(self.out)[0]["fc.weight"], drawn)
        self.write({"other": STATE["a.bias"]})
        self.into("--partial", code=1)

    def test_prefix(self):
        self.write({**{f"net.{n}": t for n, t in STATE.items()},
                    "rest.weight": STATE["a.bias"]})
        done = self.into(code=1)
        self.assertIn('with the prefix "net." 4 of 4 match', done.stderr)
        done = self.into("--prefix", "net.")
        self.assertIn("read      fc.bias  2  from net.fc.bias\n", done.stdout)
        self.assertTrue(done.stdout.endswith("; 1 unused\n"))
        self.assertEqual(read_safetensors(self.out)[0], STATE)
        (self.folder / "long.net").write_text(
            BODY.replace("=a", "=b.a").replace("=fc", "=b.fc"))
        self.write(STATE)
        self.into("--prefix", "b.", net="long.net")
        self.assertEqual(read_safetensors(self.out)[0],
                         {f"b.{n}": t for n, t in STATE.items()})
        done = self.into("--prefix", "c.", code=1)
        self.assertEqual(
            done.stderr, "fovea: w.safetensors: no tensor there, and no "
            "parameter of the network, has a name that begins with \"c.\"\n")

    def test_json(self):
        self.write({**STATE, "x": ("F32", [], [1])})
        for words, code in ((), 1), (("--partial",), 0):
            done = self.into("--json", *words, code=code)
            found = self.json_of(done)
            self.assert_types(found, {
                "read": list, "missing": list, "unfit": list, "new": list,
                "left_over": list, "unused": list, "numbers": int,
                "fits": bool})
            self.assertEqual(found["fits"], not code)
            self.assertEqual(found["numbers"], 14)
            weight = {"name": "a.weight", "shape": [2, 3], "dtype": "f32"}
            self.assertEqual(found["read"][0], {"parameter": weight,
                                                "tensor": weight})
            self.assertEqual(found["left_over"], [{"tensor": {
                "name": "x", "shape": [], "dtype": "f32"}}])
            self.assertEqual(bool(done.stderr), bool(code))

    def test_other_files(self):
        self.needs_zip()
        for name, members, sentence in (
                ("m.pt", {"m/data.pkl": b"", "m/data/0": b""},
                 "a file of torch.save, which only running code could "
                 "rebuild; write its tensors with "
                 "safetensors.torch.save_file"),
                ("m.zip", {"read.me": b""},
                 "'read.me' is not an array (NAME.npy)")):
            with zipfile.ZipFile(self.folder / name, "w") as archive:
                for member, content in members.items():
                    archive.writestr(member, content)
            done = self.convert("--weights", name, "--into", "body.net",
                                "out.npz", code=1)
            self.assertEqual(done.stderr, f"fovea: {name}: {sentence}\n")

    def test_numpy(self):
        self.needs_zip()
        with zipfile.ZipFile(self.folder / "arrays", "w") as archive:
            for name, (_, shape, values) in STATE.items():
                archive.writestr(f"{name}.npy", npy(shape, values))
        self.convert("--weights", "arrays", "--into", "body.net",
                     "out.safetensors")
        self.assertEqual(read_safetensors(self.out)[0], STATE)

    def test_wrong_words(self):
        into = ["--weights", "w.safetensors", "--into", "body.net"]
        for words, sentence in (
                (["a.npz"], "expected IN OUT"),
                (["--into", "body.net", "o.npz"],
                 "--into body.net: expected --weights FILE"),
                ([*into, "a.npz", "b.npz"], "b.npz: one word too many"),
                (["a.npz", "b.npz", "--prefix", "a."],
                 "--prefix: expected --into NET, too"),
                (["a.npz", "b.npz", "--partial"],
                 "--partial: expected --into NET, too"),
                (["a.npz", "b.npz", "--weights", "c"],
                 "--weights: expected --into NET, too"),
                (["a.npz", "b.npz", "--train"],
                 "--train: expected a name that ends in .c"),
                (["a.net", "b.c", "--freeze", "conv*"],
                 "--freeze: expected --train, too"),
                ([*into, "o.npz", "--head", "old"],
                 "--head old: expected new"),
                ([*into, "o.npz", "--classes", 3],
                 "--classes: expected --head new, too"),
                ([*into, "o.npz", "--head", "new", "--classes", 0],
                 "--classes 0: expected a whole number from 1 to 16777216"),
                ([*into, "o.bin"], "o.bin: expected a name that ends in .c, .onnx, "
                 ".safetensors or .npz")):
            done = self.convert(*words, code=2)
            self.assertEqual(done.stderr.splitlines()[0],
                             f"fovea convert: {sentence}")


class CopyTest(WeightsCase):
    def test_safetensors(self):
        self.into()
        self.convert("out.safetensors", "copy.safetensors")
        self.assertEqual(sha(self.out), sha(self.folder / "copy.safetensors"))
        self.write(STATE, metadata={"format": "pt"})
        self.convert("w.safetensors", "copy.safetensors")
        found, metadata = read_safetensors(self.folder / "copy.safetensors")
        self.assertEqual(found, STATE)
        self.assertEqual(metadata["format"], "pt")

    def test_numpy_and_back(self):
        self.needs_zip()
        self.into()
        self.convert("out.safetensors", "copy.npz")
        with zipfile.ZipFile(self.folder / "copy.npz") as archive:
            self.assertEqual(
                {name[:-4]: read_npy(archive.read(name))
                 for name in archive.namelist()},
                {name: (tuple(shape), values)
                 for name, (_, shape, values) in STATE.items()})
        self.convert("copy.npz", "back.safetensors")
        self.assertEqual(read_safetensors(self.folder / "back.safetensors")[0],
                         STATE)
        done = self.run_fovea("info", "back.safetensors", code=1)
        self.assertIn("no network text", done.stderr)
        self.convert("--weights", "copy.npz", "--into", "body.net", "o.npz")
        self.assertEqual(sha(self.folder / "o.npz"),
                         sha(self.folder / "copy.npz"))

    def test_a_text(self):
        (self.folder / "open.net").write_text(
            "input ? ? 3\nconv2d 4 3 3\nglobal_average_pool\nflatten\n")
        for net in ("body.net", "open.net"):
            drawn = []
            for seed in (0, 1, 1):
                self.convert(net, "out.safetensors", "--seed", seed)
                drawn.append(sha(self.out))
            self.assertNotEqual(drawn[0], drawn[1])
            self.assertEqual(drawn[1], drawn[2])
        self.convert("open.net", "out.safetensors", "--size", "8x9")
        self.assertIn("input 8 9 3\n",
                      read_safetensors(self.out)[1]["fovea.network"])

    def test_checkpoint(self):
        self.train("model")
        self.convert("model.checkpoint", "out.safetensors")
        self.assertEqual(read_safetensors(self.out)[0],
                         read_safetensors(self.folder / "model")[0])
        self.run_fovea("eval", "out.safetensors", "data")

    def test_wrong_files(self):
        for words, sentence in (
                (("none.npz", "o.safetensors"),
                 "none.npz: cannot open: No such file or directory"),
                (("body.net.safetensors", "o.npz"),
                 "body.net.safetensors: 7 bytes, a safetensors file has 10 or "
                 "more"),
                (("w.safetensors", "none/o.safetensors"),
                 "none/o.safetensors: cannot write: No such file or "
                 "directory")):
            (self.folder / "body.net.safetensors").write_bytes(b"7 bytes")
            done = self.convert(*words, code=1)
            self.assertEqual(done.stderr, f"fovea: {sentence}\n")


class HeadTest(WeightsCase):
    """A model for four classes becomes one for others."""

    def setUp(self):
        super().setUp()
        if not (self.folder / "first").exists():
            self.train("first")

    def test_transfer(self):
        done = self.convert("--weights", "first", "--into", "first",
                            "out.safetensors", "--head", "new", "--classes", 7)
        self.assertIn("\nnew       linear1.weight  7 x 144\n", done.stdout)
        start, metadata = read_safetensors(self.out)
        first, _ = read_safetensors(self.folder / "first")
        self.assertIn("linear 7\n", metadata["fovea.network"])
        self.assertEqual(start["linear1.weight"][1], [7, 144])
        self.assertEqual(start["conv1.weight"], first["conv1.weight"])
        self.run_fovea("train", "out.safetensors", "data", "--epochs", 1,
                       "--freeze", "*,!linear1.*", "--out", "tuned")
        tuned, _ = read_safetensors(self.folder / "tuned")
        for name, tensor in start.items():
            changes = name.startswith("linear1.") or "running" in name
            (self.assertNotEqual if changes else self.assertEqual)(
                tuned[name], tensor, name)
        done = self.run_fovea("train", "out.safetensors", "data", "--freeze",
                              "*,!fc*", "--out", "x", code=1)
        self.assertEqual(done.stderr,
                         'fovea: network: no parameter fits "fc*"\n')

    def test_as_many_classes(self):
        self.convert("--weights", "first", "--into", "small.net",
                     "out.safetensors", "--head", "new")
        start, _ = read_safetensors(self.out)
        first, _ = read_safetensors(self.folder / "first")
        self.assertEqual(start["conv1.bias"], first["conv1.bias"])
        self.assertNotEqual(start["linear1.weight"], first["linear1.weight"])
        self.assertEqual(start["linear1.weight"][1], [4, 144])

    def test_no_head(self):
        (self.folder / "body.net").write_text("input 4\nrelu\n")
        done = self.into("--head", "new", code=1)
        self.assertTrue(done.stderr.startswith(
            "fovea: network: no layer is the head"), done.stderr)


@unittest.skipUnless(torch, "there is no PyTorch")
class TorchTest(WeightsCase):
    """State dicts of PyTorch's, unchanged."""

    def save(self, net):
        kinds = {"float32": "F32", "int64": "I64"}
        self.write({name: (kinds[str(t.numpy().dtype)], list(t.shape),
                           t.flatten().tolist())
                    for name, t in net.state_dict().items()},
                   metadata={"format": "pt"})

    def compare(self, net, text, images):
        self.save(net)
        self.into(net=text)
        numpy.save(self.folder / "x.npy", images.numpy())
        self.run_fovea("run", "out.safetensors", "x.npy", "--layout", "nchw",
                       "--out", "y.npz")
        with torch.no_grad():
            expected = net.eval()(images).numpy()
        with numpy.load(self.folder / "y.npz") as found:
            error = numpy.abs(next(iter(found.values())) - expected).max()
        self.assertLess(error, 1e-4 * numpy.abs(expected).max())

    def test_a_sequence(self):
        self.needs_zip()
        torch.manual_seed(3)
        net = torch.nn.Sequential(
            torch.nn.Conv2d(3, 4, 3, stride=2), torch.nn.BatchNorm2d(4),
            torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1),
            torch.nn.Flatten(), torch.nn.Linear(4, 5))
        torch.nn.init.uniform_(net[1].running_var, 0.5, 2)
        (self.folder / "sequence.net").write_text(
            "input 9 8 3\nconv2d 4 3 3 stride=2 name=0\nbatchnorm name=1\n"
            "relu\nglobal_average_pool\nflatten\nlinear 5 name=5\n")
        self.compare(net, "sequence.net", torch.randn(2, 3, 9, 8))

    @unittest.skipUnless(torchvision, "there is no torchvision")
    def test_resnet18(self):
        self.needs_zip()
        torch.manual_seed(3)
        net = torchvision.models.resnet18(weights=None)
        self.compare(net, "resnet18", torch.randn(1, 3, 224, 224))


if __name__ == "__main__":
    test_cli.main()
