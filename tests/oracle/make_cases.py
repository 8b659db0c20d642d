#!/usr/bin/env python3
"""Writes cases that PyTorch computed: make_cases.py FOLDER [--seed N].

Without arguments it writes tests/data/oracle, which the tests always run.
Tensors are in PyTorch's order (NCHW, OIHW). Everything is computed in double
precision from inputs that single precision holds exactly, so one expected
value serves both. Most convolutions are of small integers: their results are
exact whatever the order of summation.
"""
import argparse
import math
import pathlib

import training
from cases import Archive, draw, draw_integers
from convolutions import geometries, text_of
from explain import explain_cases
from layers import activation_cases, layer_cases, norm_cases
from optimizers import optimizer_cases
from schedules import schedule_cases
import torch
import torch.nn.functional as F


def gradients(y, leaves, dy):
    return torch.autograd.grad(y, leaves, dy)


def convolution(archive, g, exact):
    """One convolution: its text, operands, result and gradients."""
    numbers = draw_integers if exact else draw
    x = numbers(g["batch"], g["channels"], *g["size"])
    w = numbers(g["filters"], g["channels"] // g["groups"], *g["kernel"])
    leaves = [x, w]
    if g["bias"]:
        leaves.append(numbers(g["filters"]))
    for leaf in leaves:
        leaf.requires_grad_()
    (top, left), (bottom, right) = g["begin"], g["end"]
    y = F.conv2d(F.pad(x, (left, right, top, bottom)), w,
                 leaves[2] if g["bias"] else None, stride=g["stride"],
                 dilation=g["dilation"], groups=g["groups"])
    dy = numbers(*y.shape)
    grads = gradients(y, leaves, dy)
    archive.case(text_of(g), x=x, dy=dy, y=y, dx=grads[0], p0=w, d0=grads[1])
    if g["bias"]:
        archive.more(p1=leaves[2], d1=grads[2])


def write_all(folder, seed):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    archive = Archive()
    for i, g in enumerate(geometries(seed)):
        convolution(archive, g, exact=i % 4 != 3)
    archive.write(folder / "convolution.safetensors")
    archive = Archive()
    layer_cases(archive)
    archive.write(folder / "layers.safetensors")
    archive = Archive()
    training.runs(archive, seed)
    archive.write(folder / "training.safetensors")
    archive = Archive()
    optimizer_cases(archive, seed)
    archive.write(folder / "optimizers.safetensors")
    archive = Archive()
    schedule_cases(archive, seed)
    archive.write(folder / "schedules.safetensors")
    archive = Archive()
    activation_cases(archive)
    archive.write(folder / "activations.safetensors")
    archive = Archive()
    norm_cases(archive)
    archive.write(folder / "norms.safetensors")
    archive = Archive()
    explain_cases(archive)
    archive.write(folder / "explain.safetensors")


def main():
    here = pathlib.Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", nargs="?",
                        default=here.parent / "data" / "oracle")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(1)
    write_all(options.folder, options.seed)


if __name__ == "__main__":
    main()
