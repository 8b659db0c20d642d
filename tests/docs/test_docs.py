#!/usr/bin/env python3
"""Compiles and runs what README.md and docs/*.md show.

    test_docs.py INSTALLED

A block of

    ```c          with a main is compiled, linked and run; without, it is
                  compiled: as declarations, or else as the body of a function
                  with a context, a network, data sets and so on at hand;
                  those of README.md as C++, too, and run on a few images
    ```c compile  is compiled and linked, but not run
    ```sh         is checked by the shell's parser
    ```sh run     is run, with the installed program first in PATH
    ```net        is read by `fovea info`

Programs and scripts run in a folder of their own, in which fashion.net lies.
"""

import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
LIMIT = 300  # seconds
WARNINGS = ["-Wall", "-Wextra", "-Werror", "-Wno-unused-variable",
            "-Wno-unused-but-set-variable", "-Wno-unused-function",
            "-Wno-unused-parameter"]

# In C++17 designated initialisers are GNU's.
CXX = [(compiler, standard) for compiler in ("g++", "clang++")
       for standard in ("c++17", "gnu++17", "c++20", "gnu++20")]

# What a fragment may use without declaring it.
AT_HAND = """\
void fragment(fv_context *ctx, fv_network *net, fv_layer *layer,
              fv_optimizer *optimizer, fv_dataset *train, fv_dataset *test,
              fv_variable *x, fv_variable *y, fv_tensor images,
              fv_tensor labels, float *pixels)
"""
HEADERS = ("#include <fovea/fovea.h>\n#include <math.h>\n"
           "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n")


def blocks(path):
    """Yields (line, language, mark, text) of every fenced block."""
    pattern = re.compile(
        r"^( *)```([a-z]+)(?: ([a-z ]+))?\n(.*?)^\1```$", re.M | re.S)
    text = path.read_text()
    for match in pattern.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        indent, language, mark, body = match.groups()
        body = re.sub(rf"^{indent}", "", body, flags=re.M)
        yield line, language, mark or "", body


class Docs:
    def __init__(self, installed):
        self.installed = Path(installed).resolve()
        self.library = next(self.installed.rglob("libfovea.so")).parent
        self.folder = Path(tempfile.mkdtemp())
        for net in (ROOT / "examples").glob("*.net"):
            shutil.copy(net, self.folder)
        self.write_images(32)
        self.environment = dict(
            os.environ, LD_LIBRARY_PATH=str(self.library), NO_COLOR="1",
            FOVEA_DATA_PATH=str(self.folder / "few"),
            PATH=f"{self.installed / 'bin'}:{os.environ['PATH']}",
            PKG_CONFIG_PATH=str(self.library / "pkgconfig"))

    def write_images(self, count):
        """Writes a data set with fashion-mnist's name, but few images."""
        folder = self.folder / "few" / "fashion-mnist"
        folder.mkdir(parents=True)
        for part in "train", "t10k":
            (folder / f"{part}-images-idx3-ubyte").write_bytes(
                struct.pack(">4i", 0x803, count, 28, 28)
                + bytes(i * 31 % 256 for i in range(count * 28 * 28)))
            (folder / f"{part}-labels-idx1-ubyte").write_bytes(
                struct.pack(">2i", 0x801, count)
                + bytes(i % 10 for i in range(count)))

    def call(self, command, **more):
        """Returns what went wrong, or nothing."""
        try:
            done = subprocess.run(
                command, cwd=self.folder, env=self.environment, text=True,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, timeout=LIMIT, **more)
        except subprocess.TimeoutExpired:
            return f"took longer than {LIMIT} seconds"
        return done.stdout + f"exit {done.returncode}" \
            if done.returncode else ""

    def compile(self, text, *options, compiler="cc", standard="c17"):
        source = self.folder / ("block.c" if compiler == "cc" else "block.cpp")
        source.write_text(text)
        return self.call(
            [compiler, f"-std={standard}", *WARNINGS,
             "-D_POSIX_C_SOURCE=200809L", f"-I{self.installed}/include",
             f"-I{ROOT}/src", str(source), *options])

    def check_c(self, mark, text, **how):
        if re.search(r"\bint main\(", text):
            wrong = self.compile(text, "-o", "block", f"-L{self.library}",
                                 "-lfovea", "-lm", **how)
            if wrong or mark == "compile":
                return wrong
            return self.call(["./block"])
        wrong = self.compile(HEADERS + text, "-fsyntax-only", **how)
        if wrong:
            body = HEADERS + AT_HAND + "{\n{\n" + text + "}\n}\n"
            inside = self.compile(body, "-fsyntax-only", **how)
            wrong = inside and wrong + inside
        return wrong

    def check_cxx(self, text):
        """The same with every compiler of C++ and every standard."""
        for compiler, standard in CXX:
            wrong = self.check_c("", text, compiler=compiler,
                                 standard=standard)
            if wrong:
                return f"{compiler} -std={standard}: {wrong}"
        return ""

    def check_sh(self, mark, text):
        if mark == "run":
            return self.call(["bash", "-euo", "pipefail", "-c", text])
        return self.call(["bash", "-n", "-c", text])

    def check_net(self, mark, text):
        (self.folder / "block.net").write_text(text)
        return self.call(["fovea", "info", "block.net"])

    def check(self, language, mark, text):
        known = {"c": self.check_c, "sh": self.check_sh,
                 "net": self.check_net}
        return known[language](mark, text) if language in known else None


def main():
    docs = Docs(sys.argv[1])
    count = wrong = 0
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    for page in pages:
        if not page.exists():
            print(f"{page.relative_to(ROOT)} does not exist")
            wrong += 1
            continue
        for line, language, mark, text in blocks(page):
            result = docs.check(language, mark, text)
            if language == "c" and page.name == "README.md":
                result = result or docs.check_cxx(text)
            if result is None:
                continue
            count += 1
            if result:
                wrong += 1
                print(f"{page.relative_to(ROOT)}:{line}: {language} block: "
                      f"{result}\n")
    shutil.rmtree(docs.folder)
    print(f"{count} blocks, {wrong} wrong")
    sys.exit(1 if wrong or not count else 0)


if __name__ == "__main__":
    main()
