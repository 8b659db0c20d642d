#!/usr/bin/env python3
"""Writes tests/data/onnx/operators.txt: ONNX operators of elements, with the
versions and forms that the ONNX project's own cases leave out, and what ONNX
Runtime makes of them or, of types that it does not have, ONNX's reference.
Versions before 7 are computed by NumPy here.

    make_operators.py > tests/data/onnx/operators.txt

A case is a line "KIND VERSION ATTRIBUTES" and a line for each input and output:
its name, type, extents and numbers. Inputs are a, b, ..., or A, B, ... for those
that are always constants; - stands for one that is left out. Outputs are y, z.
"""
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import helper
from onnx.reference import ReferenceEvaluator

rng = np.random.default_rng(18)
TYPES = {"float32": "f32", "int32": "i32", "int64": "i64", "uint8": "u8",
         "bool": "bool"}


def real(*shape, low=-3.0, high=3.0):
    return rng.uniform(low, high, shape).round(2).astype(np.float32)


def whole(*shape, low=-9, high=10, dtype=np.int64):
    return rng.integers(low, high, shape).astype(dtype)


def truth(*shape):
    return rng.integers(0, 2, shape).astype(bool)


def ints(*numbers):
    return np.array(numbers, np.int64)


def number(value):
    if isinstance(value, (bool, np.bool_)):
        return str(int(value))
    if isinstance(value, (float, np.floating)):
        return np.format_float_positional(np.float32(value), trim="-", precision=6, fractional=False) \
            if np.isfinite(value) else str(value)
    return str(value)


def tensor_line(name, array):
    extents = "x".join(map(str, array.shape)) or "-"
    return " ".join([name, TYPES[str(array.dtype)], extents]
                    + [number(v) for v in array.reshape(-1)])


def attribute(name, value):
    if isinstance(value, str):
        return f"{name}:s={value.replace(' ', '')}"
    if isinstance(value, (list, tuple)):
        return f"{name}:l={','.join(map(str, value))}"
    if isinstance(value, float):
        return f"{name}:f={number(value)}"
    return f"{name}:i={value}"


def by_runtime(kind, version, attributes, inputs, outputs):
    names = [f"i{k}" if x is not None else "" for k, x in enumerate(inputs)]
    given = {n: x for n, x in zip(names, inputs) if n}
    node = helper.make_node(kind, names, [f"o{k}" for k in range(outputs)],
                            **attributes)
    graph = helper.make_graph(
        [node], "g",
        [helper.make_tensor_value_info(
            n, helper.np_dtype_to_tensor_dtype(x.dtype), x.shape)
         for n, x in given.items()],
        [onnx.ValueInfoProto(name=f"o{k}") for k in range(outputs)])
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", version)])
    model.ir_version = 10
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), options,
            providers=["CPUExecutionProvider"])
        return session.run(None, given)
    except Exception as error:  # what it raises depends on the failure
        print(kind, version, attributes, [x.dtype for x in given.values()],
              str(error).splitlines()[0][:120], file=sys.stderr)
        return ReferenceEvaluator(model).run(None, given)


COUNT = 0


def case(kind, versions, inputs, attributes=None, fixed=(), expected=None,
         outputs=1):
    """`fixed`: the inputs that are constants; `expected`: instead of ONNX
    Runtime's outputs."""
    global COUNT
    attributes = attributes or {}
    inputs = [x if x is None else np.asarray(x) for x in inputs]
    for version in [versions] if isinstance(versions, int) else versions:
        if expected is None:
            made = by_runtime(kind, version, attributes, inputs, outputs)
        else:
            made = [np.asarray(e) for e in expected]
        print(" ".join([kind, str(version)]
                       + [attribute(*a) for a in attributes.items()]))
        for k, x in enumerate(inputs):
            name = chr(ord("A" if k in fixed else "a") + k)
            print("-" if x is None else tensor_line(name, x))
        for name, y in zip("yz", made):
            print(tensor_line(name, np.asarray(y)))
        print()
        COUNT += 1


