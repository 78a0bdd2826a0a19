"""Cursors: where a page of a long list ended, so that the next one goes on there. Pure.

A cursor is opaque to clients: base64 of a digest of the query that it belongs to, and of the place, as
JSON. Places are keys that stay, such as numbers, so that a cursor is good for ever, whatever is added.
One of another query is refused. The digest is no signature: anybody can make a cursor that looks like
ours, to no harm, for a place at which no list can be (a number that no store holds) is refused too.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from http import HTTPStatus
from typing import TypeVar

import msgspec

from coalmine_aggregator.web.problems import ProblemError

MAX_CURSOR = 1_024
"""Characters."""

MAX_NUMBER = 2**63 - 1
"""Of a place; databases have no larger ones."""

_SKIPPED = ("after", "limit")

T = TypeVar("T")


def next_cursor(values: Mapping[str, str], place: object) -> str:
    """The cursor of a place in the list that this query asks for."""
    body = msgspec.json.encode((_digest(values), place))
    return base64.urlsafe_b64encode(body).rstrip(b"=").decode()


def parse_cursor(values: Mapping[str, str], place: type[T]) -> T | None:
    """The place that `after` names, None without one. Raises `ProblemError`."""
    text = values.get("after", "")
    if not text:
        return None
    try:
        if len(text) > MAX_CURSOR or not text.isascii():
            raise ValueError
        padded = text + "=" * (-len(text) % 4)
        body = base64.b64decode(padded, altchars=b"-_", validate=True)
        digest, found = msgspec.json.decode(body, type=tuple[str, msgspec.Raw])
        at: T = msgspec.json.decode(found, type=place)
        _check_place(at)
    except (ValueError, binascii.Error, msgspec.MsgspecError):
        raise _bad("after is no cursor of ours.") from None
    if digest != _digest(values):
        raise _bad("after is the cursor of another query.")
    return at


def _check_place(at: object) -> None:
    """Raises ValueError where no list of ours has such a place."""
    for part in at if isinstance(at, tuple) else (at,):
        possible = "\0" not in part if isinstance(part, str) else 0 <= part <= MAX_NUMBER
        if not possible:
            raise ValueError(part)


def _digest(values: Mapping[str, str]) -> str:
    asked = sorted((name, value) for name, value in values.items() if name not in _SKIPPED)
    return hashlib.blake2b(msgspec.json.encode(asked), digest_size=8).hexdigest()


def _bad(detail: str) -> ProblemError:
    return ProblemError(
        HTTPStatus.BAD_REQUEST,
        "bad-cursor",
        detail,
        hint="give the `next` of the page before, with the same other parameters; or none",
        parameter="after",
    )
