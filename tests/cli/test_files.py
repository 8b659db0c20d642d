#!/usr/bin/env python3
"""Files that the program is given: images of every kind, network texts from
elsewhere, pipes, and where models are saved.

    test_files.py FOVEA [CLASS[.TEST]...]
"""

import json
import os
import random
import stat
import struct
import subprocess
import zlib
from pathlib import Path

import test_cli
from test_cli import Case

try:
    import io
    from PIL import Image
except ImportError:
    Image = None

GRAY, RGB, PALETTE, GRAY_ALPHA, RGBA = 0, 2, 3, 4, 6
CHANNELS = {GRAY: 1, RGB: 3, PALETTE: 1, GRAY_ALPHA: 2, RGBA: 4}
ADAM7 = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4),
         (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
# Chunks that say how values would look on a screen.
GAMMA = (b"gAMA", struct.pack(">I", 100000))
LOOKS = [GAMMA, (b"sRGB", b"\0"),
         (b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 30000,
                               60000, 15000, 6000)),
         (b"iCCP", b"profile\0\0" + zlib.compress(b"no profile at all"))]


def chunk(name, data):
    body = name + data
    return struct.pack(">I", len(data)) + body \
        + struct.pack(">I", zlib.crc32(body))


def line_of(pixels, depth):
    """The bytes of a row of pixels, each a list of values."""
    values = [value for pixel in pixels for value in pixel]
    if depth == 16:
        return struct.pack(f">{len(values)}H", *values)
    bits = "".join(f"{value:0{depth}b}" for value in values)
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8))


def png(rows, kind=GRAY, depth=8, chunks=(), interlaced=False, more=b""):
    """A PNG of rows of pixels; a pixel is a number or a tuple."""
    rows = [[p if isinstance(p, tuple) else (p,) for p in row]
            for row in rows]
    assert all(len(p) == CHANNELS[kind] for row in rows for p in row)
    parts = [rows]
    if interlaced:
        parts = [[row[x::dx] for row in rows[y::dy]]
                 for y, x, dy, dx in ADAM7]
    data = b"".join(b"\0" + line_of(row, depth)
                    for part in parts for row in part if row)
    head = struct.pack(">IIBBBBB", len(rows[0]), len(rows), depth, kind, 0, 0,
                       interlaced)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) \
        + b"".join(chunk(*one) for one in chunks) \
        + chunk(b"IDAT", zlib.compress(data + more)) + chunk(b"IEND", b"")


