"""Graphite's plaintext protocol: `name SP value SP timestamp LF`, on a stream or in a datagram. Pure.

A stream is cut into blocks of whole lines without looking at the lines: what a line says is judged
later, for many lines at once. The cut keeps at most `MAX_LINE + 1` bytes of an unfinished line, so a
peer that never sends a line feed costs bounded memory, and its line, when it ends at last, is still
recognised as too long. How the stream was chunked never changes what comes out.
"""

from __future__ import annotations

MAX_LINE = 4096
"""Bytes of a line, without its line feed. A longer one is counted and dropped."""

_KEPT = MAX_LINE + 1  # of an unfinished line: enough to see that it is too long


def encode_line(name: bytes, slot: int) -> bytes:
    """The line that carries a canary's datapoint: value 1 at `slot` (seconds since the epoch)."""
    return b"%b 1 %d\n" % (name, slot)


class LineFramer:
    """Cuts one stream into blocks of whole lines, in the caller's buffer or by copy.

    In the caller's buffer: put `pending` at some `start`, read the stream's next bytes behind it, and
    call `cut`. By copy: call `feed`.
    """

    __slots__ = ("pending",)

    def __init__(self) -> None:
        self.pending = b""
        """The unfinished line, at most `MAX_LINE + 1` bytes of it."""

    def cut(self, buffer: bytearray, start: int, end: int) -> int:
        """The end of the whole lines in `buffer[start:end]`, `start` if there is none.

        `buffer[start:end]` is `pending` and what followed it. What is left behind the result becomes
        the new `pending`; an overlong line keeps its first bytes only, so its line feed may follow
        them directly.
        """
        end_of_lines = buffer.rfind(b"\n", start, end) + 1
        if end_of_lines == end:
            self.pending = b""
            return end
        if not end_of_lines:
            end_of_lines = start
        self.pending = bytes(buffer[end_of_lines : min(end, end_of_lines + _KEPT)])
        return end_of_lines

    def feed(self, chunk: bytes) -> bytes:
        """The whole lines that `chunk` completes, each with its line feed; may be empty."""
        buffer = bytearray(self.pending)
        buffer += chunk
        return bytes(buffer[: self.cut(buffer, 0, len(buffer))])
