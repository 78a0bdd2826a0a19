"""The head of an HTTP/1.x answer, as far as a canary needs it: its status. Pure, bounded."""

from __future__ import annotations

import re
from typing import NamedTuple

MAX_HEAD = 16384
"""Bytes of the heads, those of interim answers (1xx) included."""

_STATUS = re.compile(rb"HTTP/1\.[01] ([1-5][0-9][0-9])(?: ([^\r\n]*))?\r?\n")
_END = re.compile(rb"\r?\n\r?\n")
_SHOWN = 80


class HeadError(ValueError):
    """The peer does not speak HTTP/1.x, or without end; says which."""


class Status(NamedTuple):
    """The status line of the final answer."""

    code: int
    reason: str


def read_status(received: bytes) -> Status | None:
    """The status of the final answer in `received`, once its head is complete; None until then.

    Interim answers (1xx) are passed over. Raises `HeadError`.
    """
    start = 0
    while True:
        end = _END.search(received, start)
        if end is None:
            if len(received) > MAX_HEAD:
                raise HeadError(f"no end of the answer's head in {MAX_HEAD} bytes")
            if not _may_begin(received[start : start + 9]):
                raise HeadError(f"no HTTP answer: {_shown(received[start:])}")
            return None
        line = _STATUS.match(received, start)
        if line is None:
            raise HeadError(f"no HTTP answer: {_shown(received[start:])}")
        code = int(line[1])
        if code >= 200:
            return Status(code, _printable((line[2] or b"")[:_SHOWN]))
        start = end.end()


def _may_begin(start: bytes) -> bool:
    return b"HTTP/1.1 ".startswith(start) or b"HTTP/1.0 ".startswith(start)


def _shown(received: bytes) -> str:
    # One line: a peer that echoes would have us repeat the request's header, which has the key in it.
    return repr(_printable(received.split(b"\r\n", 1)[0][:_SHOWN]))


def _printable(text: bytes) -> str:
    return "".join(c if c.isprintable() else "?" for c in text.decode("latin-1"))
