"""What goes between the grader and a sandbox: frames of JSON and bytes, and values in them.

    frame   = length of the header, length of the blobs, header, blobs
    value   = a tree of small JSON objects, whose arrays are `.npy` files among the blobs

Both ends use this module, but they do not trust each other alike. The grader reads what a student's
process wrote: sizes are capped, nothing is unpickled or evaluated, and whatever is not an array of
numbers, a number, text, None or a short nesting of these arrives as :class:`Opaque`.
"""

import functools
import inspect
import io
import json
import math
import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from textwrap import dedent
from typing import Any

import numpy as np

Json = dict[str, Any]
LENGTHS = struct.Struct(">II")
HEADER_BYTES = 1 << 20
DEPTH, NODES, TEXT = 8, 20_000, 10_000
LARGEST = 1 << 24  # numbers in an array
KINDS = "biufc"  # of dtypes: booleans, integers, floats, complex numbers


class Unreadable(ValueError):
    """What came is no frame or no value."""


@dataclass(frozen=True)
class Opaque:
    """A value that is not sent, by the name of its type."""

    type: str


# ---------------------------------------------------------------------------- frames


def pack(header: Json, blobs: Sequence[bytes] = ()) -> bytes:
    """Bytes of a frame.

    Parameters
    ----------
    header : dict
        What :mod:`json` can write.
    blobs : sequence of bytes
        Their sizes are entered in the header.

    Returns
    -------
    bytes
    """
    text = json.dumps({**header, "sizes": [len(blob) for blob in blobs]}).encode()
    return LENGTHS.pack(len(text), sum(map(len, blobs))) + text + b"".join(blobs)


def size(lengths: bytes, most: int) -> int:
    """How many bytes follow the two lengths that a frame begins with.

    Parameters
    ----------
    lengths : bytes
        The first ``LENGTHS.size`` bytes of a frame.
    most : int
        Largest size of all blobs together that is accepted.

    Returns
    -------
    int

    Raises
    ------
    Unreadable
        If the header or the blobs are larger than is accepted.
    """
    header, blobs = LENGTHS.unpack(lengths)
    if header > HEADER_BYTES or blobs > most:
        raise Unreadable(f"a reply of {header + blobs:,} bytes, more than is accepted")
    return int(header + blobs)


def unpack(lengths: bytes, body: bytes) -> tuple[Json, list[bytes]]:
    """Header and blobs of a frame.

    Parameters
    ----------
    lengths, body : bytes
        The two parts of the frame.

    Returns
    -------
    header : dict
    blobs : list of bytes

    Raises
    ------
    Unreadable
        If the body is not what :func:`pack` writes.
    """
    end, _ = LENGTHS.unpack(lengths)
    try:
        header = json.loads(body[:end])
    except (ValueError, RecursionError):
        raise Unreadable("a reply that is no JSON") from None
    sizes = header.get("sizes") if isinstance(header, dict) else None
    if (
        not isinstance(sizes, list)
        or not all(type(n) is int and n >= 0 for n in sizes)
        or end + sum(sizes) != len(body)
    ):
        raise Unreadable("a reply whose sizes do not add up")
    blobs = []
    for n in sizes:
        blobs.append(body[end : end + n])
        end += n
    return header, blobs


# ---------------------------------------------------------------------------- values


def encode(value: Any, functions: bool = False) -> tuple[Json, list[bytes]]:
    """Turn a value into a tree and blobs.

    Parameters
    ----------
    value : object
        Arrays, numbers, text, None, and tuples, lists and dicts of these are sent as such; of
        anything else only the name of the type is sent.
    functions : bool, optional
        Send a function as its source, and a partial one with its arguments.

    Returns
    -------
    tree : dict
    blobs : list of bytes
    """
    blobs: list[bytes] = []
    return _encode(value, blobs, 0, functions), blobs


def _encode(value: Any, blobs: list[bytes], depth: int, functions: bool) -> Json:
    def inner(values: Iterable[Any]) -> list[Json]:
        return [_encode(v, blobs, depth + 1, functions) for v in values]

    if value is None or (
        isinstance(value, (bool, str, float)) and not isinstance(value, np.generic)
    ):
        return {"plain": value[:TEXT] if isinstance(value, str) else value}
    if isinstance(value, int):
        return {"plain": int(value)} if abs(value) < 10**1000 else {"opaque": "a huge int"}
    if depth < DEPTH:
        if functions and isinstance(value, functools.partial):
            return {"partial": inner((value.func, *value.args))}
        if functions and inspect.isfunction(value):
            return {"function": value.__name__, "source": dedent(inspect.getsource(value))}
        if isinstance(value, dict) and all(isinstance(key, str) for key in value):
            return {"dict": inner(value.values()), "keys": list(value)}
        if isinstance(value, tuple):
            return {"tuple": inner(value)}
        if isinstance(value, list):
            array = _numbers(value)
            if array is not None and array.size > 1:
                return {"rows": _blob(array, blobs)}
            return {"list": inner(value[:NODES])}
    array = _numbers(value) if hasattr(value, "__array__") else None
    if array is None:
        return {"opaque": type(value).__name__[:100]}
    return {"array": _blob(array, blobs)}