def elements():
    image = real(2, 3, 4, 2)
    for kind, version in (("Celu", 12), ("Elu", 7), ("LeakyRelu", 16),
                          ("Selu", 7), ("HardSigmoid", 7),
                          ("ThresholdedRelu", 10), ("Softplus", 1 + 6)):
        case(kind, version, [image])
    for kind, version in (("Elu", 22), ("Selu", 22), ("HardSigmoid", 22),
                          ("HardSwish", 14), ("HardSwish", 22), ("Mish", 18),
                          ("Erf", 9), ("Erf", 13), ("Sign", 9), ("Round", 11),
                          ("Sinh", 9), ("Cosh", 9), ("Asinh", 9), ("Sinh", 22),
                          ("Reciprocal", 6), ("IsNaN", 9)):
        case(kind, version, [real(2, 5)])
    case("Acosh", 9, [real(2, 5, low=1, high=6)])
    case("Atanh", 9, [real(2, 5, low=-0.95, high=0.95)])
    case("Celu", 12, [image], {"alpha": 0.5})
    case("Selu", 7, [image], {"alpha": 1.5, "gamma": 0.75})
    case("HardSigmoid", 7, [image], {"alpha": 0.25, "beta": 0.0})
    case("HardSigmoid", 7, [image], {"alpha": float(np.float32(1 / 6))})
    case("ThresholdedRelu", 10, [image], {"alpha": -0.5})
    for form in "none", "tanh":
        case("Gelu", 20, [image], {"approximate": form})
    case("Gelu", 20, [image])
    case("Shrink", 9, [image], {"lambd": 1.5})
    case("Shrink", 9, [image], {"lambd": 1.0, "bias": 0.25})
    case("Shrink", 9, [whole(7, dtype=np.int32)], {"lambd": 3.0, "bias": 2.0})
    special = np.array([1, np.inf, -np.inf, np.nan, 3e38], np.float32)
    for flags in {}, {"detect_negative": 0}, {"detect_positive": 0}, \
            {"detect_negative": 0, "detect_positive": 0}:
        case("IsInf", (10, 20), [special], flags)
    case("IsNaN", (9, 13, 20), [special])
    case("Not", 7, [truth(2, 3)])
    case("Sign", 13, [whole(6)])


def clips():
    image = real(2, 3, 4, 2)
    case("Clip", 6, [image], expected=[image])
    case("Clip", 6, [image], {"min": 0.0, "max": 6.0},
         expected=[image.clip(0, 6)])
    case("Clip", 7, [image], {"max": 0.5})
    case("Clip", 7, [image], {"min": -0.5, "max": 0.5})
    low, high = np.float32(-1.25), np.float32(0.75)
    for fixed in (1, 2), ():
        case("Clip", (11, 12, 13), [image, low, high], fixed=fixed)
        case("Clip", 13, [image, low], fixed=fixed)
        case("Clip", 13, [image, None, high], fixed=fixed)
        case("Clip", 13, [image, high, low], fixed=fixed)
    case("Clip", 13, [image, np.float32(0)], fixed=(1,))
    case("Clip", 13, [image])
    case("Clip", 13, [whole(2, 4), np.int64(-2), np.int64(5)], fixed=(1, 2))
    case("Clip", 13, [whole(2, 4), None, np.int64(5)])
    case("Clip", 13, [whole(2, 4, low=0, dtype=np.uint8), np.uint8(3)])


