#!/usr/bin/env python3
"""Runs tools/calibrate: on a few small shapes, and on times that are predicted
with a constant that has another value, which the fit must find.

    test_calibrate.py PROGRAM
"""

import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = sys.argv.pop(1)


def table():
    """The constants of src/conv/cost.h: how and what each is, by name."""
    text = (ROOT / "src/conv/cost.h").read_text()
    rows = re.findall(r"\bx\((\w+), (\w+), ([\d.]+), ([A-Z]+),", text)
    return {f"{theme}_{name}": (how, float(value))
            for theme, name, value, how in rows}


class CalibrateTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.times = Path(self.folder.name) / "times.csv"

    def tearDown(self):
        self.folder.cleanup()

    def calibrate(self, *words, status=0):
        done = subprocess.run(
            [ROOT / "tools/calibrate", "--program", PROGRAM, "--folder",
             self.folder.name, *words],
            text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def constants(self, text):
        """Value of today, fitted value or "-", and number of times, by name."""
        rows = re.findall(r"^([a-z]\w+) +([\d.]+) +([-\d.e+]+) +(\d+)  ", text,
                          re.M)
        return {name: (float(today), fitted, int(times))
                for name, today, fitted, times in rows}

    def test_quick(self):
        text = self.calibrate("--quick")
        self.assertRegex(text, r"^26 shapes, \d+ times\n")
        rows = self.constants(text)
        self.assertEqual({name: row[0] for name, row in rows.items()},
                         {name: value for name, (_, value) in table().items()})
        for name, (how, _) in table().items():
            fitted = rows[name][1] != "-"
            self.assertEqual(fitted, how == "TUNED" and rows[name][2] > 0, name)
        rows = re.findall(r"^((?:layers|random) [a-z, ]+?) +(\d+)((?: +[\d.]+){6})$",
                          text, re.M)
        self.assertEqual([row[:2] for row in rows],
                         [("layers of networks", "18"), ("random shapes", "42"),
                          ("random shapes, held out", "18")])
        for row in rows:
            self.assertGreaterEqual(min(float(m) for m in row[2].split()), 1)
        for algorithm in "im2col direct winograd depthwise grouped".split():
            self.assertRegex(text, rf"(?m)^{algorithm} +\d+ +[\d.]+ +[\d.]+$")

        # What was timed is not timed again, and goes into the next fit.
        times = self.times.read_text()
        self.calibrate("--quick", "--resume", "--shapes", "15")
        self.assertEqual(self.times.read_text(), times)
        self.calibrate("--quick", "--resume", "--budget", "0", "--seed", "2")
        self.assertEqual(self.times.read_text(), times)

    def test_finds_a_value(self):
        for name, value in (("im2col_row", 50), ("direct_group_pixel", 12),
                            ("grouped_transpose", 90), ("depthwise_tap", 3.1),
                            ("winograd_input_transform", 21)):
            text = self.calibrate("--pretend", f"{name}={value}", "--only",
                                  name.partition("_")[0], "--shapes", "120")
            fitted = float(self.constants(text)[name][1])
            self.assertLess(abs(fitted / value - 1), 0.08, text)
        self.assertFalse(self.times.exists())

    def test_refuses(self):
        self.assertEqual(
            self.calibrate("--quick", "--pretend", "im2col_rows=3", status=1),
            "calibrate: no constant is called im2col_rows\n")
        self.assertEqual(
            self.calibrate("--quick", "--pretend", "im2col_row=3", "--only",
                           "gemm", status=1).splitlines()[-1],
            "calibrate: no constant belongs to a theme gemm")
        self.times.write_text("1,2,3\n")
        self.assertEqual(
            self.calibrate("--quick", "--resume", "--budget", "0",
                           status=1).splitlines()[-1],
            "calibrate: not a time: 1,2,3")


if __name__ == "__main__":
    unittest.main()
