"""Compile kernels for a Hopper card, without one: ``python tests/compiled_kernels.py scan``.

The interpreter runs what the compiler refuses, so every kernel is also compiled, to machine code of
compute capability 9.0, and what the assembler says of it is printed: registers, bytes of the stack
that a thread spills to, seconds. Run it without ``TRITON_INTERPRET``.
"""

import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import triton
import triton.language as tl
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

CARD = GPUTarget("cuda", 90, 32)
CUOBJDUMP = Path(triton.__path__[0]) / "backends/nvidia/bin/cuobjdump"


def report(kernel, types, constants, warps=4, count=()):
    """Compile one kernel; registers of a thread, bytes it spills, and seconds that it took.

    ``types`` gives Triton's name of the type of each argument that is no constant, as ``"*fp32"``;
    pointers and integers are taken to be multiples of 16. ``count`` are words to count in the PTX.
    """
    start = time.monotonic()
    signature = {name: types.get(name, "constexpr") for name in kernel.arg_names}
    attributes = {
        (k,): [["tt.divisibility", 16]] for k, name in enumerate(kernel.arg_names) if name in types
    }
    source = ASTSource(kernel, signature, constants, attributes)
    made = triton.compile(source, target=CARD, options={"num_warps": warps})
    with tempfile.TemporaryDirectory() as folder:
        binary = Path(folder) / "kernel.cubin"
        binary.write_bytes(made.asm["cubin"])
        command = [CUOBJDUMP, "--dump-resource-usage", binary]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = {key: int(value) for key, value in re.findall(r"(REG|STACK|LOCAL):(\d+)", said)}
    said = f"registers {found['REG']}, spills {found['STACK'] + found['LOCAL']}"
    said += "".join(f", {word} {made.asm['ptx'].count(f'.{word}.')}" for word in count)
    return f"{said}, {time.monotonic() - start:.1f} s"


def scan():
    """The kernels of linear recurrences, at the tiles that they are launched with."""
    from rnnlib.nn.kernels import triton_scan

    for kernel in (triton_scan.forward, triton_scan.backward):
        for pairs in (False, True):
            for steps in (False, True):
                constants = {"STEPS": steps, "PAIRS": pairs, "NUMBER": tl.float32}
                constants |= {"CHUNK": 64 // (1 + pairs), "BLOCK": 32}
                types = {name: "*fp32" for name in kernel.arg_names if name not in constants}
                types |= dict.fromkeys("TNH", "i32")
                yield f"{kernel.__name__} {pairs=} {steps=}", report(kernel, types, constants)


def barriers():
    """The steps of :mod:`rnnlib.bench.barrier`, with and without reading the whole state."""
    from rnnlib.bench import triton_barrier

    types = {"states": "*fp32", "counter": "*i32", "sums": "*fp32", "T": "i32", "P": "i32"}
    for gather in (False, True):
        constants = {"GATHER": gather, "SHARE": 1024}
        words = report(triton_barrier.steps, types, constants, count=("release", "acquire"))
        yield f"{gather=}", words


if __name__ == "__main__":
    for name, said in globals()[sys.argv[1]]():
        print(f"{name}: {said}", flush=True)