def legacy():
    """Attributes `axis` and `broadcast`, before version 7."""
    a, channels = real(2, 3, 4, 2), real(3, low=1)
    matrix = real(3, 4, low=1)
    functions = {"Add": np.add, "Sub": np.subtract, "Mul": np.multiply,
                 "Div": np.divide}
    for kind, f in functions.items():
        for version in 1, 6:
            case(kind, version, [a, channels], {"axis": 1, "broadcast": 1},
                 expected=[f(a, channels.reshape(3, 1, 1))])
    for fixed in (1,), ():
        case("Add", 6, [a, matrix], {"axis": -3, "broadcast": 1}, fixed=fixed,
             expected=[a + matrix.reshape(3, 4, 1)])
        case("Mul", 6, [a, channels], {"axis": 1, "broadcast": 1}, fixed=fixed,
             expected=[a * channels.reshape(3, 1, 1)])
    case("Sub", 6, [a, a[0, 0]], {"broadcast": 1}, expected=[a - a[0, 0]])
    case("Div", 6, [a, a], expected=[a / a])
    base = real(2, 3, low=0.5)
    case("Pow", 1, [base, channels], {"broadcast": 1},
         expected=[base ** channels])
    flags = truth(2, 3, 4)
    more = truth(3)
    case("And", 1, [flags, more], {"axis": 1, "broadcast": 1},
         expected=[flags & more.reshape(3, 1)])
    case("Greater", 1, [a, channels], {"axis": 1, "broadcast": 1},
         expected=[a > channels.reshape(3, 1, 1)])
    numbers, other = whole(2, 3, high=-6), whole(2, 3, high=-6)
    case("Equal", 1, [numbers, other], expected=[numbers == other])
    slope = real(3)
    case("PRelu", 6, [a, slope], fixed=(1,),
         expected=[np.where(a > 0, a, a * slope.reshape(3, 1, 1))])
    case("Sum", 6, [a], expected=[a])
    case("Max", 6, [a, -a, a / 2], expected=[np.maximum(np.abs(a), a / 2)])
    case("Mean", 6, [a, 3 * a], expected=[2 * a])


def joins():
    a, b = real(2, 3, 4, 2), real(3, 1, 1)
    for kind in "Add", "Sub", "Mul", "Div":
        for version in 7, 13, 14:
            case(kind, version, [a, b + 4])
        case(kind, 14, [b + 4, a + 9], fixed=(0,))
        case(kind, 14, [a, np.float32(1.5)], fixed=(1,))
        case(kind, 14, [whole(2, 3), whole(3, low=1)])
        case(kind, 14, [whole(2, 3, dtype=np.int32),
                        whole(1, low=2, dtype=np.int32)], fixed=(1,))
    for kind in "Min", "Max", "Mean", "Sum":
        case(kind, (8, 13), [a, b, real(4, 1), real()])
        case(kind, 8, [a])
    for kind in "Min", "Max":
        case(kind, 13, [whole(2, 3), whole(3), whole(2, 1)])
        case(kind, 12, [whole(2, 3, low=0, dtype=np.uint8),
                        whole(3, low=0, dtype=np.uint8)])
    case("Sum", 13, [real(2, 2) for _ in range(26)], fixed=range(2, 26))
    base = real(2, 3, 4, 2, low=0.25)
    case("Pow", (7, 12, 13, 15), [base, b])
    case("Pow", 15, [base, np.float32(2)], fixed=(1,))
    case("Pow", 15, [base, ints(2)], fixed=(1,))
    case("Pow", 12, [base, whole(2, low=0, high=3)])
    case("Pow", 15, [whole(4, low=1, high=5), real(4, low=1).round()])
    case("Pow", 15, [whole(4, dtype=np.int32, high=5),
                     whole(4, low=0, high=4)])
    for fmod in 0, 1:
        case("Mod", (10, 13), [whole(2, 4), whole(4, low=1)], {"fmod": fmod})
        case("Mod", 13, [whole(2, 4), -whole(4, low=1)], {"fmod": fmod})
    case("Mod", (10, 13), [a, b + 4], {"fmod": 1})
    for way in "LEFT", "RIGHT":
        case("BitShift", 11, [whole(2, 5, low=0, high=256, dtype=np.uint8),
                              whole(5, low=0, high=8, dtype=np.uint8)],
             {"direction": way})
    for slope in real(1), real(3, 1, 1), real(1, 3, 1, 1), real(4, 2), \
            real(3, 4, 1), real(2):
        for fixed in (1,), ():
            case("PRelu", (7, 9, 16), [a, slope], fixed=fixed)
    case("PRelu", 16, [real(4, 5), real(5)], fixed=(1,))


