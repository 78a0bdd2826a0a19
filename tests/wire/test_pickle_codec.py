"""The pickle decoder. Invariants: it agrees with `pickle` on lists of datapoints of every protocol, and
whatever else it is given ends in `PickleError`, soon and in bounded memory."""

from __future__ import annotations

import contextlib
import io
import os
import pickle  # noqa: TID251  -- to make what clients send, and what attackers do
import pickletools
import struct
import sys
import tracemalloc
from collections import OrderedDict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalmine_wire.pickle_codec import (
    MAX_DEPTH,
    MAX_ELEMENTS,
    ForbiddenOpcodeError,
    PickleError,
    Point,
    decode_points,
    encode_point,
)

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)

_names = st.text(
    st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="\\'\""), max_size=60
)
_numbers = st.one_of(
    st.integers(-(2**63), 2**63),
    st.integers(0, 300),
    st.floats(allow_nan=False),
    st.just(1),
    st.just(1.0),
)
_points = st.tuples(_names, st.tuples(_numbers, _numbers))


def _said(points: Any) -> list[Point]:
    return [Point(name.encode(), timestamp, value) for name, (timestamp, value) in points]


@given(st.lists(_points, max_size=20), st.sampled_from(PROTOCOLS))
def test_agrees_with_pickle_on_datapoints(points: list[Any], protocol: int) -> None:
    decoded = decode_points(pickle.dumps(points, protocol))
    assert decoded.points == _said(points)
    assert decoded.malformed == 0
    for point, (_, pair) in zip(decoded.points, points, strict=True):
        assert [type(point.timestamp), type(point.value)] == [type(number) for number in pair]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_lists_stand_for_tuples_and_tuples_for_lists(protocol: int) -> None:
    for points in ([["a", [1, 2]]], (("a", (1, 2)),), (["a", (1, 2)],)):
        assert decode_points(pickle.dumps(points, protocol)).points == [Point(b"a", 1, 2)]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_pickler_without_its_accelerator_writes_other_opcodes(protocol: int) -> None:
    """It neither shares strings as the C one does nor batches the same way."""
    points = [("canary.a", (1763700000, 1)), ("canary.b", (1763700000, 1.0))] * 600
    out = io.BytesIO()
    pickle._Pickler(out, protocol).dump(points)
    assert decode_points(out.getvalue()).points == _said(points)


# As Python 2.7 writes them: cPickle and pickle, protocols 0 to 2, str and unicode, int and long.
PYTHON_2 = [
    b"(lp1\n(S'canary.a'\np2\n(I1763700000\nF1\ntp3\ntp4\na.",
    b"(lp0\n(Vcanary.a\np1\n(L1763700000L\nI1\ntp2\ntp3\na.",
    b"]q\x01(U\x08canary.aq\x02(J \xd5\x1fiK\x01tq\x03tq\x04a.",
    b"\x80\x02]q\x01U\x08canary.aq\x02J \xd5\x1fiG?\xf0\x00\x00\x00\x00\x00\x00\x86q\x03\x86q\x04a.",
    b"\x80\x02]q\x00X\x08\x00\x00\x00canary.aq\x01\x8a\x04 \xd5\x1fiK\x01\x86q\x02\x86q\x03a.",
    b"\x80\x02]r\0\0\0\0T\x08\0\0\0canary.a\x8b\x04\0\0\0 \xd5\x1fiM\x01\0\x86\x86a.",
]


@pytest.mark.parametrize("body", PYTHON_2)
def test_what_python_2_writes(body: bytes) -> None:
    slot = 0x691FD520
    expected = slot if b"J" in body or b"\x8a" in body or b"\x8b" in body else 1763700000
    assert decode_points(body).points == [Point(b"canary.a", expected, 1)]


@given(_names.filter(bool), st.integers(0, 2**40))
def test_our_own_datapoint_is_what_pickle_reads(name: str, slot: int) -> None:
    frame = encode_point(name.encode(), slot)
    (length,) = struct.unpack(">I", frame[:4])
    assert length == len(frame) - 4
    assert pickle.loads(frame[4:]) == [(name, (slot, 1))]
    assert decode_points(frame[4:]).points == [Point(name.encode(), slot, 1)]


@pytest.mark.parametrize(
    "element",
    ["text", 5, ("a",), ("a", (1,)), ("a", (1, 2), 3), (5, (1, 2)), ("a", ("1", 1)), ("a", 1), []],
)
def test_elements_that_are_no_datapoints_are_counted_and_the_others_kept(element: Any) -> None:
    decoded = decode_points(pickle.dumps([("a", (1, 1)), element, ("b", (2, 1))], 2))
    assert [point.name for point in decoded.points] == [b"a", b"b"]
    assert decoded.malformed == 1


class _Runs:
    def __reduce__(self) -> tuple[Any, ...]:
        return (os.system, ("touch /tmp/never",))


class _Plain:
    pass


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_would_run_code_is_refused_by_name(protocol: int) -> None:
    with pytest.raises(ForbiddenOpcodeError) as error:
        decode_points(pickle.dumps([("a", (1, _Runs()))], protocol))
    assert error.value.opcode in ("GLOBAL", "STACK_GLOBAL")
    assert error.value.opcode in str(error.value)


