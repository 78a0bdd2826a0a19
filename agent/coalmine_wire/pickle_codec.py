"""Graphite's pickles of datapoints, `[(name, (timestamp, value)), ...]`, by a decoder of our own. Pure.

The decoder is a stack machine of the opcodes that write lists, tuples, numbers and strings, in
protocols 0 to 5: what carbon-relay, other relays and clients of Python 2 and 3 send. There is no
opcode in it that names, imports or calls anything; whatever else arrives is refused by name. Every
resource is bounded: elements, memo, depth, lengths of integers and of strings.

Strings stay bytes, and their escapes in protocol 0 stay as they are written: a name with a backslash
or beyond ASCII is no canary's.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import NamedTuple

from coalmine_wire.pickle_frames import encode_frame

MAX_ELEMENTS = 100_000
"""Values that one pickle may push; a frame of real datapoints holds at most some 15,000 of five."""

MAX_MEMO = 100_000
MAX_DEPTH = 8
"""Marks open at a time, and containers within containers."""

MAX_INTEGER_BYTES = 16
MAX_INTEGER_DIGITS = 40
MAX_STRING = 4096

_INT32_MAX = 0x7FFF_FFFF
_U16 = struct.Struct("<H")
_I32 = struct.Struct("<i")
_U32 = struct.Struct("<I")
_U64 = struct.Struct("<Q")
_F64 = struct.Struct(">d")


class PickleError(ValueError):
    """Bytes that are no pickle of datapoints, or not one within the bounds; says what and where."""


class ForbiddenOpcodeError(PickleError):
    """An opcode outside the allowlist. `opcode` is its name in the documentation of pickles."""

    def __init__(self, code: int, at: int) -> None:
        self.opcode = _FORBIDDEN.get(code, f"0x{code:02x}")
        super().__init__(f"opcode {self.opcode} at byte {at} is not allowed")


class Point(NamedTuple):
    """A datapoint as a pickle tells it; `timestamp` in seconds since the epoch."""

    name: bytes
    timestamp: float
    value: float


class Points(NamedTuple):
    """The datapoints of a pickle, and how many of its elements were none."""

    points: list[Point]
    malformed: int


def encode_point(name: bytes, slot: int) -> bytes:
    """The whole frame, length included, that carries a canary's datapoint: value 1 at `slot`.

    It holds the protocol 2 pickle of `[(name, (slot, 1))]`, `name` as text.
    """
    when = (
        b"J" + _I32.pack(slot)
        if 0 <= slot <= _INT32_MAX
        else b"\x8a\x08" + slot.to_bytes(8, "little", signed=True)
    )
    return encode_frame(b"\x80\x02]X" + _U32.pack(len(name)) + name + when + b"K\x01\x86\x86a.")


def decode_points(body: bytes) -> Points:
    """The datapoints in a frame's body, in order. Raises `PickleError`.

    Lists and tuples stand for each other. Timestamps and values are integers or floats, as written.
    """
    found = _Machine(body).run()
    if not isinstance(found, _Sequence):
        raise PickleError("not a list of datapoints")
    points: list[Point] = []
    malformed = 0
    for element in found.items:
        point = _point(element)
        if point is None:
            malformed += 1
        else:
            points.append(point)
    return Points(points, malformed)


def _point(element: _Value) -> Point | None:
    if not isinstance(element, _Sequence) or len(element.items) != 2:
        return None
    name, pair = element.items
    if not isinstance(name, bytes) or not isinstance(pair, _Sequence) or len(pair.items) != 2:
        return None
    timestamp, value = pair.items
    if not isinstance(timestamp, int | float) or not isinstance(value, int | float):
        return None
    return Point(name, timestamp, value)


class _Sequence:
    """A list or a tuple, and how deep it is nested.

    Once it is an element of another it grows no more: so its depth stays true, and there are no cycles.
    """

    __slots__ = ("depth", "element", "items")

    def __init__(self, items: list[_Value]) -> None:
        self.items: list[_Value] = []
        self.depth = 1
        self.element = False
        self.extend(items)

    def extend(self, items: list[_Value]) -> None:
        for item in items:
            if isinstance(item, _Sequence):
                item.element = True
                self.depth = max(self.depth, item.depth + 1)
        if self.element:
            raise PickleError("a list grows that is an element already")
        if self.depth > MAX_DEPTH:
            raise PickleError(f"nested deeper than {MAX_DEPTH}")
        self.items += items


_Value = int | float | bytes | _Sequence


class _Machine:
    """Runs one pickle. Every opcode consumes at least its own byte, so that it ends with the body."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.at = 0
        self.stack: list[_Value] = []
        self.marks: list[int] = []
        self.memo: dict[int, _Value] = {}
        self.elements = 0

    def run(self) -> _Value:
        body, handlers = self.body, _HANDLERS
        try:
            while True:
                code = body[self.at]
                if code == 0x2E:  # STOP
                    break
                handler = handlers[code]
                if handler is None:
                    raise ForbiddenOpcodeError(code, self.at)
                self.at += 1
                handler(self)
        except (IndexError, struct.error):
            raise PickleError(f"ends or underflows at byte {self.at}") from None
        if len(self.stack) != 1 or self.marks:
            raise PickleError(f"{len(self.stack)} values and {len(self.marks)} marks at its end")
        return self.stack[0]

    # What the opcodes are made of.

    def push(self, value: _Value) -> None:
        self.elements += 1
        if self.elements > MAX_ELEMENTS:
            raise PickleError(f"more than {MAX_ELEMENTS} elements")
        self.stack.append(value)

    def pop(self) -> _Value:
        if self.marks and len(self.stack) <= self.marks[-1]:
            raise PickleError(f"nothing above the mark at byte {self.at}")
        return self.stack.pop()

    def take(self, count: int) -> bytes:
        start = self.at
        self.at = start + count
        if self.at > len(self.body):
            raise PickleError(f"ends within an argument of {count} bytes")
        return self.body[start : self.at]

    def number(self, layout: struct.Struct) -> int:
        (value,) = layout.unpack_from(self.body, self.at)
        self.at += layout.size
        assert isinstance(value, int)
        return value

    def line(self, limit: int) -> bytes:
        end = self.body.find(b"\n", self.at, self.at + limit + 1)
        if end < 0:
            raise PickleError(f"no line of at most {limit} bytes at byte {self.at}")
        text = self.body[self.at : end]
        self.at = end + 1
        return text

    def above_mark(self) -> list[_Value]:
        if not self.marks:
            raise PickleError(f"no mark at byte {self.at}")
        mark = self.marks.pop()
        values = self.stack[mark:]
        del self.stack[mark:]
        return values

    def remember(self, index: int) -> None:
        if not 0 <= index < MAX_MEMO:
            raise PickleError(f"memo index {index}, below {MAX_MEMO} only")
        self.memo[index] = self.stack[-1]

    def recall(self, index: int) -> None:
        if index not in self.memo:
            raise PickleError(f"nothing in the memo at {index}")
        self.push(self.memo[index])

    def sequence(self, count: int) -> None:
        values = [self.pop() for _ in range(count)]
        values.reverse()
        self.push(_Sequence(values))

    def grow(self, values: list[_Value]) -> None:
        target = self.stack[-1]
        if not isinstance(target, _Sequence):
            raise PickleError(f"an append to what is no list at byte {self.at}")
        target.extend(values)

    def string(self, length: int) -> None:
        if not 0 <= length <= MAX_STRING:
            raise PickleError(f"a string of {length} bytes, at most {MAX_STRING}")
        self.push(self.take(length))

    def integer(self, length: int) -> None:
        if not 0 <= length <= MAX_INTEGER_BYTES:
            raise PickleError(f"an integer of {length} bytes, at most {MAX_INTEGER_BYTES}")
        self.push(int.from_bytes(self.take(length), "little", signed=True))

    def decimal(self, text: bytes) -> int:
        digits = text.removeprefix(b"-")
        if not digits.isdigit():
            raise PickleError(f"not an integer: {text[:40]!r}")
        return int(text)

    # Opcodes with more to them than one call.

    def protocol(self) -> None:
        version = self.take(1)[0]
        if version > 5:
            raise PickleError(f"protocol {version}, at most 5")

    def frame(self) -> None:
        length = self.number(_U64)
        if length > len(self.body) - self.at:
            raise PickleError(f"an inner frame of {length} bytes, {len(self.body) - self.at} left")

    def mark(self) -> None:
        if len(self.marks) >= MAX_DEPTH:
            raise PickleError(f"more than {MAX_DEPTH} marks")
        self.marks.append(len(self.stack))

    def append(self) -> None:
        self.grow([self.pop()])

    def int_line(self) -> None:
        self.push(self.decimal(self.line(MAX_INTEGER_DIGITS)))

    def long_line(self) -> None:
        self.push(self.decimal(self.line(MAX_INTEGER_DIGITS).removesuffix(b"L")))

    def float_line(self) -> None:
        text = self.line(MAX_INTEGER_DIGITS)
        try:
            self.push(float(text))
        except ValueError:
            raise PickleError(f"not a float: {text!r}") from None

    def binary_float(self) -> None:
        (value,) = _F64.unpack_from(self.body, self.at)
        self.at += 8
        self.push(float(value))

    def quoted_line(self) -> None:
        text = self.line(MAX_STRING + 2)
        if len(text) < 2 or text[:1] not in b"'\"" or text[:1] != text[-1:]:
            raise PickleError(f"not a quoted string: {text[:40]!r}")
        self.push(text[1:-1])