def comparisons():
    a, b = real(2, 3, 4, 2).round(), real(3, 1, 1).round()
    for kind, versions in (("Equal", (11, 13, 19)), ("Greater", (7, 9, 13)),
                           ("Less", (7, 9, 13)), ("GreaterOrEqual", (12, 16)),
                           ("LessOrEqual", (12, 16))):
        case(kind, versions, [a, b])
        case(kind, versions[-1], [a, np.float32(1)], fixed=(1,))
        case(kind, versions[-1], [whole(2, 3, high=0), whole(3, high=0)])
        case(kind, versions[-1], [whole(2, 3, high=0), ints(-4)], fixed=(1,))
    case("Equal", (7, 13), [truth(2, 3), truth(3)])
    for kind in "And", "Or", "Xor":
        case(kind, 7, [truth(2, 3, 2), truth(3, 1)])
    condition = truth(2, 3, 4, 2)
    case("Where", (9, 16), [condition, a, b])
    case("Where", 9, [truth(4, 1), b, a])
    case("Where", 16, [condition, np.float32(-1), a], fixed=(1,))
    case("Where", 16, [truth(3), whole(2, 3), whole(1)])
    for upper in 0, 1:
        for k in -4, -1, 0, 2, 9:
            case("Trilu", 14, [real(2, 3, 4), np.int64(k)], {"upper": upper},
                 fixed=(1,))
        case("Trilu", 14, [real(2, 3, 4, 4)], {"upper": upper})
        case("Trilu", 14, [whole(4, 3)], {"upper": upper})


def softmaxes():
    image = real(2, 3, 4, 2)
    for kind in "Softmax", "LogSoftmax", "Hardmax":
        for axis in range(-4, 4):
            case(kind, (7, 11, 13) if axis >= 0 else (11, 13), [image],
                 {"axis": axis})
        case(kind, (7, 11, 13), [image])
        case(kind, (7, 13), [real(2, 5)])
        case(kind, 7, [real(2, 5, 1, 1)])
        case(kind, 13, [real(5)])


def reductions():
    image = real(2, 3, 4, 2, low=0.25)
    attribute_versions = {"ReduceSum": (7, 11)}
    for kind in ("ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin",
                 "ReduceProd", "ReduceL1", "ReduceL2", "ReduceLogSum",
                 "ReduceLogSumExp", "ReduceSumSquare"):
        old = attribute_versions.get(kind, (7, 11, 13))
        new = 13 if kind == "ReduceSum" else 18
        for keep in 0, 1:
            for axes in [1], [2, 3], [0, -1], [-3]:
                if min(axes) < 0:
                    versions = old[1:]
                else:
                    versions = old
                case(kind, versions, [image], {"axes": axes, "keepdims": keep})
                case(kind, new, [image, ints(*axes)], {"keepdims": keep},
                     fixed=(1,))
            case(kind, (old[0], new), [image], {"keepdims": keep})
        case(kind, new, [image, ints()], {"noop_with_empty_axes": 0},
             fixed=(1,))
        plain = {"ReduceL1": np.abs, "ReduceL2": np.abs,
                 "ReduceLogSum": np.log, "ReduceSumSquare": np.square}
        case(kind, new, [image], {"noop_with_empty_axes": 1},
             expected=[plain.get(kind, lambda x: x)(image)])
    for kind in "ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd", \
            "ReduceL1", "ReduceSumSquare", "ReduceMean":
        case(kind, 11, [whole(2, 3, 2, dtype=np.int32)],
             {"axes": [1], "keepdims": 0})
    flags = truth(2, 3, 2)
    case("ReduceMax", 20, [flags, ints(1)], fixed=(1,),
         expected=[flags.max(1, keepdims=True)])
    case("ReduceMin", 20, [flags, ints(0)], {"keepdims": 0}, fixed=(1,),
         expected=[flags.min(0)])


