"""What etcd's JSON gateway says and takes. Pure.

Bytes are base64 and 64-bit numbers are strings there, fields that are 0 are left out; see
https://etcd.io/docs/v3.4/dev-guide/api_grpc_gateway/ and rpc.proto.
"""

from __future__ import annotations

from typing import Any

import msgspec


class Header(msgspec.Struct, frozen=True):
    """On every answer. `revision` grows with every change of the store."""

    revision: int = 0


class KeyValue(msgspec.Struct, frozen=True):
    """One key as it stands. `mod_revision` is when it last changed, `lease` 0 without one."""

    key: bytes
    value: bytes = b""
    mod_revision: int = 0
    lease: int = 0


class Range(msgspec.Struct, frozen=True):
    """All keys of a range, as of one revision; `more` where there are more than were asked for."""

    header: Header
    kvs: list[KeyValue] = []
    more: bool = False


class Deleted(msgspec.Struct, frozen=True):
    """How many keys a range had."""

    deleted: int = 0


class Lease(msgspec.Struct, frozen=True):
    """A lease; a `ttl` of 0 says that there is none."""

    id: int = msgspec.field(name="ID", default=0)
    ttl: int = msgspec.field(name="TTL", default=0)


class Kept(msgspec.Struct, frozen=True):
    """The answer of a stream of one message."""

    result: Lease


class Committed(msgspec.Struct, frozen=True):
    """Whether a transaction's guards held."""

    succeeded: bool = False


class Token(msgspec.Struct, frozen=True):
    """Who signed in carries this."""

    token: str


class Nothing(msgspec.Struct, frozen=True):
    """An answer that says no more than that it was done."""


class Event(msgspec.Struct, frozen=True):
    """A key changed: `PUT`, where nothing is said, or `DELETE`, which has the key and when."""

    kv: KeyValue
    type: str = "PUT"


class Watched(msgspec.Struct, frozen=True):
    """News of a watch. `canceled` ends it; `compact_revision` says that what was to be seen from there
    on is forgotten."""

    header: Header = Header()
    created: bool = False
    canceled: bool = False
    compact_revision: int = 0
    cancel_reason: str = ""
    events: list[Event] = []


class WatchLine(msgspec.Struct, frozen=True):
    """One line of a watch's stream."""

    result: Watched | None = None
    error: dict[str, Any] | None = None


class Refusal(msgspec.Struct, frozen=True):
    """Why not."""

    error: str = ""
    message: str = ""


def put(key: bytes, value: bytes, lease: int) -> dict[str, Any]:
    """An operation of a transaction."""
    return {"request_put": {"key": key, "value": value, "lease": lease}}


def delete(key: bytes) -> dict[str, Any]:
    """An operation of a transaction."""
    return {"request_delete_range": {"key": key}}


def unchanged(key: bytes, mod_revision: int) -> dict[str, Any]:
    """A guard of a transaction: the key last changed then; never, or it is gone, where that is 0."""
    return {"key": key, "target": "MOD", "result": "EQUAL", "mod_revision": mod_revision}
