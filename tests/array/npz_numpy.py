#!/usr/bin/env python3
"""NumPy archives through Fovea and back: numpy writes, Fovea reads and writes,
numpy reads. Usage: npz_numpy.py LIBFOVEA.so; ends with 77 without numpy."""
import ctypes
import os
import pathlib
import sys
import tempfile

DEBIAN = "/usr/bin/python3"  # its numpy is invisible to other interpreters
try:
    import numpy
except ImportError:
    if os.path.realpath(sys.executable) != os.path.realpath(DEBIAN) \
            and os.path.exists(DEBIAN):
        os.execv(DEBIAN, [DEBIAN] + sys.argv)
    sys.exit(77)


class Tensor(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("dtype", ctypes.c_int),
                ("rank", ctypes.c_int32), ("shape", ctypes.c_int64 * 8),
                ("stride", ctypes.c_int64 * 8)]


class Named(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("tensor", Tensor)]


class List(ctypes.Structure):
    _fields_ = [("count", ctypes.c_int64), ("at", ctypes.POINTER(Named))]


fovea = ctypes.CDLL(sys.argv[1])
fovea.fv_context_new.restype = ctypes.c_void_p
fovea.fv_context_new.argtypes = [ctypes.c_void_p]
fovea.fv_context_free.argtypes = [ctypes.c_void_p]
fovea.fv_error.restype = ctypes.c_char_p
fovea.fv_error.argtypes = [ctypes.c_void_p]
fovea.fv_npz_load.restype = List
fovea.fv_npz_load.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
fovea.fv_npz_save.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int64,
                              ctypes.POINTER(Named)]

rows = numpy.arange(60).reshape(3, 4, 5)
arrays = {f"conv1.{kind}": (rows % 7).astype(kind)
          for kind in ("f4", ">f8", "u1", "i1", "<i2", "i4", ">i8")}
arrays |= {"columns": numpy.asfortranarray(rows), "number": numpy.array(2.5),
           "empty": numpy.zeros((0, 3)), "../größe": rows[::2, :, ::-1],
           "large": numpy.zeros((300, 1000), "f4")}
with tempfile.TemporaryDirectory() as folder:
    for save in (numpy.savez, numpy.savez_compressed):
        theirs, ours = pathlib.Path(folder, "a.npz"), pathlib.Path(folder, "b")
        save(theirs, **arrays)
        context = fovea.fv_context_new(None)
        read = fovea.fv_npz_load(context, str(theirs).encode())
        fovea.fv_npz_save(context, str(ours).encode(), read.count, read.at)
        assert not fovea.fv_error(context), fovea.fv_error(context)
        fovea.fv_context_free(context)
        with numpy.load(ours) as back:
            assert back.files == list(arrays), back.files
            for name, array in arrays.items():
                got, wanted = back[name], array.dtype.newbyteorder("=")
                assert got.dtype == wanted, (name, got.dtype)
                assert numpy.array_equal(got, array), name
                assert got.shape == array.shape, name