def _numbers(value: Any) -> Any:
    """The value as an array of numbers, or None if it is no such thing."""
    if hasattr(value, "detach"):  # a tensor that records its history
        value = value.detach()
    try:
        array = np.asarray(value)
    except (ValueError, TypeError, RuntimeError, OverflowError):
        return None
    if array.dtype.kind == "f" and array.itemsize > 8:
        array = array.astype(np.float64)
    return array if array.dtype.kind in KINDS else None


def _blob(array: Any, blobs: list[bytes]) -> int:
    file = io.BytesIO()
    np.lib.format.write_array(file, array, allow_pickle=False)
    blobs.append(file.getvalue())
    return len(blobs) - 1


def decode(
    tree: Any, blobs: Sequence[bytes], compile: Callable[[str, str], Any] | None = None
) -> Any:
    """Turn a tree and blobs into a value.

    Parameters
    ----------
    tree : object
        What came, in the form that :func:`encode` writes.
    blobs : sequence of bytes
        ``.npy`` files.
    compile : callable, optional
        Makes a function of a source and a name. Without it functions are refused, so the grader
        never runs what a sandbox sends.

    Returns
    -------
    object

    Raises
    ------
    Unreadable
        If the tree has another form, or is too deep or too large, or uses a blob twice.
    """
    budget = iter(range(NODES))
    unused = set(range(len(blobs)))

    def array(index: int) -> Any:
        if index not in unused:  # many copies of one blob would fill the memory
            raise Unreadable("a value that is too deep, too large or of no known form")
        unused.remove(index)
        return read_npy(blobs[index])

    def one(node: Any, depth: int) -> Any:
        if next(budget, None) is None or depth > DEPTH or not isinstance(node, dict):
            raise Unreadable("a value that is too deep, too large or of no known form")
        match node:
            case {"plain": str(text)} if len(text) > TEXT:
                raise Unreadable("a text that is too long")
            case {"plain": None | bool() | int() | float() | str() as value}:
                return value
            case {"array": int(index)}:
                return array(index)
            case {"rows": int(index)}:
                rows = array(index)
                if not rows.shape or not rows.size:  # no bytes could stand for any number of rows
                    raise Unreadable("a list of no known form")
                if sum(1 for _ in islice(budget, len(rows))) < len(rows):
                    raise Unreadable("a list that is too long")
                return list(rows)
            case {"tuple": list(nodes)}:
                return tuple(one(n, depth + 1) for n in nodes)
            case {"list": list(nodes)}:
                return [one(n, depth + 1) for n in nodes]
            case {"dict": list(nodes), "keys": list(keys)} if len(nodes) == len(keys):
                if not all(isinstance(key, str) for key in keys):
                    raise Unreadable("a dict whose keys are no text")
                return {k: one(n, depth + 1) for k, n in zip(keys, nodes, strict=True)}
            case {"opaque": str(name)}:
                return Opaque(name[:100])
            case {"function": str(name), "source": str(source)} if compile:
                return compile(source, name)
            case {"partial": [function, *args]} if compile:
                return functools.partial(
                    one(function, depth + 1), *(one(a, depth + 1) for a in args)
                )
        raise Unreadable("a value that is too deep, too large or of no known form")

    return one(tree, 0)


def read_npy(blob: bytes) -> Any:
    """Array of numbers in a ``.npy`` file; its bytes must be neither fewer nor more than it says.

    Parameters
    ----------
    blob : bytes
        The file.

    Returns
    -------
    array

    Raises
    ------
    Unreadable
        If it is no such file, or holds anything but numbers.

    Examples
    --------
    >>> read_npy(b"PK")
    Traceback (most recent call last):
    rnnlib.grading.wire.Unreadable: an array that is no .npy file of numbers
    """
    file = io.BytesIO(blob)
    refusal = Unreadable("an array that is no .npy file of numbers")
    try:
        if np.lib.format.read_magic(file) != (1, 0):
            raise refusal
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
    except Exception:
        raise refusal from None
    data = blob[file.tell() :]
    if (
        dtype.kind not in KINDS
        or dtype.fields
        or len(shape) > 16
        or any(type(n) is not int or n < 0 for n in shape)
        or math.prod(shape) * dtype.itemsize != len(data)
        or math.prod(max(n, 1) for n in shape) > LARGEST  # rows without bytes are rows all the same
    ):
        raise refusal
    flat = np.frombuffer(data, dtype).copy()
    return flat.reshape(shape, order="F" if fortran else "C")
