#!/usr/bin/env python3
"""Layers against PyTorch, over random attributes: values and gradients in f64.

    random_layers.py FOVEA [--sets N] [KIND...]

Draws N (10) sets of attributes and sizes for each kind, runs them as networks by
`fovea run --grad`, and compares outputs and the gradients of inputs and
parameters with PyTorch's. Prints a table: sets, largest error relative to the
largest number of the tensor, in values and in gradients. The seed is printed;
FOVEA_SEED repeats one. Exits with 77, "skipped", where there is no PyTorch.
"""
import os
import random
import subprocess
import sys
import tempfile
import time

import fresh

fresh.find_torch()

import numpy as np  # noqa: E402
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402

LIMIT = 1e-9  # of relative errors
BUNDLE = 12  # cases of one network; a network has at most 16 inputs
DOUBLE = torch.float64


class Case:
    """A line of the network text, what it reads, its parameters, and the same
    in PyTorch: function(inputs, parameters) -> outputs, channels last."""

    def __init__(self, line, inputs, function, parameters=None, outputs=1,
                 state=("running_mean", "running_var")):
        self.line, self.inputs, self.function = line, inputs, function
        self.parameters, self.outputs = parameters or {}, outputs
        self.state = state  # of the parameters, those that are not trained


KINDS = {}  # name: (function that draws a case, whether it trains)


def kind(*names, training=False):
    def add(function):
        for name in names:
            KINDS[name] = (lambda name=name: function(name), training)
        return function
    return add


def normal(*shape):
    return torch.randn(*shape, dtype=DOUBLE)


def first(x):
    """Channels first."""
    return x.movedim(-1, 1)


def last(x):
    return x.movedim(1, -1)


def numbers(values):
    return ",".join(map(str, values))


def choose(*values):
    return random.choice(values)


def whole(least, most):
    return random.randint(least, most)


# ---- convolutions ------------------------------------------------------------


def axes_of(name):
    return int(name[-2]) if name[-1] == "d" else 2


