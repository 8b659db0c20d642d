#!/usr/bin/env python3
"""`fovea run`: networks on any tensors, by name, with gradients.

    test_run.py FOVEA [CLASS[.TEST]...]
"""

import ast
import math
import struct
import subprocess
import zipfile

import test_cli
from test_cli import Case

LETTERS = {"<f8": "d", "<f4": "f", "<i8": "q"}


def npy(shape, values, kind="<f8"):
    """A NumPy file."""
    header = repr({"descr": kind, "fortran_order": False,
                   "shape": tuple(shape)}).encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\0" + struct.pack("<H", len(header)) + header \
        + struct.pack(f"<{len(values)}{LETTERS[kind]}", *values)


def read_npy(data):
    length, = struct.unpack("<H", data[8:10])
    header = ast.literal_eval(data[10:10 + length].decode())
    count = math.prod(header["shape"])
    return header["shape"], list(struct.unpack(
        f"<{count}{LETTERS[header['descr']]}", data[10 + length:]))


TWO = """input 3 name=left
linear 2 name=a
input 3 name=right
linear 2 name=b weights=a
add from=a,b
tanh name=y
output name=z from=b
output name=first from=y
"""


class RunTest(Case):
    def setUp(self):
        super().setUp()
        (self.folder / "two.net").write_text(TWO)
        self.left = [0.5, -1, 2, 0.25, 0, -0.75]
        self.right = [1, 1, -0.5, 2, -3, 0.125]
        self.write("left.npy", (2, 3), self.left)
        self.write("right.npy", (2, 3), self.right)
        self.write("dz.npy", (2, 2), [1, -2, 0.5, 3])
        self.write("dy.npy", (2, 2), [-1, 0.5, 2, 0.25])
        self.weight = [0.5, -0.25, 1, 0.125, 2, -1]
        self.bias = [0.1, -0.2]
        with zipfile.ZipFile(self.folder / "w.npz", "w") as archive:
            archive.writestr("a.weight.npy", npy((2, 3), self.weight))
            archive.writestr("a.bias.npy", npy((2,), self.bias))

        done = subprocess.run(
            self.command(["run", "two.net", "left.npy", "right.npy", "--out",
                          "probe.npz"]), cwd=self.folder,
            stderr=subprocess.PIPE, text=True)
        if "(libzip)" in done.stderr:
            self.skipTest(done.stderr)

    def write(self, name, shape, values, kind="<f8"):
        (self.folder / name).write_bytes(npy(shape, values, kind))

    def results(self, *words):
        self.run_fovea("run", "two.net", *words, "--weights", "w.npz",
                       "--dtype", "f64", "--out", "out.npz")
        with zipfile.ZipFile(self.folder / "out.npz") as archive:
            return {name[:-4]: read_npy(archive.read(name))
                    for name in archive.namelist()}

    def product(self, x):
        return [sum(self.weight[3 * o + i] * x[3 * n + i] for i in range(3))
                + self.bias[o] for n in range(2) for o in range(2)]

    def outputs(self):
        a, b = self.product(self.left), self.product(self.right)
        return b, [math.tanh(p + q) for p, q in zip(a, b)]

    def near(self, found, expected):
        self.assertEqual(len(found), len(expected))
        for a, b in zip(found, expected):
            self.assertLess(abs(a - b), 1e-12)

    def test_more_results_than_there_is_room_for(self):
        for count, code in ((64, 0), (65, 1)):
            (self.folder / "many.net").write_text(
                "input 3\n" + "output from=input1\n" * count)
            done = self.run_fovea("run", "many.net", "left.npy", code=code)
            self.assertEqual(len(done.stdout.splitlines()),
                             0 if code else 1 + count)
        self.assertEqual(done.stderr, "fovea: run: more than 64 results\n")

    def test_outputs_by_plan_and_on_the_tape(self):
        z, first = self.outputs()
        for words in ((), ("--training",)):
            found = self.results("right=right.npy", "left=left.npy", *words)
            self.assertEqual(sorted(found), ["first", "z"])
            self.near(found["z"][1], z)
            self.near(found["first"][1], first)

    def test_gradients(self):
        found = self.results("left.npy", "right.npy", "--grad", "dz.npy",
                             "--grad", "first=dy.npy")
        self.assertEqual(sorted(found), [
            "first", "grad:a.bias", "grad:a.weight", "grad:left",
            "grad:right", "z"])
        dz, dy = [1, -2, 0.5, 3], [-1, 0.5, 2, 0.25]
        z, first = self.outputs()
        da = [d * (1 - y * y) for d, y in zip(dy, first)]
        db = [d + e for d, e in zip(da, dz)]
        self.near(found["grad:a.bias"][1],
                  [sum(da[o::2]) + sum(db[o::2]) for o in range(2)])
        self.near(found["grad:a.weight"][1],
                  [sum(da[2 * n + o] * self.left[3 * n + i]
                       + db[2 * n + o] * self.right[3 * n + i]
                       for n in range(2)) for o in range(2) for i in range(3)])
        self.near(found["grad:left"][1],
                  [sum(da[2 * n + o] * self.weight[3 * o + i]
                       for o in range(2)) for n in range(2) for i in range(3)])

    def test_a_table_without_a_file(self):
        done = self.run_fovea("run", "two.net", "left.npy", "right.npy",
                              "--weights", "w.npz", "--dtype", "f64")
        z, _ = self.outputs()
        row = done.stdout.splitlines()[1].split()
        self.assertEqual(row[:5], ["z", "f64", "2", "x", "2"])
        self.near([float(f"{n:.6g}") for n in
                   (min(z), max(z), sum(z) / 4)], [float(n) for n in row[5:]])

    def test_wrong_words(self):
        self.write("wide.npy", (2, 4), [0] * 8)
        self.write("one.npy", (1, 3), [0] * 3)
        for words, sentence in (
                (("left.npy",), "run: input right is missing"),
                (("left.npy", "left=left.npy"),
                 "run: input left is given twice"),
                (("left.npy",) * 3, "run: left.npy is for input 3, there is "
                                    "none"),
                (("left.npy", "one.npy"), "network: input right has a batch "
                                          "of 1, others of 2"),
                (("wide.npy", "right.npy"), "network: images of [4], the "
                                            "input is [3]"),
                (("left.npy", "right.npy", "--weights", "left.npy"),
                 None)):
            failed = self.run_fovea("run", "two.net", *words, code=1)
            if sentence:
                self.assertEqual(failed.stderr, f"fovea: {sentence}\n")

    def test_weights_that_do_not_fit(self):
        with zipfile.ZipFile(self.folder / "w.npz", "w") as archive:
            archive.writestr("a.weight.npy", npy((3, 2), self.weight))
            archive.writestr("c.bias.npy", npy((2,), self.bias))
        failed = self.run_fovea("run", "two.net", "left.npy", "right.npy",
                                "--weights", "w.npz", code=1)
        self.assertEqual(
            failed.stderr,
            "fovea: w.npz: does not fit the network: a.weight has shape "
            "[3, 2], expected [2, 3]; a.bias is missing; c.bias belongs to no "
            "layer\n")


if __name__ == "__main__":
    test_cli.main()
