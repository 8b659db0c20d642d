"""Drawing numbers, and a writer of safetensors files."""
import array
import json
import struct
import sys

import torch

DOUBLE = torch.float64


def draw(*shape):
    """Normal numbers that single precision holds exactly."""
    return torch.randn(*shape, dtype=torch.float32).to(DOUBLE)


def draw_integers(*shape):
    """Whole numbers from -4 to 4."""
    return torch.randint(-4, 5, shape).to(DOUBLE)


def element_type(t):
    """The smallest type that holds all elements: name, code of `array`."""
    if t.dtype == torch.int64:
        return "I64", "q"
    if bool((t == t.round()).all()):
        most = float(t.abs().max())
        for name, code, limit in (("I8", "b", 127), ("I16", "h", 32767)):
            if most <= limit:
                return name, code
    if bool((t == t.to(torch.float32).to(DOUBLE)).all()):
        return "F32", "f"
    return "F64", "d"


class Archive:
    """Named tensors and texts; written with the widest elements first, so
    that each lies where its type wants it."""

    def __init__(self):
        self.tensors = {}
        self.texts = {}
        self.count = 0

    def case(self, text, **tensors):
        """The next numbered case."""
        self.prefix = f"{self.count:03d}"
        self.count += 1
        self.texts[self.prefix] = text
        self.more(**tensors)

    def more(self, **tensors):
        for name, tensor in tensors.items():
            self.add(f"{self.prefix}.{name}", tensor)

    def add(self, name, tensor):
        self.tensors[name] = tensor.detach().clone()

    def write(self, path):
        rows = []
        for name, t in self.tensors.items():
            kind, code = element_type(t)
            numbers = t.flatten().tolist()
            if code in "bhq":
                numbers = [int(v) for v in numbers]
            data = array.array(code, numbers)
            if sys.byteorder != "little":
                data.byteswap()
            rows.append((-data.itemsize, name, kind, list(t.shape),
                         data.tobytes()))
        rows.sort(key=lambda row: row[:2])
        header = {"__metadata__": self.texts}
        offset = 0
        for _, name, kind, shape, data in rows:
            header[name] = {"dtype": kind, "shape": shape,
                            "data_offsets": [offset, offset + len(data)]}
            offset += len(data)
        text = json.dumps(header, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)
        with open(path, "wb") as file:
            file.write(struct.pack("<Q", len(text)) + text)
            for row in rows:
                file.write(row[4])