@kind("conv1d", "conv2d", "conv3d")
def convolution(name):
    axes = axes_of(name)
    groups = whole(1, 3)
    channels, filters = groups * whole(1, 3), groups * whole(1, 3)
    kernel = [whole(1, 3) for _ in range(axes)]
    stride = [whole(1, 2) for _ in range(axes)]
    dilation = [whole(1, 2) for _ in range(axes)]
    padding = [whole(0, 2) for _ in range(axes)]
    size = [whole(6, 8) for _ in range(axes)]
    mode = choose("zeros", "reflect", "replicate", "circular")
    bias = choose(True, False)
    x = normal(whole(1, 2), *size, channels)
    weight = normal(filters, channels // groups, *kernel)

    def function(inputs, p):
        y = first(inputs[0])
        both = [n for value in reversed(padding) for n in (value, value)]
        if mode != "zeros" and any(both):
            y = F.pad(y, both, mode=mode)
        else:
            y = F.pad(y, both)
        call = (F.conv1d, F.conv2d, F.conv3d)[axes - 1]
        return [last(call(y, p["weight"], p.get("bias"), stride=stride,
                          dilation=dilation, groups=groups))]

    parameters = {"weight": weight}
    if bias:
        parameters["bias"] = normal(filters)
    return Case(
        f"{name} {filters} {' '.join(map(str, kernel))} "
        f"stride={numbers(stride)} dilation={numbers(dilation)} "
        f"padding={numbers(padding)} groups={groups} padding_mode={mode} "
        f"bias={'yes' if bias else 'no'}", [x], function, parameters)


@kind("conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
def transposed(name):
    axes = axes_of(name)
    groups = whole(1, 2)
    channels, filters = groups * whole(1, 3), groups * whole(1, 3)
    kernel = [whole(1, 3) for _ in range(axes)]
    stride = [whole(1, 3) for _ in range(axes)]
    dilation = [whole(1, 2) for _ in range(axes)]
    padding = [whole(0, 1) for _ in range(axes)]
    output = [whole(0, max(s, d) - 1) for s, d in zip(stride, dilation)]
    size = [whole(3, 5) for _ in range(axes)]
    call = (F.conv_transpose1d, F.conv_transpose2d,
            F.conv_transpose3d)[axes - 1]
    return Case(
        f"{name} {filters} {' '.join(map(str, kernel))} "
        f"stride={numbers(stride)} dilation={numbers(dilation)} "
        f"padding={numbers(padding)} output_padding={numbers(output)} "
        f"groups={groups}", [normal(whole(1, 2), *size, channels)],
        lambda i, p: [last(call(
            first(i[0]), p["weight"], p["bias"], stride=stride,
            dilation=dilation, padding=padding, output_padding=output,
            groups=groups))],
        {"weight": normal(channels, filters // groups, *kernel),
         "bias": normal(filters)})


@kind("unfold")
def unfold(_):
    kernel, stride = [whole(1, 3) for _ in "ab"], [whole(1, 2) for _ in "ab"]
    padding = [whole(0, 1) for _ in "ab"]
    return Case(
        f"unfold {kernel[0]} {kernel[1]} stride={numbers(stride)} "
        f"padding={numbers(padding)}", [normal(2, whole(4, 6), 5, whole(1, 3))],
        lambda i, p: [F.unfold(first(i[0]), kernel, stride=stride,
                               padding=padding).transpose(1, 2)])


# ---- pools -------------------------------------------------------------------


def clipped(size, kernel, stride):
    """How far the last window reaches behind an axis in ceil mode."""
    last_one = -(-(size - kernel) // stride) * stride
    return max(0, last_one + kernel - size) if last_one < size else 0


@kind("maxpool1d", "maxpool", "maxpool3d", "avgpool1d", "avgpool", "avgpool3d",
      "lppool1d", "lppool")
def pool(name):
    axes = axes_of(name)
    kernel = [whole(1, 3) for _ in range(axes)]
    stride = [whole(1, 3) for _ in range(axes)]
    padding = [whole(0, k // 2) for k in kernel]
    ceil = choose(True, False)
    line = (f"{name} {' '.join(map(str, kernel))} stride={numbers(stride)} "
            f"ceil_mode={'yes' if ceil else 'no'}")
    more = {"stride": stride, "ceil_mode": ceil}
    x = normal(2, *[whole(5, 8) for _ in range(axes)], whole(1, 5))
    if name.startswith("max"):
        call = (F.max_pool1d, F.max_pool2d, F.max_pool3d)[axes - 1]
        dilation = [whole(1, 2) for _ in range(axes)]
        line += f" padding={numbers(padding)} dilation={numbers(dilation)}"
        more.update(padding=padding, dilation=dilation)
    elif name.startswith("avg"):
        call = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)[axes - 1]
        counted = choose(True, False)
        line += (f" padding={numbers(padding)} "
                 f"count_padding={'yes' if counted else 'no'}")
        more.update(padding=padding, count_include_pad=counted)
    else:
        p = choose(1, 2, 3)
        x = x.abs() + 0.1
        line += f" p={p}"
        # PyTorch multiplies the sum of a window that ceil mode cuts short by
        # the quotient of the sizes. Zeros behind x make all windows whole.
        behind = [clipped(i, k, s) if ceil else 0
                  for i, k, s in zip(x.shape[1:], kernel, stride)]
        zeros = [n for end in reversed(behind) for n in (0, end)]
        call = {1: F.lp_pool1d, 2: F.lp_pool2d}[axes]
        if axes == 1:
            kernel, stride = kernel[0], stride[0]
        return Case(line, [x], lambda i, _: [last(call(
            F.pad(first(i[0]), zeros), p, kernel, stride))])
    return Case(line, [x],
                lambda i, _: [last(call(first(i[0]), kernel, **more))])


@kind("adaptive_avgpool", "adaptive_maxpool", "global_average_pool",
      "global_max_pool")
def adaptive(name):
    x = normal(2, whole(3, 8), whole(3, 8), whole(1, 5))
    size = [whole(1, 4), whole(1, 4)]
    if name.startswith("global"):
        size = [1, 1]
    call = F.adaptive_max_pool2d if "max" in name else F.adaptive_avg_pool2d
    words = "" if name.startswith("global") else f" {size[0]} {size[1]}"
    return Case(name + words, [x], lambda i, _: [last(call(first(i[0]),
                                                            size))])


# ---- normalisations ----------------------------------------------------------


@kind("batchnorm")
def batchnorm_evaluated(_):
    return batchnorm(False)


@kind("batchnorm (training)", training=True)
def batchnorm_trained(_):
    return batchnorm(True)


def batchnorm(training):
    c = whole(1, 6)
    size = [whole(2, 4) for _ in range(whole(0, 3))]
    epsilon = choose(1e-5, 1e-3)
    x = normal(whole(2, 4), *size, c)
    return Case(
        f"batchnorm epsilon={epsilon}", [x],
        lambda i, p: [last(F.batch_norm(
            first(i[0]), p["running_mean"].clone(), p["running_var"].clone(),
            p["weight"], p["bias"], training=training, eps=epsilon))],
        {"weight": normal(c), "bias": normal(c), "running_mean": normal(c),
         "running_var": normal(c).abs() + 0.5})


@kind("layernorm")
def layernorm(_):
    axes = whole(1, 3)
    x = normal(whole(1, 3), whole(2, 4), whole(2, 4), whole(2, 7))
    shape = list(x.shape[-axes:])
    return Case(f"layernorm {axes}", [x], lambda i, p: [F.layer_norm(
        i[0], shape, p["weight"], p["bias"])],
        {"weight": normal(*shape), "bias": normal(*shape)})


@kind("groupnorm", "instancenorm")
def groupnorm(name):
    groups = whole(1, 3)
    c = groups * whole(1, 3)
    x = normal(2, *[whole(2, 4) for _ in range(whole(1, 3))], c)
    if name == "instancenorm":
        return Case(name, [x], lambda i, _: [last(F.instance_norm(
            first(i[0])))])
    return Case(f"{name} {groups}", [x], lambda i, p: [last(F.group_norm(
        first(i[0]), groups, p["weight"], p["bias"]))],
        {"weight": normal(c), "bias": normal(c)})


@kind("rmsnorm", "l2norm")
def root(name):
    x = normal(2, whole(2, 4), whole(3, 7))
    if name == "l2norm":
        return Case(name, [x], lambda i, _: [F.normalize(i[0], dim=-1)])
    return Case(name, [x], lambda i, p: [
        i[0] / (i[0].square().mean(-1, keepdim=True) + 1e-5).sqrt()
        * p["weight"]], {"weight": normal(x.shape[-1])})


@kind("lrn")
def lrn(_):
    size, alpha, beta = whole(1, 5), random.uniform(0, 1), random.uniform(0, 1)
    return Case(f"lrn {size} alpha={alpha!r} beta={beta!r} k=1.5",
                [normal(2, 3, 4, whole(1, 7))],
                lambda i, _: [last(F.local_response_norm(
                    first(i[0]), size, alpha, beta, 1.5))])


# ---- functions of elements ---------------------------------------------------

FUNCTIONS = {
    "relu": F.relu, "relu6": F.relu6, "selu": F.selu, "silu": F.silu,
    "mish": F.mish, "sigmoid": torch.sigmoid, "tanh": torch.tanh,
    # F.hardsigmoid multiplies by 1 / 6 in single precision.
    "hard_sigmoid": lambda x: F.relu6(x + 3) / 6,
    "hard_swish": lambda x: x * F.relu6(x + 3) / 6,
    "softsign": F.softsign, "exp": torch.exp, "sin": torch.sin,
    "cos": torch.cos, "abs": torch.abs, "neg": torch.neg, "erf": torch.erf,
    "floor": torch.floor, "ceil": torch.ceil, "round": torch.round,
    "sign": torch.sign, "atan": torch.atan,
}


@kind(*FUNCTIONS)
def element(name):
    return Case(name, [3 * normal(2, *[whole(1, 5)
                                       for _ in range(whole(1, 3))])],
                lambda i, _: [FUNCTIONS[name](i[0])])


@kind("log", "sqrt", "reciprocal")
def positive(name):
    return Case(name, [normal(2, whole(1, 9)).abs() + 0.1],
                lambda i, _: [getattr(torch, name)(i[0])])


@kind("leaky_relu", "elu", "celu", "gelu", "softplus", "hard_tanh", "prelu")
def parametric(name):
    x = 3 * normal(2, whole(1, 4), whole(1, 5))
    a = random.uniform(0.1, 1.5)
    if name == "prelu":
        return Case(name, [x], lambda i, p: [last(F.prelu(first(i[0]),
                                                          p["weight"]))],
                    {"weight": normal(x.shape[-1])})
    if name == "gelu":
        how = choose("none", "tanh")
        return Case(f"gelu approximate={how}", [x],
                    lambda i, _: [F.gelu(i[0], approximate=how)])
    if name == "softplus":
        return Case(f"softplus beta={a!r} threshold=2", [x],
                    lambda i, _: [F.softplus(i[0], a, 2)])
    if name == "hard_tanh":
        return Case(f"hard_tanh {-a!r} {a!r}", [x],
                    lambda i, _: [F.hardtanh(i[0], -a, a)])
    if name == "celu":  # which is rounded to single precision
        a = choose(0.25, 0.5, 1.5)
    call = {"leaky_relu": F.leaky_relu, "elu": F.elu, "celu": F.celu}[name]
    return Case(f"{name} {a!r}", [x], lambda i, _: [call(i[0], a)])


@kind("softmax", "log_softmax")
def softmax(name):
    x = 2 * normal(2, *[whole(1, 5) for _ in range(whole(1, 3))])
    axis = whole(1, x.dim() - 1)
    return Case(f"{name} axis={axis}", [x], lambda i, _: [
        getattr(F, name)(i[0], dim=axis)])


# ---- tensors -----------------------------------------------------------------

BINARY = {"add": torch.add, "mul": torch.mul, "sub": torch.sub,
          "div": torch.div, "min of two": torch.minimum,
          "max of two": torch.maximum}


@kind(*BINARY)
def binary(name):
    shape = [2] + [whole(1, 4) for _ in range(whole(1, 3))]
    other = [2] + [choose(n, 1) for n in shape[1:]]
    b = normal(*other)
    if name == "div":
        b = b.sign() * (b.abs() + 0.5)
    return Case(name.split()[0], [normal(*shape), b],
                lambda i, _: [BINARY[name](i[0], i[1])])


@kind("matmul")
def matmul(_):
    n, m, k = whole(1, 5), whole(1, 5), whole(1, 6)
    more = [whole(1, 3) for _ in range(whole(0, 2))]
    return Case("matmul", [normal(2, *more, n, k), normal(2, *more, k, m)],
                lambda i, _: [i[0] @ i[1]])


@kind("concat")
def concat(_):
    shape = [2, whole(1, 4), whole(1, 4), whole(1, 4)]
    axis = whole(1, 3)
    parts = []
    for _ in range(whole(2, 4)):
        shape[axis] = whole(1, 4)
        parts.append(normal(*shape))
    return Case(f"concat axis={axis}", parts,
                lambda i, _: [torch.cat(i, axis)])


@kind("split")
def split(_):
    sizes = [whole(1, 3) for _ in range(whole(2, 4))]
    axis = whole(1, 2)
    shape = [2, whole(1, 4), whole(1, 4)]
    shape[axis] = sum(sizes)
    return Case(f"split {len(sizes)} axis={axis} sizes={numbers(sizes)}",
                [normal(*shape)], lambda i, _: list(
                    torch.split(i[0], sizes, axis)), outputs=len(sizes))


@kind("slice")
def slicing(_):
    x = normal(2, whole(4, 7), whole(4, 7))
    a, b, step = whole(0, 1), whole(3, 4), whole(1, 2)
    return Case(f"slice starts={a},1 stops={b},-1 axes=1,-1 steps={step},1",
                [x], lambda i, _: [i[0][:, a:b:step, 1:-1]])


@kind("permute")
def permute(_):
    x = normal(2, whole(1, 4), whole(1, 4), whole(1, 4))
    axes = [0] + random.sample([1, 2, 3], 3)
    return Case(f"permute {' '.join(map(str, axes))}", [x],
                lambda i, _: [i[0].permute(axes)])


@kind("sum", "mean", "max", "min", "prod", "reduce_l1", "reduce_l2",
      "log_sum_exp")
def reduction(name):
    x = normal(2, whole(1, 4), whole(1, 4), whole(1, 4))
    keep = choose(True, False)
    one = name in ("max", "min", "prod")
    axes = random.sample([1, 2, 3], 1 if one else whole(1, 3))
    calls = {
        "sum": lambda x: x.sum(axes, keepdim=keep),
        "mean": lambda x: x.mean(axes, keepdim=keep),
        "max": lambda x: x.amax(axes, keepdim=keep),
        "min": lambda x: x.amin(axes, keepdim=keep),
        "prod": lambda x: x.prod(axes[0], keepdim=keep),
        "reduce_l1": lambda x: x.abs().sum(axes, keepdim=keep),
        "reduce_l2": lambda x: x.square().sum(axes, keepdim=keep).sqrt(),
        "log_sum_exp": lambda x: torch.logsumexp(x, axes, keepdim=keep),
    }
    return Case(f"{name} axes={numbers(axes)} "
                f"keepdims={'yes' if keep else 'no'}", [x],
                lambda i, _: [calls[name](i[0])])


@kind("cumulative_sum")
def cumulative_sum(_):
    x = normal(2, whole(1, 5), whole(1, 5))
    axis = whole(1, 2)
    return Case(f"cumulative_sum {axis}", [x],
                lambda i, _: [i[0].cumsum(axis)])


@kind("pad")
def pad(_):
    mode = choose("zeros", "reflect", "replicate", "circular", "constant")
    before, after = [whole(0, 2) for _ in "ab"], [whole(0, 2) for _ in "ab"]
    x = normal(2, whole(3, 5), whole(3, 5), whole(1, 3))
    words = {"zeros": "constant"}.get(mode, mode)
    value = {"value": 1.5} if mode == "constant" else {}
    both = [n for b, a in zip(reversed(before), reversed(after))
            for n in (b, a)]
    return Case(
        f"pad {before[0]} {before[1]} 0 after={after[0]},{after[1]},0 "
        f"mode={mode}" + (" value=1.5" if value else ""), [x],
        lambda i, _: [last(F.pad(first(i[0]), both, mode=words, **value))])


# ---- images ------------------------------------------------------------------


@kind("resize")
def resize(_):
    x = normal(2, whole(3, 7), whole(3, 7), whole(1, 4))
    size = [whole(2, 12), whole(2, 12)]
    mode = choose("nearest", "nearest-exact", "linear", "cubic")
    line = f"resize size={numbers(size)} "
    if mode == "nearest":
        line += "mode=nearest coordinates=asymmetric rounding=floor"
        more = {"mode": "nearest"}
    elif mode == "nearest-exact":
        line += "mode=nearest rounding=round_prefer_ceil"
        more = {"mode": mode}
    else:
        corners = choose(True, False)
        smooth = not corners and choose(True, False)
        line += f"mode={mode} antialias={'yes' if smooth else 'no'}"
        if corners:
            line += " coordinates=align_corners"
        more = {"mode": {"linear": "bilinear", "cubic": "bicubic"}[mode],
                "align_corners": corners, "antialias": smooth}
    return Case(line, [x], lambda i, _: [last(F.interpolate(
        first(i[0]), size=size, **more))])


@kind("pixel_shuffle", "pixel_unshuffle", "channel_shuffle")
def shuffle(name):
    r = whole(1, 3)
    if name == "channel_shuffle":
        c = whole(1, 4)
        return Case(f"{name} {r}", [normal(2, 2, 3, r * c)], lambda i, _: [
            i[0].reshape(2, 2, 3, r, c).transpose(3, 4).reshape(2, 2, 3,
                                                                r * c)])
    c = whole(1, 3)
    x = normal(2, 2, 3, c * r * r) if name == "pixel_shuffle" \
        else normal(2, 2 * r, 3 * r, c)
    return Case(f"{name} {r}", [x],
                lambda i, _: [last(getattr(F, name)(first(i[0]), r))])


@kind("grid_sample")
def grid_sample(_):
    mode = choose("bilinear", "nearest", "bicubic")
    padding = choose("zeros", "border", "reflection")
    corners = choose(True, False)
    grid = 0.7 * normal(2, whole(1, 4), whole(1, 4), 2)
    return Case(
        f"grid_sample mode={mode} padding_mode={padding} "
        f"align_corners={'yes' if corners else 'no'}",
        [normal(2, whole(2, 5), whole(2, 5), whole(1, 4)), grid],
        lambda i, _: [last(F.grid_sample(first(i[0]), i[1], mode, padding,
                                         corners))])


# ---- linear, recurrent, attention --------------------------------------------


@kind("linear")
def linear(_):
    n, m = whole(1, 9), whole(1, 9)
    return Case(f"linear {m}", [normal(3, n)],
                lambda i, p: [F.linear(i[0], p["weight"], p["bias"])],
                {"weight": normal(m, n), "bias": normal(m)})


# ---- parametrizations --------------------------------------------------------

PARAMETRIZED = ("conv1d", "conv2d", "conv3d", "conv_transpose1d",
                "conv_transpose2d", "conv_transpose3d", "linear")


def parametrized(kind, training):
    """A layer whose weight is a function of parameters, as PyTorch's module."""
    name = choose(*PARAMETRIZED)
    bias = choose(True, False)
    if name == "linear":
        n, m = whole(1, 6), whole(1, 6)
        module = torch.nn.Linear(n, m, bias=bias, dtype=DOUBLE)
        line, size, channels, groups = f"linear {m}", [], n, 1
    else:
        groups, axes = whole(1, 2), axes_of(name)
        channels, filters = groups * whole(1, 3), groups * whole(1, 3)
        kernel = [whole(1, 3) for _ in range(axes)]
        module = {
            "conv1d": torch.nn.Conv1d, "conv2d": torch.nn.Conv2d,
            "conv3d": torch.nn.Conv3d,
            "conv_transpose1d": torch.nn.ConvTranspose1d,
            "conv_transpose2d": torch.nn.ConvTranspose2d,
            "conv_transpose3d": torch.nn.ConvTranspose3d,
        }[name](channels, filters, kernel, groups=groups, bias=bias,
                dtype=DOUBLE)
        line = f"{name} {filters} {numbers(kernel).replace(',', ' ')} " \
               f"groups={groups}"
        size = [whole(3, 5) for _ in range(axes)]
    parameters = {"weight": module.weight.detach().clone()}
    if kind == "weight_norm":
        torch.nn.utils.weight_norm(module)
        parameters = {key: normal(*getattr(module, key).shape)
                      for key in ("weight_v", "weight_g")}
    if kind == "spectral_norm":
        torch.nn.utils.spectral_norm(module)
        parameters = {"weight_orig": parameters["weight"],
                      "weight_u": module.weight_u.clone(),
                      "weight_v": module.weight_v.clone()}
    if bias:
        parameters["bias"] = normal(*module.bias.shape)
    epsilon = choose(1e-5, 1e-3)
    # weight_v is of unit length along what a filter has: [1, c, kh, kw]
    shape = list(module.weight.shape)
    if "transpose" in name:
        shape[1] = shape[0]
    shape[0] = 1

    def function(inputs, p):
        weight = p.get("weight")
        if kind == "standardise":
            # filters of a transposed convolution lie along its second axis
            w = weight
            if "transpose" in name:
                w = w.reshape(groups, -1, *w.shape[1:]).transpose(1, 2)
            over = tuple(range(w.dim() - len(shape) + 1, w.dim()))
            variance, mean = torch.var_mean(w, over, unbiased=False,
                                            keepdim=True)
            w = (w - mean) / torch.sqrt(variance + epsilon)
            if "transpose" in name:
                w = w.transpose(1, 2)
            weight = w.reshape(weight.shape)
        if kind == "weight_norm":
            weight = torch._weight_norm(p["weight_v"], p["weight_g"], 0)
        if kind == "spectral_norm":
            w, u = p["weight_orig"], p["weight_u"]
            v = p["weight_v"].reshape(-1)
            matrix = w.transpose(0, 1) if "transpose" in name else w
            matrix = matrix.reshape(matrix.shape[0], -1)
            if training:
                with torch.no_grad():
                    v = F.normalize(matrix.t() @ u, dim=0, eps=1e-12)
                    u = F.normalize(matrix @ v, dim=0, eps=1e-12)
            weight = w / torch.dot(u, matrix @ v)
        x = inputs[0] if name == "linear" else first(inputs[0])
        if name == "linear":
            return [F.linear(x, weight, p.get("bias"))]
        call = getattr(F, name)
        return [last(call(x, weight, p.get("bias"), groups=groups))]

    if kind == "spectral_norm":
        parameters["weight_v"] = parameters["weight_v"].reshape(shape)
    return Case(
        f"{line} bias={'yes' if bias else 'no'} parametrization={kind} "
        f"weight_epsilon={epsilon}", [normal(2, *size, channels)], function,
        parameters,
        state=("weight_u", "weight_v") if kind == "spectral_norm" else ())


@kind("standardise", "weight_norm", "spectral_norm")
def parametrized_evaluated(name):
    return parametrized(name, False)


@kind("spectral_norm (training)", training=True)
def parametrized_trained(_):
    return parametrized("spectral_norm", True)


@kind("lstm", "gru", "rnn")
def recurrent(name):
    features, hidden, both = whole(1, 5), whole(1, 5), choose(True, False)
    bias = choose(True, False)
    module = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU,
              "rnn": torch.nn.RNN}[name](
                  features, hidden, batch_first=True, bidirectional=both,
                  bias=bias).to(DOUBLE)
    names = [key for key, _ in module.named_parameters()]
    call = {"lstm": torch._VF.lstm, "gru": torch._VF.gru,
            "rnn": torch._VF.rnn_tanh}[name]

    def function(inputs, p):
        state = torch.zeros(1 + both, inputs[0].shape[0], hidden,
                            dtype=DOUBLE)
        return [call(inputs[0], (state, state) if name == "lstm" else state,
                     [p[key] for key in names], bias, 1, 0.0, True, both,
                     True)[0]]

    return Case(f"{name} {hidden} bidirectional={'yes' if both else 'no'} "
                f"bias={'yes' if bias else 'no'}",
                [normal(whole(1, 3), whole(1, 6), features)], function,
                {key: normal(*value.shape)
                 for key, value in module.named_parameters()})


@kind("attention")
def attention(_):
    heads = whole(1, 3)
    f = heads * whole(1, 4)

    def function(inputs, p):
        x = inputs[0].transpose(0, 1)
        y, _ = F.multi_head_attention_forward(
            x, x, x, f, heads, p["in_proj_weight"], p["in_proj_bias"], None,
            None, False, 0.0, p["out_proj.weight"], p["out_proj.bias"])
        return [y.transpose(0, 1)]

    return Case(f"attention {heads}", [normal(2, whole(1, 5), f)], function,
                {"in_proj_weight": normal(3 * f, f),
                 "in_proj_bias": normal(3 * f),
                 "out_proj.weight": normal(f, f), "out_proj.bias": normal(f)})


# ---- running ------------------------------------------------------------------


def bundles(cases):
    """Groups whose inputs fit one network."""
    group, inputs = [], 0
    for case in cases:
        if group and (len(group) == BUNDLE
                      or inputs + len(case.inputs) > 16):
            yield group
            group, inputs = [], 0
        group.append(case)
        inputs += len(case.inputs)
    yield group


def batch_of(case):
    return case.inputs[0].shape[0]


def text_of(case, number):
    """The lines of a case; its inputs are x0, x1, ... of its number."""
    lines, names = [], []
    for k, x in enumerate(case.inputs):
        names.append(f"x{number}.{k}")
        lines.append(f"input {' '.join(map(str, x.shape[1:]))} "
                     f"name={names[-1]}")
    lines.append(f"{case.line} name=l{number} from={','.join(names)}")
    for k in range(case.outputs):
        lines.append(f"output name=y{number}.{k} from=l{number}:{k}")
    return lines


def error_of(found, expected):
    scale = max(1.0, float(expected.abs().max())) if expected.numel() else 1.0
    if tuple(found.shape) != tuple(expected.shape):
        return float("inf")
    if not expected.numel():
        return 0.0
    return float((torch.from_numpy(found) - expected).abs().max()) / scale


def compare(case, number, seeds, found):
    """The largest errors of values and of gradients."""
    leaves = [x.clone().requires_grad_() for x in case.inputs]
    parameters = {
        key: value.clone().requires_grad_(key not in case.state)
        for key, value in case.parameters.items()}
    outputs = case.function(leaves, parameters)
    values = gradients = 0.0
    total = 0
    for k, y in enumerate(outputs):
        values = max(values, error_of(found[f"y{number}.{k}"], y.detach()))
        total = total + (y * seeds[k]).sum()
    trained = [p for p in parameters.values() if p.requires_grad]
    grads = torch.autograd.grad(total, leaves + trained, allow_unused=True)
    names = [f"x{number}.{k}" for k in range(len(leaves))] + [
        f"l{number}.{key}" for key, p in parameters.items()
        if p.requires_grad]
    for name, grad, leaf in zip(names, grads, leaves + trained):
        grad = torch.zeros_like(leaf) if grad is None else grad
        gradients = max(gradients, error_of(found[f"grad:{name}"], grad))
    return values, gradients


def run(fovea, group, training, folder):
    """The errors of each case of one network."""
    lines, words, weights, seeds = [], [], {}, []
    for number, case in enumerate(group):
        lines += text_of(case, number)
        for k, x in enumerate(case.inputs):
            path = os.path.join(folder, f"x{number}.{k}.npy")
            np.save(path, x.numpy())
            words.append(f"x{number}.{k}={path}")
        for key, value in case.parameters.items():
            weights[f"l{number}.{key}"] = value.numpy()
        with torch.no_grad():
            outputs = case.function(case.inputs, case.parameters)
        seeds.append([normal(*y.shape) for y in outputs])
        for k, seed in enumerate(seeds[-1]):
            path = os.path.join(folder, f"dy{number}.{k}.npy")
            np.save(path, seed.numpy())
            words += ["--grad", f"y{number}.{k}={path}"]
    net, out = os.path.join(folder, "n.net"), os.path.join(folder, "out.npz")
    with open(net, "w") as file:
        file.write("\n".join(lines) + "\n")
    if weights:
        np.savez(os.path.join(folder, "w.npz"), **weights)
        words += ["--weights", os.path.join(folder, "w.npz")]
    if training:
        words.append("--training")
    done = subprocess.run([fovea, "run", net, *words, "--dtype", "f64",
                           "--out", out], stderr=subprocess.PIPE, text=True)
    if "(libzip)" in done.stderr:
        print("skipped: the program has no NumPy archives")
        sys.exit(fresh.SKIPPED)
    if done.returncode:
        raise RuntimeError(done.stderr + "\n".join(lines))
    found = np.load(out)
    return [compare(case, number, seeds[number], found)
            for number, case in enumerate(group)]


def check(fovea, name, sets, folder):
    """Whether a kind agrees, and the line of the table."""
    draw, training = KINDS[name]
    values = gradients = 0.0
    worst = None
    by_batch = {}
    for _ in range(sets):
        case = draw()
        by_batch.setdefault(batch_of(case), []).append(case)
    try:
        for cases in by_batch.values():
            for group in bundles(cases):
                for case, errors in zip(group, run(fovea, group, training,
                                                   folder)):
                    if max(errors) > LIMIT:
                        worst = f"{case.line}: {errors[0]:.1e} {errors[1]:.1e}"
                    values = max(values, errors[0])
                    gradients = max(gradients, errors[1])
    except RuntimeError as error:
        return False, f"| {name} | {error} |"
    line = f"| {name} | {sets} | {values:.1e} | {gradients:.1e} |"
    return worst is None, line + (f" WRONG: {worst}" if worst else "")


def main():
    words = sys.argv[1:]
    fovea, sets = words.pop(0), 10
    if words and words[0] == "--sets":
        sets = int(words[1])
        words = words[2:]
    seed = int(os.environ.get("FOVEA_SEED") or time.time_ns() // 1000 % 10**6)
    print(f"FOVEA_SEED={seed}\n\n| layer | sets | values | gradients |\n"
          "|---|---|---|---|", flush=True)
    random.seed(seed)
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="fovea-oracle-") as folder:
        for name in words or KINDS:
            good, line = check(fovea, name, sets, folder)
            wrong += not good
            print(line, flush=True)
    print(f"\n{wrong} of {len(words or KINDS)} kinds disagree")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
