"""Answers as they are sent: JSON, never stored on the way."""

from __future__ import annotations

import msgspec
from aiohttp import web

from coalmine_aggregator.web.answers import Answer

COMPRESSED_FROM = 2_048
"""Bytes of an answer from which on it is compressed, where the client takes that: a fifth is left."""

_encoder = msgspec.json.Encoder()


def json_reply(answer: Answer) -> web.Response:
    """An answer."""
    return json_body(_encoder.encode(answer))


def json_body(body: bytes) -> web.Response:
    """An answer that is JSON already."""
    response = web.Response(
        body=body, content_type="application/json", headers={"Cache-Control": "no-store"}
    )
    if len(body) >= COMPRESSED_FROM:
        response.enable_compression()
    return response
