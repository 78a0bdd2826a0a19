"""What a reader and its owner say to each other over a pipe: a length of 4 bytes, then that many. Pure.

A question is (name of the task, its own bytes), an answer either the bytes asked for or why there are
none. Both are MessagePack: nothing that is read can run code.
"""

from __future__ import annotations

from typing import Final

import msgspec

HEAD_BYTES: Final = 4

MAX_QUESTION: Final = 64 << 20
"""Bytes; a question carries what memory knows of the newest slots."""

MAX_ANSWER: Final = 64 << 20
"""Bytes of one answer."""


class Start(msgspec.Struct, frozen=True):
    """The first frame: where history lies."""

    url: str


class Asked(msgspec.Struct, frozen=True, array_like=True):
    """A question: which task, and what it is given."""

    task: str
    given: bytes


class Refusal(msgspec.Struct, frozen=True, tag="refused"):
    """Why there is no answer: the members of a problem document, its `status` a number of HTTP."""

    status: int
    name: str
    detail: str
    hint: str = ""
    parameter: str = ""


class Answered(msgspec.Struct, frozen=True, tag="answered"):
    """The answer."""

    body: bytes


Reply = Refusal | Answered


class RefusedError(Exception):
    """A question that has no answer, or none yet."""

    def __init__(self, refusal: Refusal, retry_s: int | None = None) -> None:
        super().__init__(refusal.detail)
        self.refusal = refusal
        self.retry_s = retry_s

    @classmethod
    def of(
        cls, status: int, name: str, detail: str, *, hint: str = "", parameter: str = ""
    ) -> RefusedError:
        """The error of these members."""
        return cls(Refusal(status, name, detail, hint, parameter))


def framed(body: bytes) -> bytes:
    """The frame of a message."""
    return len(body).to_bytes(HEAD_BYTES, "big") + body
