#!/usr/bin/env python3
"""Writes tests/data/augment/answers.bin: what Pillow and torchvision make of two
pictures, for tests/augment/test_answers.c, which has the same cases.

    tests/augment/answers.py tests/data/augment/answers.bin

An answer is rows, columns and channels, each in two bytes with the lower one
first, and the pixels. Written with Pillow 13.0.0 and torchvision 0.29.2.
"""

import struct
import sys

import numpy
import torch
from PIL import Image
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as F

BILINEAR = InterpolationMode.BILINEAR


def picture(rows, columns, channels):
    i, j, c = numpy.meshgrid(numpy.arange(rows), numpy.arange(columns),
                             numpy.arange(channels), indexing="ij")
    values = i * 9 + j * 7 + c * 60 + i * j % 5 * 3 + (i * i + j * j) // 7 % 29
    return Image.fromarray((values % 256).astype(numpy.uint8).squeeze())


def blurred(image, size, sigma):
    pixels = torch.from_numpy(numpy.array(image)).permute(2, 0, 1)
    return F.gaussian_blur(pixels, [size, size], [sigma, sigma]).permute(
        1, 2, 0)


def projected(image, coefficients, resample):
    return image.transform(image.size, Image.PERSPECTIVE, coefficients,
                           resample, fillcolor=(9, 8, 7))


def letterbox(image):
    width, height = image.size
    small = image.resize((20, round(20 * height / width)), Image.BILINEAR)
    whole = Image.new("RGB", (20, 20), (114, 114, 114))
    whole.paste(small, (0, (20 - small.size[1]) // 2))
    return whole


def answers():
    image, grey = picture(13, 17, 3), picture(11, 9, 1)
    for degrees in 30, -77.5, 90, 180:
        yield F.rotate(image, degrees)
        yield F.rotate(image, degrees, interpolation=BILINEAR,
                       fill=[1, 2, 3])
    yield F.rotate(grey, 45, interpolation=BILINEAR)
    yield F.affine(image, 25, [0, 0], 1.3, [12, 0])
    yield F.affine(image, -24, [0, 0], 0.75, [-31, 0], interpolation=BILINEAR,
                   fill=[9, 8, 7])
    coefficients = [0.8, 0.1, 1.25, -0.05, 0.9, 0.5, 0.01, -0.02]
    yield projected(image, coefficients, Image.NEAREST)
    yield projected(image, coefficients, Image.BILINEAR)
    for factor in 0.3, 1.7:
        yield F.adjust_brightness(image, factor)
        yield F.adjust_contrast(image, factor)
        yield F.adjust_saturation(image, factor)
    for turn in 0.3, -0.21, 0.5:
        yield F.adjust_hue(image, turn)
    yield F.adjust_contrast(grey, 0.6)
    yield F.rgb_to_grayscale(image, 1)
    yield F.rgb_to_grayscale(image, 3)
    for factor in 0.1, 1.9:
        yield F.adjust_sharpness(image, factor)
    for bits in 4, 1:
        yield F.posterize(image, bits)
    yield F.solarize(image, 178.5)
    yield F.autocontrast(image)
    yield F.equalize(image)
    yield F.autocontrast(grey)
    yield F.equalize(grey)
    for size in 3, 7:
        yield blurred(image, size, 1.3)
    yield F.center_crop(image, [8, 21])
    yield F.center_crop(image, [12, 6])
    for mode in "constant", "reflect", "edge":
        yield F.pad(image, [4, 5, 4, 5], padding_mode=mode,
                    fill=[3, 4, 5] if mode == "constant" else 0)
    yield F.hflip(image)
    yield F.vflip(image)
    yield F.resize(image, 7, interpolation=BILINEAR)
    yield F.resize(image, [20, 9], interpolation=InterpolationMode.BICUBIC)
    yield letterbox(image)


def main():
    with open(sys.argv[1], "wb") as file:
        for answer in answers():
            pixels = numpy.asarray(answer)
            if pixels.ndim == 2:
                pixels = pixels[:, :, None]
            file.write(struct.pack("<3H", *pixels.shape) + pixels.tobytes())


if __name__ == "__main__":
    main()
