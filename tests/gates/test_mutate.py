#!/usr/bin/env python3
"""Runs tools/mutate on a small tree with a function that is tested, one that is
not, and one that a mutation keeps from ending."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

TOOL = Path(__file__).resolve().parents[2] / "tools" / "mutate"

SUM = """\
/* Sums; a + b in a comment is left alone. */
#include <sum.h>
#define UNTOUCHED(a, b) ((a) + (b))

static const char *const text = "a + b && 1 < 2";
static const int pairs[2][2] = { { 11, 12 }, { 13, 14 } };

int sum_of(int count, const int *terms)
{
    int sum = 0;
    int spare[4];
    (void)spare;
    for (int i = 0; i < count; i++) sum += terms[i];
    return sum;
}

int untested(int a, int b)
{
    if (a > 0 && b > 0) return a * b;
    return text[0] == 'a' ? UNTOUCHED(a, b) : pairs[a & 1][b & 1];
}

int steps(int n)
{
    volatile int at = 0;
    for (;;) {
        if (at >= n)
            break;
        at++;
    }
    return at;
}

static int unused(int a)
{
    return a * 3;
}

int cost_of(int a)
{
    return a + 5;
}
"""

TREE = {
    "src/sum/sum.c": SUM,
    "src/sum/sum.h":
        "int sum_of(int count, const int *terms);\n"
        "int untested(int a, int b);\nint steps(int n);\n"
        "int cost_of(int a);\n",
    "src/main/main.c":
        "#include <sum.h>\nint main(int count, char **words)\n{\n"
        "    (void)words;\n    return count - 2;\n}\n",
    # A child in a session of its own must not outlive its test.
    "tests/test_sum.c":
        "#define _DEFAULT_SOURCE\n#include <sum.h>\n#include <unistd.h>\n"
        "#include <stdio.h>\n#include <stdlib.h>\n"
        "int main(void)\n{\n    const int terms[] = { 1, 2, 4 };\n"
        "    if (fork() == 0) {\n        setsid();\n"
        "        FILE *out = fopen(getenv(\"CHILDREN\"), \"a\");\n"
        "        fprintf(out, \"%d\\n\", (int)getpid());\n"
        "        fclose(out);\n        sleep(600);\n    }\n"
        "    if (steps(3) != 3) return 1;\n"
        "    return sum_of(3, terms) != 7 || sum_of(0, terms) != 0;\n}\n",
    "CMakeLists.txt":
        "cmake_minimum_required(VERSION 3.22)\nproject(small C)\n"
        "enable_testing()\n"
        "add_library(sum STATIC src/sum/sum.c)\n"
        "target_include_directories(sum PUBLIC src/sum)\n"
        "add_executable(program src/main/main.c)\n"
        "target_link_libraries(program PRIVATE sum)\n"
        "add_executable(test_sum tests/test_sum.c)\n"
        "target_link_libraries(test_sum PRIVATE sum)\n"
        "add_test(NAME sum_sum COMMAND test_sum)\n"
        "add_test(NAME main_program COMMAND program 1)\n",
    ".gitignore": "/build/\n",
}


class MutateTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.root = Path(self.folder.name)
        for name, text in TREE.items():
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            (self.root / name).write_text(text)
        (self.root / "tools").mkdir()
        self.tool = shutil.copy(TOOL, self.root / "tools")
        self.children = self.root / "build" / "children"
        self.children.parent.mkdir()
        subprocess.run(["git", "init", "-q"], cwd=self.root, check=True)

    def tearDown(self):
        self.folder.cleanup()

    def mutate(self, *words, status=0):
        done = subprocess.run(
            [self.tool, *words], cwd=self.root, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, "CHILDREN": str(self.children)})
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout, done.stderr

    def results(self):
        lines = (self.root / "build/mutate/mutants.jsonl").read_text()
        return [json.loads(line) for line in lines.splitlines()]

    def test_list(self):
        everything, _ = self.mutate("--list", "--count", "1000")
        again, _ = self.mutate("--list", "--count", "1000")
        other, _ = self.mutate("--list", "--count", "1000", "--seed", "2")
        self.assertEqual(everything, again)
        self.assertNotEqual(everything, other)
        changed = [line for line in everything.splitlines()
                   if line.startswith("-")]
        for touched in ("return sum", "a * b", "{ 13, 14 }"):
            self.assertTrue([c for c in changed if touched in c], touched)
        for left_alone in ("spare", "#define", "in a comment", "1 < 2",
                           "a + 5"):
            self.assertFalse([c for c in changed if left_alone in c])
        kinds = {line.split(": ")[1] for line in everything.splitlines()
                 if line.startswith("src/")}
        self.assertLessEqual({"statement", "constant"}, kinds)
        cost, _ = self.mutate("--list", "--count", "1000", "--cost")
        self.assertIn("a + 5", cost)
        self.assertFalse((self.root / "build/mutate").exists())

    def test_run(self):
        before = {p: p.read_bytes() for p in self.root.rglob("*")
                  if p.is_file() and "build" not in p.parts}
        report, log = self.mutate("--paths", "src/*.c", "--count", "1000")
        after = {p: p.read_bytes() for p in self.root.rglob("*")
                 if p.is_file() and "build" not in p.parts}
        self.assertEqual(before, after)

        verdicts = {}
        for r in self.results():
            verdicts.setdefault(r["function"], set()).add(r["verdict"])
        self.assertEqual(verdicts["untested"] - {"invalid", "equivalent"},
                         {"survived"})
        self.assertEqual(verdicts["main"] - {"invalid"}, {"killed"})
        self.assertIn("killed", verdicts["sum_of"])
        self.assertNotIn("survived", verdicts["sum_of"])
        self.assertIn("no end", [r.get("how") for r in self.results()
                                 if r["function"] == "steps"])
        self.assertEqual(verdicts["unused"], {"equivalent"})
        self.assertNotIn("cost_of", verdicts)
        self.assertIn("survived: src/sum/sum.c:19", report)
        self.assertRegex(report, r"(?m)^all +\d+ +\d+ +\d+ +\d+\.\d %")
        self.assertEqual(log.count("\n["), len(self.results()))
        for child in self.children.read_text().split():
            self.assertFalse(Path(f"/proc/{child}").exists())

        # Nothing is tried twice, and what is known to be equivalent is no
        # survivor.
        one = next(r for r in self.results() if r["verdict"] == "survived")
        again, log = self.mutate("--paths", "src/*.c", "--count", "1000",
                                 "--resume")
        self.assertEqual(again, report)
        self.assertNotIn("[", log)
        (self.root / "tools/mutate.equivalent").write_text(
            f"# A remark.\n\nfile: {one['file']}\nline: {one['before']}\n"
            f"becomes: {one['after']}\nreason: the test\n  wants it\n\n"
            f"file: src/sum/sum.c\nline: gone\nbecomes: x\nreason: none\n")
        known, log = self.mutate("--list", "--count", "1000")
        self.assertEqual(log, "tools/mutate.equivalent: src/sum/sum.c no "
                         "longer has: gone\n")
        self.assertNotIn(one["diff"], known)

        # A budget leaves tests out; what survived can be tried again.
        self.mutate("--paths", "src/main/*", "--count", "1", "--budget", "0")
        self.assertEqual([(r["verdict"], r["tests"]) for r in self.results()],
                         [("survived", 0)])
        self.mutate("--paths", "src/main/*", "--count", "1", "--resume",
                    "--again")
        self.assertEqual([r["verdict"] for r in self.results()],
                         ["survived", "killed"])

    def test_failing_without_a_mutation(self):
        path = self.root / "tests/test_sum.c"
        path.write_text(path.read_text().replace("!= 7", "!= 8"))
        _, log = self.mutate("--count", "1", status=1)
        self.assertIn("The test sum_sum fails without a mutation", log)


if __name__ == "__main__":
    if not shutil.which("ninja") or not shutil.which("git"):
        sys.exit(77)
    unittest.main()
