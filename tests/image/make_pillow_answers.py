#!/usr/bin/env python3
"""Writes tests/image/pillow_answers.h: pictures that Pillow resized.

The input is what `noisy` of test_resize.c draws; the answers stored were made
by Pillow 11.3.0. Later versions may resize in another order of axes, which
changes single grey levels.
"""
import pathlib

from PIL import Image, __version__

FILTERS = [Image.NEAREST, Image.BOX, Image.BILINEAR, Image.BICUBIC,
           Image.LANCZOS]
# rows, columns and channels of the input; rows and columns of the output; the
# part of the input (left, upper, right, lower), or nothing
SHAPES = [(13, 17, 3, 7, 5, None), (5, 7, 1, 11, 9, None),
          (31, 3, 1, 4, 13, None), (4, 29, 3, 9, 6, None),
          (9, 9, 3, 9, 4, None), (8, 9, 1, 5, 9, None),
          (17, 19, 1, 6, 7, (2.25, 1.5, 15, 16.75)),
          (6, 6, 3, 5, 8, (0.5, 3, 2.75, 4.125))]


def noise(i):
    mask = 0xffffffff
    i = ((i ^ 61) ^ i >> 16) & mask
    i = i * 9 & mask
    i ^= i >> 4
    i = i * 0x27d4eb2d & mask
    return (i ^ i >> 15) & 255


def sample(i):
    """Noise with plateaus of black and white, where sums leave 0..255."""
    return (0, 255, noise(i), noise(i))[noise(i // 5) & 3]


def main():
    lines = [f"/* Made by make_pillow_answers.py with Pillow {__version__}. */",
             "static const struct {",
             "    int64_t rows, columns, channels, out_rows, out_columns;",
             "    fv__box box; /* bottom 0: all */",
             "    int filter;",
             "    unsigned char pixels[300];",
             "} answers[] = {"]
    for rows, columns, channels, out_rows, out_columns, box in SHAPES:
        data = bytes(sample(i) for i in range(rows * columns * channels))
        image = Image.frombytes("L" if channels == 1 else "RGB",
                                (columns, rows), data)
        for number, resample in enumerate(FILTERS):
            done = image.resize((out_columns, out_rows), resample, box=box)
            left, top, right, bottom = box or (0, 0, 0, 0)
            values = ", ".join(map(str, done.tobytes()))
            lines.append(
                f"    {{ {rows}, {columns}, {channels}, {out_rows}, "
                f"{out_columns}, {{ {top}, {left}, {bottom}, {right} }}, "
                f"{number}, {{ {values} }} }},")
    lines.append("};\n")
    path = pathlib.Path(__file__).with_name("pillow_answers.h")
    path.write_text("\n".join(lines))


main()
