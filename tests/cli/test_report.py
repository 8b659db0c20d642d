#!/usr/bin/env python3
"""Reports: pages that are well formed, load nothing, and tell the truth.

    test_report.py FOVEA [CLASS[.TEST]...]

Ends with 77, "skipped", for a program that can neither save nor print JSON.
"""

import base64
import html.parser
import json
import math
import re
import resource
import signal
import struct

import test_cli
from test_cli import CLASSES, SIDE, Case, sha

SECTIONS = ["summary", "training", "confusion", "classes", "calibration",
            "examples", "balance", "samples", "inside", "network"]
VOID = {"meta", "img"}
DRAWN = {"line", "rect", "path", "circle"}
SHARES = ["precision", "recall", "f1", "iou", "auc"]
EVIL = "<script>alert(\"1\")</script>&\x01'"


class Page(html.parser.HTMLParser):
    """Checks that tags are balanced, and keeps what tests ask for."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.ids, self.images, self.tags = [], [], [], []
        self.values, self.texts = [], []  # (ids around it, name, value)
        self.links = []
        self.feed(text)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        words = dict(attrs)
        assert len(words) == len(attrs), attrs
        self.tags.append(tag)
        if "id" in words:
            assert words["id"] not in self.ids, words["id"]
            self.ids.append(words["id"])
        for name, value in words.items():
            assert not name.startswith("on"), (tag, name)
            assert name not in ("src", "srcset") or value.startswith(
                "data:image/png;base64,"), value
            if name == "href":
                assert value.startswith("#"), value
                self.links.append(value[1:])
        if tag == "img":
            assert words["alt"], "a picture without a description"
            self.images.append((base64.b64decode(
                words["src"].split(",")[1], validate=True), words))
        if tag == "data":
            around = [one.get("id") for _, one in self.open if one.get("id")]
            self.values.append((around, words["class"], words["value"]))
        if tag not in VOID:
            self.open.append((tag, words))

    def handle_startendtag(self, tag, attrs):
        assert tag in DRAWN, tag
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag):
        assert self.open and self.open[-1][0] == tag, (tag, self.open[-1:])
        self.open.pop()

    def handle_data(self, data):
        if self.open and self.open[-1][0] not in ("script", "style"):
            self.texts.append(data)

    def value(self, name):
        return next(float(v) for _, n, v in self.values if n == name)

    def column(self, table, name):
        """The numbers of that name in a table, NaN where there are none."""
        return [float(v or "nan") for around, n, v in self.values
                if table in around and n == name]


def same(a, b):
    """NaN and what JSON has instead of it are the same."""
    if b is None or math.isnan(b):
        return math.isnan(a)
    return a == b


class ReportTest(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        case = cls()
        cls.done = case.train("model", "--log", "log.jsonl", "--log-every", 4,
                              "--report", "first.html")
        case.run_fovea("report", "log.jsonl", "model", "data", "--out",
                       "second.html")
        cls.eval = case.json_of(case.run_fovea("eval", "model", "data",
                                               "--json"))
        lines = (cls.folder / "log.jsonl").read_text().splitlines()
        cls.epochs = [one for one in map(json.loads, lines)
                      if one["kind"] == "epoch"]
        cls.pages = [Page((cls.folder / name).read_text())
                     for name in ("first.html", "second.html")]
        cls.pictures = bool(cls.pages[0].images)

    def refused(self, *words, code=1):
        done = self.run_fovea("report", *words, code=code)
        self.assertEqual(done.stdout, "")
        return done.stderr

    def test_train_says_where_it_is(self):
        self.assertTrue(self.done.stdout.endswith("\nreport first.html\n"))

    def test_pages_are_whole(self):
        for page in self.pages:
            found = [one for one in page.ids if one in SECTIONS]
            self.assertEqual(found, SECTIONS)
            self.assertEqual(sorted(set(page.links) - set(page.ids)), [])
            self.assertEqual(page.tags.count("h1"), 1)
            self.assertEqual(page.tags.count("script"), 1)
            self.assertNotIn("link", page.tags)
        for name in ("first.html", "second.html"):
            text = (self.folder / name).read_text()
            self.assertNotRegex(text, r"https?://|@import|url\(|@font-face")
            self.assertNotRegex(text, r"[^\w]nan[^\w]|[^\w]inf[^\w]")
            self.assertLess(len(text), 1 << 20)
        self.assertEqual(list(self.folder.glob("*.part")), [])

    def test_numbers_of_the_evaluation(self):
        for page in self.pages:
            self.assertEqual(page.value("accuracy"), self.eval["accuracy"])
            # the first page has another batch
            self.assertAlmostEqual(page.value("loss"), self.eval["loss"],
                                   delta=1e-6)
            rows = [*self.eval["classes"], self.eval["macro"],
                    self.eval["weighted"]]
            for name in SHARES:
                found = page.column("scores", name)
                self.assertEqual(len(found), len(rows))
                for value, row in zip(found, rows):
                    self.assertTrue(same(value, row[name]), (name, value, row))
            self.assertEqual(page.column("scores", "count")[:CLASSES],
                             [one["count"] for one in self.eval["classes"]])

    def test_numbers_of_the_log(self):
        for page in self.pages:
            for name in ("loss", "accuracy", "test_loss", "test_accuracy",
                         "learning_rate"):
                self.assertEqual(page.column("epochs", name),
                                 [one[name] for one in self.epochs])

    def test_the_matrix(self):
        text = (self.folder / "first.html").read_text()
        rows = re.search(r'class="matrix".*?<tbody>(.*?)</tbody>', text,
                         re.S).group(1).split("</tr>")
        found = [[int(re.sub("<[^>]*>", "", cell) or 0) for cell in
                  re.findall(r"<td.*?</td>", row)] for row in rows[:CLASSES]]
        self.assertEqual(found, self.eval["confusion"])

    def test_calibration(self):
        """The error, against the probabilities that predict gives."""
        answers = self.json_of(self.run_fovea(
            "predict", "model", "data", "--limit", 96, "--json"))[
                "predictions"]
        tenths = [[] for _ in range(10)]
        for one in answers:
            best = one["classes"][0]
            tenths[min(9, int(10 * best["probability"]))].append(
                best["probability"] - (best["class"] == one["label"]))
        error = sum(abs(sum(tenth)) for tenth in tenths) / len(answers)
        self.assertAlmostEqual(self.pages[0].value("ece"), error, places=6)

    def test_pictures(self):
        if not self.pictures:
            self.assertIn("this build of Fovea has no PNG.",
                          "".join(self.pages[0].texts))
            self.skipTest("this build of Fovea has no PNG")
        for png, words in self.pages[0].images:
            self.assertEqual(png[:8], b"\x89PNG\r\n\x1a\n")
            size = struct.unpack(">II", png[16:24])
            self.assertGreater(min(size), 0)
            self.assertAlmostEqual(
                int(words["height"]) / int(words["width"]), size[1] / size[0],
                delta=0.02)
        wrong = sum(sum(row) for row in self.eval["confusion"]) - sum(
            self.eval["confusion"][i][i] for i in range(CLASSES))
        cells = [one for one in self.pages[0].ids if one.startswith("cell-")]
        filled = sum(count > 0 for row in self.eval["confusion"]
                     for count in row)
        self.assertEqual(len(cells), filled)
        galleries = (self.folder / "first.html").read_text().split("<h3>")
        mistakes = next(one for one in galleries
                        if one.startswith("The most certain mistakes"))
        self.assertEqual(mistakes.count("<img"), min(wrong, 22))
        for title in ("The least certain right answers",
                      "What answers depend on",
                      "Filters of the first convolution",
                      "Feature maps of conv1", "Feature maps of dropout1"):
            gallery = [one for one in galleries if one.startswith(title)]
            self.assertEqual(len(gallery), 1, title)
            self.assertIn("<img", gallery[0])

    def test_the_network(self):
        """Each layer is drawn, and reads what the text says."""
        (self.folder / "graph.net").write_text(
            f"input {SIDE} {SIDE} 1\nconv2d 4 3 3 padding=1 name=a\n"
            "conv2d 4 1 1 name=b\nconv2d 4 1 1 from=a name=c\n"
            f"add from=b,c,a\nflatten\nlinear {CLASSES}\n"
            "softmax_cross_entropy\n")
        self.run_fovea("train", "graph.net", "data", "--epochs", 1, "--out",
                       "graph", "--report", "graph.html")
        text = (self.folder / "graph.html").read_text()
        drawing = re.search(r'<div class="scroll tall graph.*?</svg>', text,
                            re.S).group(0)
        self.assertEqual(drawing.count("<rect"), 8)
        self.assertEqual(drawing.count('class="edge"'), 9)
        self.assertIn(f"{SIDE} × {SIDE} × 4", drawing)
        table = re.search(r'id="layers".*?</table>', text, re.S).group(0)
        self.assertRegex(table, r">a</th>.*?[\d.]+ ms")

    def test_texts_of_users_are_no_markup(self):
        """A class, the name of a file and the command line."""
        model = bytearray((self.folder / "model").read_bytes())
        size, = struct.unpack("<Q", model[:8])
        header = json.loads(model[8:8 + size])
        header["__metadata__"]["fovea.classes"] = json.dumps(
            [EVIL, "b", "c", "d"])
        header["__metadata__"].pop("fovea.crc32", None)
        words = json.dumps(header).encode()
        words += b" " * (-len(words) % 8)
        name = "<script>alert(1)<x>"
        (self.folder / name).write_bytes(
            struct.pack("<Q", len(words)) + words + model[8 + size:])
        self.run_fovea("report", "log.jsonl", name, "data", "--out",
                       "evil.html")
        text = (self.folder / "evil.html").read_text()
        page = Page(text)
        self.assertEqual(page.tags.count("script"), 1)
        self.assertEqual(text.count("<script>"), 1)
        self.assertNotIn("\x01", text)
        shown = "".join(page.texts)
        self.assertIn(EVIL.replace("\x01", "\ufffd"), shown)
        self.assertIn(name, shown)

    def test_logs_in_csv(self):
        self.train("csv", "--log", "log.csv", "--report", "csv.html")
        self.run_fovea("report", "log.csv", "csv", "data", "--out",
                       "again.html")
        first, second = (Page((self.folder / name).read_text())
                         for name in ("csv.html", "again.html"))
        for name in ("loss", "test_accuracy", "learning_rate"):
            self.assertEqual(first.column("epochs", name),
                             second.column("epochs", name))
            self.assertEqual(len(first.column("epochs", name)), 2)

    def test_validation_data(self):
        self.train("held", "--val-split", 0.25, "--report", "held.html")
        text = (self.folder / "held.html").read_text()
        self.assertIn("validation loss", text)
        self.assertIn("seed", text)

    def test_a_full_disk(self):
        """The report before it stays."""
        before = sha(self.folder / "second.html")

        def lower():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))

        done = self.run_fovea("report", "log.jsonl", "model", "data", "--out",
                              "second.html", code=1, preexec_fn=lower)
        self.assertEqual(done.stderr, "fovea: second.html: cannot write: File "
                         "too large\n")
        self.assertEqual(sha(self.folder / "second.html"), before)
        self.assertEqual(list(self.folder.glob("*.part")), [])

    def test_links_are_followed(self):
        (self.folder / "link.html").symlink_to("linked.html")
        self.run_fovea("report", "log.jsonl", "model", "data", "--out",
                       "link.html")
        self.assertTrue((self.folder / "link.html").is_symlink())
        Page((self.folder / "linked.html").read_text())

    def test_other_files(self):
        (self.folder / "notes.csv").write_text("a,b\n1,2\n")
        (self.folder / "notes.jsonl").write_text('{"step":1}\n')
        (self.folder / "empty.jsonl").write_text("")
        for log, sentence in [
                ("none.jsonl", "none.jsonl: cannot open: No such file or "
                 "directory"),
                ("notes.csv", "notes.csv: line 1 is none of a training log in "
                 "CSV"),
                ("notes.jsonl", "notes.jsonl: line 1 is none of a training log "
                 "in JSON"),
                ("empty.jsonl", "empty.jsonl: a log without a line"),
                ("small.net", "small.net: a log ends with .csv or .jsonl")]:
            self.assertEqual(self.refused(log, "model", "data"),
                             f"fovea: {sentence}\n")
        self.assertEqual(
            self.refused("log.jsonl", "small.net", "data"),
            "fovea: small.net: a network text has no weights; expected a saved "
            "model\n")
        self.assertFalse((self.folder / "report.html").exists())
        # what is no report stays, unless it is to be replaced
        before = sha(self.folder / "small.net")
        self.assertEqual(
            self.refused("log.jsonl", "model", "data", "--out", "small.net"),
            "fovea: small.net: the file there is no report, --force would "
            "replace it\n")
        done = self.train("other", "--report", "log.jsonl", code=1)
        self.assertEqual(done.stderr, "fovea: log.jsonl: the file there is no "
                         "report, --force would replace it\n")
        self.assertEqual(sha(self.folder / "small.net"), before)
        self.assertFalse((self.folder / "other").exists())
        done = self.train("other", "--report", "other", code=2)
        self.assertTrue(done.stderr.startswith(
            "fovea train: --report other: another file of the training\n"))
        done = self.train("other", "--report", "nowhere/x.html", code=1)
        self.assertEqual(done.stderr, "fovea: nowhere/x.html: the folder "
                         "nowhere/: No such file or directory\n")


if __name__ == "__main__":
    test_cli.main()
