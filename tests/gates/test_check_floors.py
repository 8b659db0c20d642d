#!/usr/bin/env python3
"""Plants one breach of each kind in a small clean tree and sees that
tools/check_floors refuses it, and nothing else."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

TOOL = Path(__file__).parents[2] / "tools" / "check_floors"

TABLE = subprocess.run([TOOL, "--table"], check=True, capture_output=True,
                       text=True).stdout

CLEAN = {
    "docs/architecture.md": f"# Code\n\n{TABLE}\nMore.\n",
    "include/fovea/base.h":
        "/* A header. */\n#ifndef FOVEA_BASE_H\n#define FOVEA_BASE_H\n"
        "#ifdef __cplusplus\n#endif\n#endif\n",
    "include/fovea/fovea.h":
        "/* All headers. */\n#ifndef FOVEA_FOVEA_H\n#define FOVEA_FOVEA_H\n"
        "#include <fovea/base.h>\n#endif\n",
    "src/base/base.h":
        "/* Manners. */\n#ifndef FV_BASE_BASE_H\n#define FV_BASE_BASE_H\n"
        "#include <fovea/base.h>\n#endif\n",
    "src/base/memory.c":
        "/* Memory. */\n#include \"base/base.h\"\n#include <stdlib.h>\n"
        "void *fv__get(void)\n{\n    return malloc(1);\n}\n",
    "src/base/machine.c":
        "/* The machine. */\n#ifdef __linux__\n#endif\n"
        "int fv__machine(void) { return 0; }\n",
    "src/kernel/kernel.h":
        "/* Arithmetic. */\n#ifndef FV_KERNEL_KERNEL_H\n"
        "#define FV_KERNEL_KERNEL_H\n#include \"base/base.h\"\n#endif\n",
    "src/tensor/tensor.c":
        "/* Shapes; malloc(1) and \"printf(1)\" are only words here. */\n"
        "#include \"base/base.h\"\n"
        "int fv__shapes(int n)\n{\n    int a[3] = { n };\n"
        "    return a[0]; /* free(a) */\n}\n",
    "src/op/add.c":
        "/* Adds. */\n#include \"kernel/kernel.h\"\n"
        "const char *fv__add(void)\n{\n    return \"abort() malloc(1)\";\n}\n",
    "src/data/gzip.c":
        "/* Inflates. */\n#ifdef FOVEA_WITH_ZLIB\n#include <zlib.h>\n#endif\n"
        "int fv__gzip(void) { return 0; }\n",
    "src/base/number.c":
        "/* Numbers. */\n#include \"base/base.h\"\n"
        "double fv__read(char *a) { return strtod(a, 0); }\n"
        "const char *fv__write = \"%e\";\n",
    "src/layer/relu.c":
        "/* Shows 10 %g, isalnum(c) and \"%f\". */\n"
        "const char *fv__share = \"100 %% even %d %%g isalnum(c)\";\n",
    "src/cli/main.c":
        "/* The program. */\n#include <fovea/fovea.h>\n#include <stdio.h>\n"
        "int main(void) { return printf(\"hello\") < 0; }\n",
}

# What is appended to which file, and how the refusal begins and what it says.
PLANTS = [
    ("src/kernel/kernel.h", '#include "tensor/tensor.h"',
     "module kernel may not include tensor/tensor.h"),
    ("src/base/base.h", '#include "kernel/kernel.h"',
     "module base may not include kernel/kernel.h"),
    ("src/data/gzip.c", '#include "train/train.h"',
     "module data may not include train/train.h"),
    ("src/cli/main.c", '#include "base/base.h"',
     "module cli may not include base/base.h"),
    ("src/cli/main.c", "#include <fovea/base.h>",
     "the program includes <fovea/fovea.h> only"),
    ("src/op/add.c", '#include "neighbour.h"',
     "neighbour.h is not a path from src/"),
    ("src/op/add.c", "#include NAME", "includes something unnamed"),
    ("src/op/add.c", "#include <zlib.h>", "zlib.h belongs to"),
    ("include/fovea/base.h", '#include "base/base.h"',
     "a public header includes base/base.h"),
    ("src/op/add.c", "void *fv__a(void) { return malloc(8); }",
     "malloc outside src/base/memory.c"),
    ("src/op/add.c", "void *(*fv__b)(unsigned long) = malloc;",
     "malloc outside src/base/memory.c"),
    ("src/op/add.c", "void *fv__a(void) { return calloc(8, 1); }",
     "calloc outside src/base/memory.c"),
    ("src/op/add.c", "void *fv__a(void *p) { return realloc(p, 1); }",
     "realloc outside src/base/memory.c"),
    ("src/op/add.c", "void fv__a(void *p) { free(p); }",
     "free outside src/base/memory.c"),
    ("src/op/add.c", "char *fv__a(void) { return strdup(\"\"); }",
     "strdup outside src/base/memory.c"),
    ("src/op/add.c", "#ifdef __linux__\n#endif",
     "conditional code: __linux__"),
    ("src/op/add.c", "#if 0\n#endif", "conditional code: 0"),
    ("src/op/add.c", "#if 1\n#elif 2\n#endif", "conditional code: 2"),
    ("src/op/add.c", "#ifndef FOVEA_WITH_ZLIB\n#endif",
     "conditional code: FOVEA_WITH_ZLIB"),
    ("src/data/gzip.c", "#ifdef FOVEA_WITH_CBLAS\n#endif",
     "conditional code: FOVEA_WITH_CBLAS"),
    ("include/fovea/base.h", "#ifdef NDEBUG\n#endif",
     "conditional code: NDEBUG"),
    ("src/op/add.c", "void fv__a(void) { printf(\"\"); }",
     "printf prints in the library"),
    ("src/op/add.c", "void fv__a(void) { fprintf(stderr, \"\"); }",
     "fprintf prints in the library"),
    ("src/op/add.c", "void fv__a(void) { puts(\"\"); }",
     "puts prints in the library"),
    ("src/op/add.c", "void fv__a(void) { abort(); }",
     "abort ends the host's program"),
    ("src/op/add.c", "void fv__a(void) { exit(1); }",
     "exit ends the host's program"),
    ("src/op/add.c", "void fv__a(int a) { assert(a); }",
     "assert ends the host's program"),
    ("src/op/add.c", "int fv__a(int a) { return isalnum(a); }",
     "isalnum depends on the locale"),
    ("src/op/add.c", "int fv__a(int a) { return toupper (a); }",
     "toupper depends on the locale"),
    ("src/op/add.c", "double fv__a(char *a) { return strtod(a, 0); }",
     "strtod depends on the locale"),
    ("src/op/add.c", "void fv__a(char *a) { sscanf(a, \"%lf\"); }",
     "a text with %g and its like depends on the locale"),
    ("src/op/add.c", "char *fv__a(int a) { return strerror(a); }",
     "strerror depends on the locale"),
    ("src/op/add.c", "void fv__a(void) { setlocale(LC_ALL, \"\"); }",
     "setlocale depends on the locale"),
    ("src/op/add.c", "const char *fv__a = \"%d is %-8.3f\";",
     "a text with %g and its like depends on the locale"),
    ("src/op/add.c", "const char *fv__a = \"%%%.*e\";",
     "a text with %g and its like depends on the locale"),
    ("src/op/add.c", "/*" + "\n" * 600 + "*/", "lines, 600 at most"),
    ("src/op/add.c", "/* longer than 600 lines because */" + "\n" * 600,
     "lines, 600 at most"),
    ("src/op/add.c", "void fv__a(void)\n{" + "\n    ;" * 60 + "\n}",
     "function of 62 lines, 60 at most"),
    ("src/op/add.c", "int fv__a(int n) { int a[n]; return a[0]; }",
     "an array of variable length"),
    ("src/kernel/isa/map.c", "int f(int n) { int a[n]; return a[0]; }",
     "opens without a comment"),
    ("src/op/add.c", "/* TO" + "DO: more */", "leaves something to do"),
]


def check(root, *options):
    return subprocess.run([TOOL, "--root", root, *options],
                          capture_output=True, text=True)


def write(root, files):
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def library(root, symbol):
    """An archive with one symbol."""
    source, made = root / "symbol.c", root / "symbol.o"
    source.write_text(f"int {symbol};\n")
    subprocess.run(["cc", "-c", source, "-o", made], check=True)
    archive = root / f"{symbol}.a"
    subprocess.run(["ar", "rcs", archive, made], check=True)
    return archive


# Files that need each other along a line, two of them of one name, and a list
# of operators that is generated, to which an operator may lead back. Taken for
# one file, the two would make a circle.
LINE = {
    "src/layer/same.c":
        "/* A layer. */\nextern int fv__other;\n"
        "int *fv__layer_same(void)\n{\n    return &fv__other;\n}\n",
    "src/op/other.c":
        "/* Other. */\nextern int fv__op_same;\nint fv__other;\n"
        "int *fv__op_other(void)\n{\n    return &fv__op_same;\n}\n",
    "src/op/same.c":
        "/* Same. */\nextern int *fv__operators[];\nint fv__op_same;\n"
        "int **fv__all(void)\n{\n    return fv__operators;\n}\n",
    "generated/operators.c":
        "extern int fv__op_same;\n"
        "int *fv__operators[] = { &fv__op_same };\n",
}
CIRCLE = dict(LINE)
CIRCLE["src/op/other.c"] += (
    "int *fv__layer_same(void);\n"
    "int *fv__again(void)\n{\n    return fv__layer_same();\n}\n")
REFUSAL = ("src/layer/same.c: these files need each other in a circle: "
           "src/layer/same.c, src/op/other.c (by fv__layer_same, fv__other)\n")

# Files of a folder that may need each other.
UNIT = {
    "src/export/ping.c":
        "/* A. */\nextern int fv__pong;\nint fv__ping;\n"
        "int *fv__to_pong(void)\n{\n    return &fv__pong;\n}\n",
    "src/export/pong.c":
        "/* B. */\nextern int fv__ping;\nint fv__pong;\n"
        "int *fv__to_ping(void)\n{\n    return &fv__ping;\n}\n",
}


def check_table(root):
    """What is wrong with how another table in the documentation is refused."""
    row = "| `src/tensor` |"
    write(root, {"docs/architecture.md":
                 CLEAN["docs/architecture.md"].replace(row, "| `tensor` |")})
    result = check(root)
    write(root, CLEAN)
    expected = ("docs/architecture.md: its table of modules differs from what "
                "tools/check_floors --table prints\n")
    if row not in TABLE or result.stdout != expected or not result.returncode:
        return [f"another table: got {result.stdout!r}"]
    return []


def check_long_file(root):
    """What is wrong with how a long file that says why is listed."""
    write(root, {"src/op/add.c": "/* Adds. This file is longer than\n * 600 "
                 "lines because adding is hard. */\n" + "\n" * 600})
    result = check(root)
    write(root, CLEAN)
    expected = ("src/op/add.c: 602 lines, for the reason that its first "
                "comment gives\n")
    if result.stdout != expected or result.returncode:
        return [f"a long file with a reason: got {result.stdout!r}"]
    return []


def check_circles(root):
    """What is wrong with how circles of files are refused, in sentences."""
    wrong = []
    for files, expected in ((LINE, ""), (CIRCLE, REFUSAL),
                            (UNIT, "")):
        write(root, files)
        archive = root / "circle.a"
        archive.unlink(missing_ok=True)
        for name in files:
            made = root / "objects" / name / (Path(name).name + ".o")
            made.parent.mkdir(parents=True, exist_ok=True)
            subprocess.run(["cc", "-c", root / name, "-o", made], check=True)
            subprocess.run(["ar", "qc", archive, made], check=True)
        result = check(root, "--library", archive)
        if result.stdout != expected or result.returncode != bool(expected):
            wrong.append(f"circles: expected {expected!r}, "
                         f"got {result.stdout!r}")
    return wrong


def main():
    wrong = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write(root, CLEAN)
        good = library(root, "fv__good")
        result = check(root, "--library", good)
        if result.returncode or result.stdout:
            wrong.append(f"the clean tree is refused: {result.stdout}")
        for name, text, sentence in PLANTS:
            shutil.rmtree(root / "src")
            write(root, CLEAN)
            write(root, {name: CLEAN.get(name, "") + text + "\n"})
            result = check(root)
            if result.returncode != 1 or not any(
                    line.startswith(name) and sentence in line
                    for line in result.stdout.splitlines()):
                wrong.append(f"{name}: {text[:60]!r}: expected "
                             f"{sentence!r}, got {result.stdout!r}")
        write(root, CLEAN)
        result = check(root, "--library", library(root, "stray"))
        if "symbol stray does not begin with fv_" not in result.stdout \
                or result.returncode != 1:
            wrong.append("a stray symbol passes")
        wrong += check_table(root) + check_long_file(root)
        wrong += check_circles(root)
    for sentence in wrong:
        print(sentence)
    print(f"{len(PLANTS) + 6} cases, {len(wrong)} wrong")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