_ALLOWED: dict[bytes, Callable[[_Machine], None]] = {
    b"\x80": _Machine.protocol,
    b"\x95": _Machine.frame,
    b"(": _Machine.mark,
    # lists and tuples
    b"]": lambda m: m.sequence(0),
    b"l": lambda m: m.push(_Sequence(m.above_mark())),
    b"a": _Machine.append,
    b"e": lambda m: m.grow(m.above_mark()),
    b")": lambda m: m.sequence(0),
    b"t": lambda m: m.push(_Sequence(m.above_mark())),
    b"\x85": lambda m: m.sequence(1),
    b"\x86": lambda m: m.sequence(2),
    b"\x87": lambda m: m.sequence(3),
    # numbers
    b"I": _Machine.int_line,
    b"J": lambda m: m.push(m.number(_I32)),
    b"K": lambda m: m.push(m.take(1)[0]),
    b"M": lambda m: m.push(m.number(_U16)),
    b"L": _Machine.long_line,
    b"\x8a": lambda m: m.integer(m.take(1)[0]),
    b"\x8b": lambda m: m.integer(m.number(_I32)),
    b"F": _Machine.float_line,
    b"G": _Machine.binary_float,
    # strings: text and bytes alike
    b"S": _Machine.quoted_line,
    b"T": lambda m: m.string(m.number(_I32)),
    b"U": lambda m: m.string(m.take(1)[0]),
    b"V": lambda m: m.push(m.line(MAX_STRING)),
    b"X": lambda m: m.string(m.number(_U32)),
    b"\x8c": lambda m: m.string(m.take(1)[0]),
    b"\x8d": lambda m: m.string(m.number(_U64)),
    b"B": lambda m: m.string(m.number(_U32)),
    b"C": lambda m: m.string(m.take(1)[0]),
    b"\x8e": lambda m: m.string(m.number(_U64)),
    # the memo
    b"p": lambda m: m.remember(m.decimal(m.line(MAX_INTEGER_DIGITS))),
    b"q": lambda m: m.remember(m.take(1)[0]),
    b"r": lambda m: m.remember(m.number(_U32)),
    b"\x94": lambda m: m.remember(len(m.memo)),
    b"g": lambda m: m.recall(m.decimal(m.line(MAX_INTEGER_DIGITS))),
    b"h": lambda m: m.recall(m.take(1)[0]),
    b"j": lambda m: m.recall(m.number(_U32)),
}

_HANDLERS: list[Callable[[_Machine], None] | None] = [_ALLOWED.get(bytes([n])) for n in range(256)]

_FORBIDDEN = {
    ord(code): name
    for code, name in {
        "c": "GLOBAL",
        "\x93": "STACK_GLOBAL",
        "R": "REDUCE",
        "b": "BUILD",
        "i": "INST",
        "o": "OBJ",
        "\x81": "NEWOBJ",
        "\x92": "NEWOBJ_EX",
        "P": "PERSID",
        "Q": "BINPERSID",
        "\x82": "EXT1",
        "\x83": "EXT2",
        "\x84": "EXT4",
        "}": "EMPTY_DICT",
        "d": "DICT",
        "s": "SETITEM",
        "u": "SETITEMS",
        "\x8f": "EMPTY_SET",
        "\x90": "ADDITEMS",
        "\x91": "FROZENSET",
        "N": "NONE",
        "\x88": "NEWTRUE",
        "\x89": "NEWFALSE",
        "0": "POP",
        "1": "POP_MARK",
        "2": "DUP",
        "\x96": "BYTEARRAY8",
        "\x97": "NEXT_BUFFER",
        "\x98": "READONLY_BUFFER",
    }.items()
}