@pytest.mark.parametrize(
    "thing",
    [_Plain(), OrderedDict(), {}, {"a": 1}, set(), frozenset(), None, True, 1j, bytearray(b"a"), len],
)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_nothing_but_lists_tuples_numbers_and_strings(thing: Any, protocol: int) -> None:
    # Protocols 0 and 1 write True as I01, an integer by another spelling.
    if thing is True and protocol < 2:
        assert decode_points(pickle.dumps([("a", (1, thing))], protocol)).points == [Point(b"a", 1, 1)]
        return
    with pytest.raises(ForbiddenOpcodeError):
        decode_points(pickle.dumps([("a", (1, thing))], protocol))


_ALLOWED_NAMES = {
    *("PROTO", "FRAME", "STOP", "MARK", "PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"),
    *("GET", "BINGET", "LONG_BINGET", "EMPTY_LIST", "LIST", "APPEND", "APPENDS"),
    *("EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"),
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE"),
    *("BINUNICODE8", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
}


def test_every_opcode_is_either_allowed_or_refused_by_its_documented_name() -> None:
    for opcode in pickletools.opcodes:
        with pytest.raises(PickleError) as error:
            decode_points(opcode.code.encode("latin-1"))
        if opcode.name in _ALLOWED_NAMES:
            assert not isinstance(error.value, ForbiddenOpcodeError)
        else:
            assert isinstance(error.value, ForbiddenOpcodeError)
            assert error.value.opcode == opcode.name


def test_bytes_that_are_no_opcode_are_named_by_number() -> None:
    with pytest.raises(ForbiddenOpcodeError, match="0xff"):
        decode_points(b"\xff")


BOMBS = {
    "no end": b"]",
    "nothing": b"",
    "only a stop": b".",
    "a number": b"K\x01.",
    "two values": b"]].",
    "a mark left": b"(].",
    "an append to nothing": b"a.",
    "an append to a number": b"K\x01K\x01a.",
    "a pop through a mark": b"K\x01(\x85.",
    "appends without mark": b"]e.",
    "a tuple without mark": b"t.",
    "deep marks": b"(" * 100_000,
    "deep tuples": b"K\x01" + b"\x85" * 100_000 + b".",
    "deep lists": b"]" * 100_000 + b"a" * 99_999 + b".",
    "many elements": b"](" + b"K\x01" * (MAX_ELEMENTS + 1) + b"e.",
    "many elements from the memo": b"]U\x01aq\x00(" + b"h\x00" * MAX_ELEMENTS + b"e.",
    "a list in itself": b"]q\x00h\x00a.",
    "a list in its element": b"]q\x00]q\x01h\x00ah\x00h\x01a.",
    "a huge memo index": b"]r\xff\xff\xff\xff.",
    "a huge memo index in text": b"]p" + b"9" * 39 + b"\n.",
    "a negative memo index": b"]p-1\n.",
    "an unknown memo index": b"h\x07.",
    "an integer of 255 bytes": b"\x8a\xff" + b"\x7f" * 255 + b".",
    "an integer of 2 GiB": b"\x8b\xff\xff\xff\x7f.",
    "an integer of negative length": b"\x8b\xff\xff\xff\xff.",
    "an integer of a million digits": b"I" + b"9" * 1_000_000 + b"\n.",
    "a long without digits": b"LL\n.",
    "an integer with underscores": b"I1_0\n.",
    "a float that is none": b"Fone\n.",
    "a string of 4 GiB": b"X\xff\xff\xff\xffabc.",
    "a string of 2^64": b"\x8d" + b"\xff" * 8 + b"abc.",
    "a string of negative length": b"T\xff\xff\xff\xffabc.",
    "a string beyond the end": b"U\x10abc.",
    "an unquoted string": b"Sabc\n.",
    "a lone quote": b"S'\n.",
    "an inner frame beyond the end": b"\x95\xff\xff\xff\xff\xff\xff\xff\x7f].",
    "protocol 6": b"\x80\x06].",
    "a line without end": b"V" + b"a" * 100_000,
}


@pytest.mark.parametrize("body", BOMBS.values(), ids=BOMBS.keys())
def test_bombs_are_refused_in_little_memory(body: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(PickleError):
            decode_points(body)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 32 * 1024 * 1024


def test_depth_up_to_the_bound_is_taken() -> None:
    nested: Any = 1
    for _ in range(MAX_DEPTH - 1):
        nested = [nested]
    assert decode_points(pickle.dumps([nested], 2)).malformed == 1
    with pytest.raises(PickleError, match="nested"):
        decode_points(pickle.dumps([[nested]], 2))


@given(st.binary(max_size=400))
def test_any_bytes_are_decoded_or_refused(body: bytes) -> None:
    with contextlib.suppress(PickleError):
        decode_points(body)


@given(st.lists(_points, min_size=1, max_size=5), st.sampled_from(PROTOCOLS), st.data())
def test_damaged_pickles_are_decoded_or_refused(points: list[Any], protocol: int, data: Any) -> None:
    body = bytearray(pickle.dumps(points, protocol))
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    try:
        decoded = decode_points(bytes(body[: data.draw(st.integers(0, len(body)))]))
    except PickleError:
        return
    assert all(isinstance(point.name, bytes) for point in decoded.points)


def test_the_decoder_does_not_know_the_module_pickle() -> None:
    module = sys.modules["coalmine_wire.pickle_codec"]
    assert not any(value is pickle for value in vars(module).values())
