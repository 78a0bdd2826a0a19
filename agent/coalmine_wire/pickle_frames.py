"""Frames of Graphite's pickle protocol: a 4-byte big-endian length, then that many bytes. Pure."""

from __future__ import annotations

import struct

MAX_FRAME = 1 << 20
"""Bytes of a frame's body. A stream that announces a longer one cannot be followed any further."""

_HEAD = struct.Struct(">I")


class FrameTooLongError(ValueError):
    """A frame announced more than `MAX_FRAME` bytes; `length` says how many."""

    def __init__(self, length: int) -> None:
        super().__init__(f"a frame of {length} bytes, at most {MAX_FRAME}")
        self.length = length


def encode_frame(body: bytes) -> bytes:
    """Length and body, as they travel. Raises `FrameTooLongError`."""
    if len(body) > MAX_FRAME:
        raise FrameTooLongError(len(body))
    return _HEAD.pack(len(body)) + body


class FrameCutter:
    """Cuts one stream into frames; any chunking gives the same ones."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = bytearray()

    @property
    def held(self) -> int:
        """Bytes of the unfinished frame that are kept: never more than a frame and the last chunk."""
        return len(self._held)

    def feed(self, chunk: bytes | bytearray | memoryview, frames: list[bytes]) -> None:
        """Appends the bodies that `chunk` completes to `frames`.

        Raises `FrameTooLongError`; the frames before that one are in `frames`, the cutter is spent.
        """
        held = self._held
        held += chunk
        at, have = 0, len(held)
        while have - at >= 4:
            (length,) = _HEAD.unpack_from(held, at)
            if length > MAX_FRAME:
                raise FrameTooLongError(length)
            if have - at - 4 < length:
                break
            frames.append(bytes(memoryview(held)[at + 4 : at + 4 + length]))
            at += 4 + length
        del held[:at]