def model(text, tensors=()):
    """A model made by hand: name, shape and f32 values of each tensor."""
    header, data = {"__metadata__": {"fovea.network": text}}, b""
    for name, shape, values in tensors:
        begin = len(data)
        data += struct.pack(f"<{len(values)}f", *values)
        header[name] = {"dtype": "F32", "shape": shape,
                        "data_offsets": [begin, len(data)]}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def luma(r, g, b):
    """ITU-R 601, rounded as Pillow does for mode L."""
    return (r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16


class ImagesTest(Case):
    """A network without layers shows the values that it is given."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        (cls.folder / "gray").write_bytes(model("input 1 3 1\nflatten\n"))
        (cls.folder / "colour").write_bytes(model("input 1 1 3\nflatten\n"))
        (cls.folder / "four").write_bytes(model("input 1 1 4\nflatten\n"))
        (cls.folder / "vector").write_bytes(model("input 3\nrelu\n"))
        noise = random.Random(5)
        weights = [noise.uniform(-1, 1) for _ in range(3 * 9 * 7)]
        (cls.folder / "large").write_bytes(
            model("input 9 7 1\nflatten\nlinear 3 name=l bias=no\n",
                  [("l.weight", [3, 63], weights)]))

    def values(self, name, image, dtype="f64"):
        (self.folder / "x.png").write_bytes(image)
        one, = self.json_of(self.run_fovea(
            "predict", name, "x.png", "--json", "--dtype", dtype)
        )["predictions"]
        found = {c["class"]: c["probability"] for c in one["classes"]}
        return [found[i] for i in range(3)]

    def check(self, name, image, expected, most=255):
        for dtype, error in (("f64", 1e-15), ("f32", 1e-7)):
            found = self.values(name, image, dtype)
            for value, wanted in zip(found, expected):
                self.assertLessEqual(abs(value - wanted / most), error,
                                     f"{found} for {expected}")
        if Image and most == 255 and name == "gray":
            opened = Image.open(io.BytesIO(image))
            if (opened.mode in ("L", "RGB")
                    and "transparency" not in opened.info):
                self.assertEqual(list(opened.convert("L").getdata()),
                                 list(expected))

    def test_depths(self):
        self.check("gray", png([[0, 100, 255]]), [0, 100, 255])
        self.check("gray", png([[0, 1, 1]], depth=1), [0, 255, 255])
        self.check("gray", png([[1, 2, 3]], depth=2), [85, 170, 255])
        self.check("gray", png([[1, 7, 15]], depth=4), [17, 119, 255])
        self.check("gray", png([[25700, 1, 65535]], depth=16),
                   [25700, 1, 65535], 65535)

    def test_nothing_corrects_values(self):
        for chunks in [[one] for one in LOOKS] + [LOOKS[:3]]:
            self.check("gray", png([[0, 100, 255]], chunks=chunks),
                       [0, 100, 255])
            self.check("gray", png([[25700, 1, 65535]], depth=16,
                                   chunks=chunks), [25700, 1, 65535], 65535)
            self.check("colour", png([[(100, 3, 250)]], RGB, chunks=chunks),
                       [100, 3, 250])
            self.check("gray", png([[(9, 99, 199)] * 3], RGB, chunks=chunks),
                       [luma(9, 99, 199)] * 3)

    def test_colours_to_gray(self):
        self.check("gray", png([[(255, 0, 0), (0, 255, 0), (0, 0, 255)]], RGB),
                   [76, 150, 29])
        self.check("gray", png([[(255, 255, 255), (0, 0, 0), (10, 20, 30)]],
                               RGB), [255, 0, 18])
        pixels = [(65535, 0, 0), (1000, 2000, 3000), (65535, 65535, 65535)]
        self.check("gray", png([pixels], RGB, 16),
                   [luma(*p) for p in pixels], 65535)
        noise = random.Random(3)
        for _ in range(5):
            pixels = [tuple(noise.randrange(256) for _ in range(3))
                      for _ in range(3)]
            self.check("gray", png([pixels], RGB), [luma(*p) for p in pixels])

    def test_gray_to_colours(self):
        self.check("colour", png([[77]]), [77, 77, 77])
        self.check("colour", png([[(1, 2, 3)]], RGB), [1, 2, 3])
        self.check("colour", png([[(1000, 2, 65535)]], RGB, 16),
                   [1000, 2, 65535], 65535)

    def test_palette(self):
        plte = (b"PLTE", bytes([1, 2, 3, 200, 100, 50, 9, 9, 9]))
        self.check("colour", png([[1]], PALETTE, chunks=[plte]),
                   [200, 100, 50])
        for depth in (2, 4, 8):
            self.check("gray", png([[0, 1, 2]], PALETTE, depth, [plte]),
                       [luma(1, 2, 3), luma(200, 100, 50), 9])
        trns = (b"tRNS", bytes([255, 128]))
        self.check("colour", png([[1]], PALETTE, chunks=[plte, trns]),
                   [227, 177, 152])

    def test_what_is_transparent_becomes_white(self):
        self.check("gray", png([[(200, 255), (200, 0), (200, 128)]],
                               GRAY_ALPHA), [200, 255, 227])
        self.check("colour", png([[(200, 100, 50, 51)]], RGBA),
                   [244, 224, 214])
        self.check("colour", png([[(60000, 100, 5, 0)]], RGBA, 16),
                   [65535, 65535, 65535], 65535)
        self.check("colour", png([[(60000, 100, 5, 65535)]], RGBA, 16),
                   [60000, 100, 5], 65535)
        self.check("gray", png([[7, 8, 9]],
                               chunks=[(b"tRNS", b"\0\x08")]), [7, 255, 9])
        self.check("colour", png([[(7, 8, 9)]], RGB, chunks=[
            (b"tRNS", b"\0\x07\0\x08\0\x09")]), [255, 255, 255])

    def test_interlaced(self):
        noise = random.Random(9)
        for kind, depth in ((GRAY, 1), (GRAY, 8), (GRAY, 16), (RGB, 8),
                            (RGBA, 16)):
            rows = [[tuple(noise.randrange(1 << depth)
                           for _ in range(CHANNELS[kind]))
                     for _ in range(7)] for _ in range(9)]
            self.assertEqual(
                self.values("large", png(rows, kind, depth)),
                self.values("large", png(rows, kind, depth, interlaced=True)))

    def refused(self, name, image):
        (self.folder / "x.png").write_bytes(image)
        done = self.run_fovea("predict", name, "x.png", "--json", code=1)
        self.assertEqual(done.stdout, "")
        self.assertRegex(done.stderr, r"^fovea: x\.png: [^\n]+\n$")
        return done.stderr

    def test_sizes(self):
        self.assertEqual(
            self.refused("gray", png([[1], [2]])),
            "fovea: x.png: the image has 2 rows x 1 columns, the network "
            "takes 1 x 3; a line \"augment resize 1 3\" in it would resize "
            "images\n")
        self.assertEqual(
            self.refused("four", png([[1]])),
            "fovea: x.png: the network takes 4 channels; images have 1 or 3\n")
        self.assertEqual(
            self.refused("vector", png([[1, 2, 3]])),
            "fovea: x.png: the network does not take images\n")
        image = bytearray(png([[1, 2, 3]]))
        for size in (1 << 20, 0x7fffffff, 0xffffffff, 0):
            head = struct.pack(">II", size, size) + bytes(image[24:29])
            image[8:33] = chunk(b"IHDR", head)
            self.refused("gray", bytes(image))

    def test_damage(self):
        image = png([[1, 2, 3]])
        for length in range(0, len(image) - 12, 3):
            self.refused("gray", image[:length])
        self.refused("gray", image[:-12])
        self.refused("gray", image[:-20] + b"\0" * 20)
        wrong = bytearray(image)
        wrong[-17] ^= 1
        self.refused("gray", bytes(wrong))
        for data in (b"GIF89a", b"\0" * 100, b"\x89PNG\r\n\x1a\n"):
            self.refused("gray", data)
        self.refused("gray", png([[1, 2, 3]], PALETTE))  # without a palette
        self.refused("gray", image[:33] + image[-12:])  # without pixels

    def test_more_than_an_image(self):
        long = (b"tEXt", b"a\0" + b"b" * 3000000)
        self.check("gray", png([[1, 2, 3]], chunks=[long]), [1, 2, 3])
        self.check("gray", png([[1, 2, 3]]) + b"more", [1, 2, 3])
        self.check("gray", png([[1, 2, 3]], more=b"\0" * 1000), [1, 2, 3])

    def test_jpeg(self):
        file = Path(__file__).parents[1] / "data/fuzz/image/grey.jpg"
        self.assertEqual(
            self.refused("gray", file.read_bytes()),
            "fovea: x.png: the image has 19 rows x 18 columns, the network "
            "takes 1 x 3; a line \"augment resize 1 3\" in it would resize "
            "images\n")
        (self.folder / "nineteen").write_bytes(
            model("input 19 18 1\nflatten\n"))
        one, = self.json_of(self.run_fovea(
            "predict", "nineteen", file, "--json"))["predictions"]
        self.assertEqual(len(one["classes"]), 3)

    def test_text_that_unpacks_to_much(self):
        """Memory is bounded by the network's input: 200 chunks of 4 MB each
        are not unpacked."""
        text = (b"zTXt", b"a\0\0" + zlib.compress(b"b" * 4000000))
        (self.folder / "x.png").write_bytes(
            png([[1, 2, 3]], chunks=[text] * 200))
        process = subprocess.Popen(
            self.command(["predict", "gray", "x.png", "--json"]),
            cwd=self.folder, stdout=subprocess.DEVNULL)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual(process.returncode, 0)
        self.assertLess(used.ru_maxrss * 1024, 400e6)

    def test_no_file(self):
        done = self.run_fovea("predict", "gray", "none.png", code=1)
        self.assertEqual(done.stderr, "fovea: none.png: cannot open: No such "
                         "file or directory\n")
        self.run_fovea("predict", "gray", ".", code=1)


class PicturesTest(Case):
    """What predict draws of an image."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for rows, columns, channels in ((2, 2, 1), (3, 1, 1), (2, 2, 3),
                                        (3, 200, 1), (6, 6, 1)):
            (cls.folder / f"net{rows}{columns}{channels}").write_bytes(
                model(f"input {rows} {columns} {channels}\nflatten\n"))

    def put(self, rows, kind=GRAY):
        (self.folder / "x.png").write_bytes(png(rows, kind))
        return f"net{len(rows)}{len(rows[0])}{1 if kind == GRAY else 3}"

    def drawn(self, rows, kind=GRAY, **more):
        """The lines below the name of the image, without a terminal."""
        done = self.run_fovea("predict", self.put(rows, kind), "x.png",
                              env=dict(test_cli.environment(), **more))
        lines = done.stdout.splitlines()
        self.assertEqual(lines[0], "x.png")
        return lines[1:1 + (len(rows) + 1) // 2]

    def on_terminal(self, rows, kind=GRAY, columns=80, **more):
        net = self.put(rows, kind)
        seen = self.at_terminal(["predict", net, "x.png"], "stdout", columns,
                                **more)
        return seen.split("\r\n")[1:1 + (len(rows) + 1) // 2]

    def test_blocks(self):
        self.assertEqual(self.drawn([[255, 0], [0, 255]]), ["\u2580\u2584"])
        self.assertEqual(self.drawn([[255, 0], [255, 0]]), ["\u2588 "])
        self.assertEqual(self.drawn([[255], [255], [255]]),
                         ["\u2588", "\u2580"])

    def test_dots(self):
        """A brightness of k / 16 sets the k first dots of each 4 x 4 cell, in
        the order of Bayer's matrix."""
        def place(row, column):
            differ = row ^ column
            return (differ % 2 * 8 + row % 2 * 4 + differ // 2 % 2 * 2
                    + row // 2 % 2)
        for k in range(17):
            value = round(255 * k / 16)
            expected = ["".join(
                " \u2580\u2584\u2588"[(place(row, column) < k)
                                      + 2 * (place(row + 1, column) < k)]
                for column in range(6)) for row in range(0, 6, 2)]
            self.assertEqual(self.drawn([[value] * 6] * 6), expected)

    def test_ascii(self):
        self.assertEqual(self.drawn([[255, 0], [255, 0]], LC_ALL="C"), ["@ "])
        self.assertEqual(self.drawn([[255, 128], [20, 128]], LC_ALL="C"),
                         ["++"])

    def test_colours(self):
        def cell(upper, lower):
            return f"\x1b[38;5;{upper};48;5;{lower}m\u2580"
        self.assertEqual(
            self.on_terminal([[0, 255], [128, 0]], TERM="xterm"),
            [cell(16, 244) + cell(231, 16) + "\x1b[0m"])
        red, green, dark = (255, 0, 0), (0, 255, 0), (51, 51, 102)
        self.assertEqual(
            self.on_terminal([[red, green], [dark, (255,) * 3]], RGB,
                             TERM="xterm"),
            [cell(196, 60) + cell(46, 231) + "\x1b[0m"])
        self.assertEqual(self.on_terminal([[255], [0], [255]], TERM="xterm"),
                         [cell(231, 16) + "\x1b[0m", cell(231, 16)
                          + "\x1b[0m"])

    def test_terminals_without_colours(self):
        for more in ({"TERM": "dumb"}, {}, {"TERM": "xterm", "NO_COLOR": "1"}):
            self.assertEqual(self.on_terminal([[255, 0], [0, 255]], **more),
                             ["\u2580\u2584"])
        self.assertEqual(
            self.on_terminal([[255, 0], [0, 255]], columns=0, TERM="xterm",
                             NO_COLOR=""),
            ["\x1b[38;5;231;48;5;16m\u2580\x1b[38;5;16;48;5;231m\u2580"
             "\x1b[0m"])

    def test_wide_images(self):
        """Several pixels go into one; the last row may have fewer."""
        row = [255] * 100 + [0] * 100
        lines = self.drawn([row] * 3)
        self.assertEqual(lines[0], "\u2580" * 25 + " " * 25)
        for columns, width in ((20, 20), (40, 40), (64, 50), (500, 50)):
            lines = self.on_terminal([row] * 3, columns=columns, TERM="dumb")
            self.assertEqual(len(lines[0]), width)
            self.assertEqual(lines[0].count("\u2580"), width // 2)


class StreamsTest(Case):
    """Network texts and models from pipes."""

    def pipe(self, data, *words, code=0):
        done = subprocess.run(self.command(words), cwd=self.folder,
                              env=test_cli.environment(), input=data,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=test_cli.LIMIT)
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stdout.decode(), done.stderr.decode()

    def test_text(self):
        text = test_cli.NET.encode()
        expected = self.run_fovea("info", "small.net").stdout
        for name in ("-", "/dev/stdin", "/dev/fd/0"):
            self.assertEqual(self.pipe(text, "info", name)[0], expected)
        self.assertEqual(self.pipe(b"\xef\xbb\xbf" + text.replace(b"\n",
                                                                   b"\r\n"),
                                   "info", "-")[0], expected)

    def test_failures_name_the_file_as_it_was_typed(self):
        wrong = b"input 4\ndense 3\n"
        data = ["--data", "data"]
        for words in (["info"], ["explain"], ["gradcheck"], ["train", *data],
                      ["eval", *data], ["bench", "infer"]):
            command = words[:2] if words[0] == "bench" else words[:1]
            for name in ("-", "/dev/stdin"):
                _, error = self.pipe(wrong, *command, name,
                                     *words[len(command):], code=1)
                self.assertEqual(error, f"fovea: {name}:2:1: there is no layer "
                                 "\"dense\"; did you mean \"linear\"?\n")
        _, error = self.pipe(b"", "info", "-", code=1)
        self.assertEqual(error, "fovea: -: 0 layers, expected an input and at "
                         "least one more\n")
        # a failure that does not begin with the file's name stays as it is
        _, error = self.pipe(wrong, "train", "-", *data, "--out", "nowhere/m",
                             code=1)
        self.assertEqual(error, "fovea: nowhere/m: the folder nowhere/: No "
                         "such file or directory\n")

    def test_train(self):
        self.train("model")
        self.pipe(test_cli.NET.encode(), "train", "-", "--data", "data",
                  "--epochs", "2", "--batch", "48", "--seed", "3", "--out",
                  "piped")
        self.assertEqual(test_cli.sha(self.folder / "model"),
                         test_cli.sha(self.folder / "piped"))

    def test_model(self):
        self.train("model")
        data = (self.folder / "model").read_bytes()
        words = ["--data", "data", "--json"]
        expected = self.run_fovea("eval", "model", *words).stdout
        self.assertEqual(self.pipe(data, "eval", "-", *words)[0], expected)
        self.assertEqual(self.pipe(data, "info", "-")[0],
                         self.run_fovea("info", "model").stdout)
        _, error = self.pipe(test_cli.NET.encode(), "eval", "-", *words,
                             code=1)
        self.assertEqual(error, "fovea: -: a network text has no weights; "
                         "expected a saved model\n")

    def test_other_encodings(self):
        for name, order in (("utf-16-le", "little"), ("utf-16-be", "big")):
            _, error = self.pipe(test_cli.NET.encode(name), "info", "-",
                                 code=1)
            self.assertEqual(error, "fovea: -: this is UTF-16 text "
                             f"({order}-endian; Fovea reads UTF-8), not a "
                             "network or a model\n")


class TargetsTest(Case):
    """Models go where symbolic links lead, and keep the file's mode."""

    def test_link(self):
        store = self.folder / "store"
        store.mkdir()
        link = self.folder / "link"
        link.symlink_to("store/model")
        self.train("link")
        self.assertTrue(link.is_symlink())
        self.assertFalse((store / "model").is_symlink())
        self.run_fovea("eval", "store/model", "--data", "data")
        os.chmod(store / "model", 0o600)
        before = test_cli.sha(store / "model")
        (self.folder / "link.checkpoint").unlink(missing_ok=True)
        self.train("link", "--lr", "0.02")
        self.assertNotEqual(test_cli.sha(store / "model"), before)
        self.assertEqual(stat.S_IMODE(os.stat(store / "model").st_mode), 0o600)
        self.assertEqual(sorted(os.listdir(store)), ["model"])

    def test_links_to_where_nothing_can_be_written(self):
        """They are refused before the training begins."""
        (self.folder / "file").write_text("")
        (self.folder / "deep").mkdir()
        for link, leads_to, sentence in (
                ("a", "nowhere/m", "the folder nowhere/: No such file or "
                 "directory"),
                ("b", "nowhere/", "the folder nowhere/: No such file or "
                 "directory"),
                ("c", "file/m", "the folder file/: Not a directory"),
                ("d", "a", "the folder nowhere/: No such file or directory"),
                ("deep/e", "../nowhere/m", "the folder deep/../nowhere/: No "
                 "such file or directory"),
                ("f", str(self.folder / "nowhere" / "m"),
                 f"the folder {self.folder}/nowhere/: No such file or "
                 "directory"),
                ("g", "g", "Too many levels of symbolic links"),
                ("deep/h", "./" * 2046 + "m", "File name too long"),
                ("i", "o" * 400, "File name too long")):
            (self.folder / link).symlink_to(leads_to)
            done = self.train(link, "--epochs", 100000, code=1)
            self.assertEqual(done.stderr, f"fovea: {link}: {sentence}\n")
        self.assertEqual(sorted(os.listdir(self.folder / "deep")), ["e", "h"])

    def test_links_into_folders_that_are_not_ours(self):
        if os.geteuid() == 0:
            self.skipTest("nothing is refused to root")
        (self.folder / "closed").mkdir()
        (self.folder / "closed" / "m").write_text("")
        (self.folder / "x").symlink_to("closed/m")
        os.chmod(self.folder / "closed", 0o500)
        self.addCleanup(os.chmod, self.folder / "closed", 0o700)
        done = self.train("x", "--force", "--epochs", 100000, code=1)
        self.assertEqual(done.stderr, "fovea: x: the folder closed/: "
                         "Permission denied\n")

    def test_standard_input_is_not_replaced(self):
        with open(self.folder / "small.net", "rb") as text:
            done = subprocess.run(
                self.command(["train", "-", "data", "--force", "--out",
                              "small.net"]),
                cwd=self.folder, env=test_cli.environment(), stdin=text,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                timeout=test_cli.LIMIT)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr, b"fovea: small.net: the output would "
                         b"replace the input\n")


if __name__ == "__main__":
    test_cli.main()
