#!/usr/bin/env python3
"""Fresh cases from PyTorch: fresh.py PROGRAM...

Draws new geometries, numbers and weights, writes them to a temporary folder
and runs each test program on it. The seed is printed; FOVEA_SEED repeats one.
In f32 a relu may turn over by rounding, in one draw of some hundred: a program
has failed when it fails on a second draw too.
Exits with 77, "skipped", where there is no PyTorch.
"""
import os
import subprocess
import sys
import tempfile
import time

DEBIAN = "/usr/bin/python3"  # its torch is invisible to other interpreters
SKIPPED = 77


def find_torch():
    try:
        import torch  # noqa: F401
    except ImportError:
        if os.path.realpath(sys.executable) != os.path.realpath(DEBIAN) \
                and os.path.exists(DEBIAN):
            os.execv(DEBIAN, [DEBIAN] + sys.argv)
        print("skipped: there is no PyTorch")
        sys.exit(SKIPPED)


def run(make_cases, seed, programs):
    """The programs that fail on this draw."""
    print(f"FOVEA_SEED={seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="fovea-oracle-") as folder:
        make_cases.write_all(folder, seed)
        return [program for program in programs
                if subprocess.run([program, folder]).returncode != 0]


def main():
    find_torch()
    import make_cases
    seed = int(os.environ.get("FOVEA_SEED") or time.time_ns() // 1000 % 10**6)
    make_cases.torch.set_num_threads(1)
    programs = run(make_cases, seed, sys.argv[1:])
    sys.exit(bool(programs) and bool(run(make_cases, seed + 1, programs)))


if __name__ == "__main__":
    main()
