"""Frames and values: what goes out comes back, and nothing else is believed."""

import io
import pickle
from functools import partial
from typing import Any

import numpy as np
import pytest

from rnnlib.grading import wire
from rnnlib.grading.compare import agree


def there_and_back(value: Any, compile: Any = None) -> Any:
    tree, blobs = wire.encode(value, functions=compile is not None)
    frame = wire.pack({"value": tree}, blobs)
    lengths, body = frame[: wire.LENGTHS.size], frame[wire.LENGTHS.size :]
    assert wire.size(lengths, most=1 << 20) == len(body)
    header, blobs = wire.unpack(lengths, body)
    return wire.decode(header["value"], blobs, compile)


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        3,
        0.1,
        float("inf"),
        "text",
        np.arange(6).reshape(2, 3),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.array(1 + 2j),
        (1, (2.0, np.ones((0, 3)))),
        {"a": (1, 2)},
    ],
)
def test_a_value_comes_back_as_it_was(value: Any) -> None:
    assert agree(there_and_back(value), value, 0.0, nan=True)


def test_lists_come_back_as_lists() -> None:
    back = there_and_back([[1.0, 2.0], [3.0, 4.0]])
    assert isinstance(back, list) and agree(back, np.array([[1, 2], [3, 4]]), 0)
    assert there_and_back([1, [2, 3]]) == [1, [2, 3]] or agree(
        there_and_back([1, [2, 3]]), (1, (2, 3)), 0
    )


@pytest.mark.parametrize(
    "value", [object(), {1, 2}, 1 << 5000, np.array([object()]), len, b"bytes"]
)
def test_anything_else_arrives_as_the_name_of_its_type(value: Any) -> None:
    assert isinstance(there_and_back(value), wire.Opaque)


def test_a_value_that_holds_itself_has_an_end() -> None:
    value: list[Any] = []
    value.append(value)
    there_and_back(value)


def double(x):  # type: ignore[no-untyped-def]
    return 2 * x


def test_functions_go_out_but_are_never_taken_in() -> None:
    def compile(source: str, name: str) -> Any:
        namespace: dict[str, Any] = {}
        exec(source, namespace)
        return namespace[name]

    assert there_and_back(double, compile)(3) == 6
    assert there_and_back(partial(double, 4), compile)() == 8
    with pytest.raises(wire.Unreadable):
        wire.decode(*wire.encode(double, functions=True))
    assert there_and_back((double, partial(double, 4))) == (
        wire.Opaque("function"),
        wire.Opaque("partial"),
    )


@pytest.mark.parametrize(
    "blob",
    [
        pickle.dumps(np.ones(3)),
        b"",
        b"\x93NUMPY\x01\x00",
        b"\x93NUMPY\x01\x00\x46\x00{'descr': '|O', 'fortran_order': False, 'shape': (1,), }".ljust(
            80
        )
        + bytes(8),
        b"\x93NUMPY\x01\x00\x46\x00{'descr': '<f8', 'fortran_order': False, 'shape': (9**9,), }",
        b"\x93NUMPY\x01\x00\x76\x00"
        + b"{'descr': '<f8', 'fortran_order': False, 'shape': (100000000000,), }".ljust(117)
        + b"\n",
    ],
)
def test_an_array_is_believed_only_if_its_bytes_are_there(blob: bytes) -> None:
    with pytest.raises(wire.Unreadable):
        wire.read_npy(blob)


def test_rows_without_bytes_are_counted_too() -> None:
    file = io.BytesIO()
    np.save(file, np.zeros((10**9, 0)))
    with pytest.raises(wire.Unreadable):
        wire.read_npy(file.getvalue())


@pytest.mark.parametrize(
    "tree",
    [
        3,
        {},
        {"array": 0},
        {"array": -1},
        {"array": True, "x": 1},
        {"tuple": 3},
        {"dict": [], "keys": ["a"]},
        {"dict": [{"plain": 1}], "keys": [1]},
        {"plain": []},
        {"function": "f", "source": "1/0"},
        {"tuple": [{"plain": 1}] * 30_000},
    ],
)
def test_a_tree_of_another_form_is_refused(tree: Any) -> None:
    with pytest.raises(wire.Unreadable):
        wire.decode(tree, [])


def test_rows_count_as_much_as_entries_of_a_list() -> None:
    for rows, known in [(wire.NODES // 2, True), (wire.NODES + 1, False)]:
        tree, blobs = wire.encode(list(np.zeros((rows, 1), np.uint8)))
        if known:
            assert len(wire.decode(tree, blobs)) == rows
        else:
            with pytest.raises(wire.Unreadable, match="too long"):
                wire.decode(tree, blobs)


@pytest.mark.parametrize(
    "header", [b"[" * 5000, b"{}", b'{"sizes": [-1, 1]}', b"\xff", b'{"sizes": [1]}']
)
def test_a_frame_of_another_form_is_refused(header: bytes) -> None:
    with pytest.raises(wire.Unreadable):
        wire.unpack(wire.LENGTHS.pack(len(header), 0), header)


def test_the_size_of_a_frame_is_capped_before_it_is_read() -> None:
    for lengths in [(1 << 31, 0), (10, 1001)]:
        with pytest.raises(wire.Unreadable, match="more than is accepted"):
            wire.size(wire.LENGTHS.pack(*lengths), most=1000)
