"""What a request brings along: one JSON object of a known shape."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TypeVar

import msgspec
from aiohttp import web

from coalmine_aggregator.web.listening import MAX_BODY, too_long
from coalmine_aggregator.web.problems import ProblemError
from coalmine_wire.bad_json import BAD_JSON

_PATH = re.compile(r" - at `\$\.?([^`]*)`\Z")

T = TypeVar("T", bound="Body")


class Body(msgspec.Struct, forbid_unknown_fields=True):
    """What every body is made of."""


async def read_bytes(request: web.Request, most: int) -> bytes:
    """The body as it came. Raises `ProblemError`."""
    body = bytearray()
    async for chunk in request.content.iter_chunked(16 * 1024):
        body += chunk
        if len(body) > most:
            raise too_long(most)
    return bytes(body)


async def read_body(request: web.Request, kind: type[T], most: int = MAX_BODY) -> T:
    """The body as that shape; none at all is an empty object. More than `MAX_BODY` bytes only where the
    handler says so, see `takes_up_to`. Raises `ProblemError`."""
    body = await read_bytes(request, most)
    try:
        return msgspec.json.decode(body or b"{}", type=kind)
    except msgspec.ValidationError as error:
        what = str(error)
        at = _PATH.search(what)
        raise bad_body(at[1] if at else "", _PATH.sub("", what) + ".") from None
    except BAD_JSON:
        raise bad_body("", "The body is no JSON.", "send one object in UTF-8") from None


def bad_body(member: str, detail: str, hint: str = "") -> ProblemError:
    """The problem of a body, and the member that is to blame if it is one."""
    return ProblemError(HTTPStatus.BAD_REQUEST, "bad-body", detail, hint=hint, parameter=member)