def places():
    image = real(2, 3, 4, 2).round(1)
    equals = whole(2, 3, 4, 2, low=0, high=3).astype(np.float32)
    for kind in "ArgMax", "ArgMin":
        for axis in range(4):
            for keep in 0, 1:
                case(kind, (7, 13), [image], {"axis": axis, "keepdims": keep})
            case(kind, (12, 13), [equals],
                 {"axis": axis, "select_last_index": 1})
        case(kind, 11, [image], {"axis": -2})
        case(kind, 13, [image])
        case(kind, 13, [whole(3, 4, high=0, low=-4, dtype=np.int32)],
             {"axis": 1})
    for axis in 1, 2, 3:
        case("TopK", 7, [image], {"axis": axis, "k": 2}, outputs=2)
        case("TopK", (10, 11), [image, ints(2)], {"axis": axis}, fixed=(1,),
             outputs=2)
        case("TopK", 11, [image, ints(1)], {"axis": axis, "largest": 0},
             fixed=(1,), outputs=2)
    case("TopK", 11, [real(6), ints(4)], fixed=(1,), outputs=2)
    case("TopK", 11, [whole(2, 6), ints(3)], {"largest": 0}, fixed=(1,),
         outputs=2)
    for axis in 0, 1, -1:
        for flags in {}, {"exclusive": 1}, {"reverse": 1}, \
                {"exclusive": 1, "reverse": 1}:
            case("CumSum", (11, 14), [image, np.int32(axis)], flags,
                 fixed=(1,))
    case("CumSum", 14, [whole(2, 5), np.int64(1)], fixed=(1,))


def einsums():
    a, b, c = real(2, 3, 4), real(2, 4, 5), real(4, 5)
    for equation, inputs in (
            ("bij,bjk->bik", [a, b]), ("bij , jk -> bik", [a, c]),
            ("ij,jk", [c.T.copy(), c]), ("ij->ji", [c]), ("ij->", [c]),
            ("ij->j", [c]), ("i,i", [real(4), real(4)]),
            ("i,j->ij", [real(4), real(3)]), ("bij,bij->b", [a, a]),
            ("...ij,...jk->...ik", [real(2, 2, 3, 4), real(2, 4, 5)]),
            ("nchw,kc->nkhw", [real(2, 3, 4, 2), real(5, 3)]),
            ("nchw,nc->nchw", [real(2, 3, 4, 2), real(2, 3)]),
            ("nctkv,kvw->nctw", [real(2, 3, 2, 3, 4), real(3, 4, 4)]),
            ("ncuv,nctv->nctu", [real(2, 3, 4, 4), real(2, 3, 5, 4)]),
            ("bhid,bhjd->bhij", [real(2, 2, 3, 4), real(2, 2, 5, 4)]),
            ("...ii->...i", [real(2, 3, 3)]), ("ii->", [real(4, 4)]),
            ("ij,jk,kl->il", [real(2, 3), real(3, 4), real(4, 2)]),
            ("ijk,ilm->jlmk", [real(2, 3, 2), real(2, 2, 3)]),
            ("ij,kl->", [real(2, 3), real(3, 2)]),
            ("bij,bj->bi", [a, b[:, :, 0].copy()]),
            ("b...,b...->b", [a, a]), ("iij->j", [real(3, 3, 2)])):
        case("Einsum", 12, inputs, {"equation": equation})
    case("Einsum", 12, [a, c], {"equation": "bij,jk->bik"}, fixed=(1,))


def main():
    for group in (elements, clips, legacy, joins, comparisons, softmaxes,
                  reductions, places, einsums):
        group()
    print(COUNT, file=sys.stderr)


main()
