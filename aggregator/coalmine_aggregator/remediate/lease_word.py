"""What each of two aggregators says where the lease is held, as JSON. Pure."""

from __future__ import annotations

from typing import Annotated

import msgspec

from coalmine_aggregator.model.pin import PinChange, PinState
from coalmine_aggregator.remediate.pins import MAX_PINS
from coalmine_wire.bad_json import BAD_JSON
from coalmine_wire.reports import MAX_PAYLOAD

MAX_SERVICES = 1_000

Text = Annotated[str, msgspec.Meta(max_length=1_000)]


class LeaseWordError(ValueError):
    """A message that is not of this schema; says what is wrong."""


class SaidPin(msgspec.Struct, omit_defaults=True, frozen=True):
    """As of `PinChange`."""

    service: Text
    node: Text
    at: float
    state: PinState | None = None
    by: Text = ""
    why: Text = ""


class LeaseWord(msgspec.Struct, omit_defaults=True, frozen=True):
    """`process` tells apart the processes of one name, `number` counts its words, `claims` says that it
    holds the lease or would. `stopped_by` pulled the big switch there, empty where nobody did.
    `memory` is what it remembers of its decisions, JSON by service; `is_cut` where that did not fit."""

    aggregator: Text
    process: Text
    number: int
    claims: bool
    stopped_by: Text = ""
    stopped_why: Text = ""
    pins: Annotated[list[SaidPin], msgspec.Meta(max_length=MAX_PINS)] = []
    memory: Annotated[dict[Text, str], msgspec.Meta(max_length=MAX_SERVICES)] = {}
    is_cut: bool = False
    v: int = 1

    @property
    def changes(self) -> list[PinChange]:
        """Its pins, and those that were released."""
        return [
            PinChange(pin.service, pin.node, pin.state, pin.by, pin.why, pin.at) for pin in self.pins
        ]


def said(change: PinChange) -> SaidPin:
    """A pin as it is told to the other aggregator."""
    return SaidPin(
        change.service, change.node, change.at, change.state, change.by[:1_000], change.why[:1_000]
    )


def encode(word: LeaseWord) -> bytes:
    """JSON of at most `MAX_PAYLOAD` bytes: the memory is left out where it does not fit, then pins."""
    cut = msgspec.structs.replace(word, memory={}, is_cut=True)
    for each in (word, cut):
        body = msgspec.json.encode(each)
        if len(body) <= MAX_PAYLOAD:
            return body
    return msgspec.json.encode(msgspec.structs.replace(cut, pins=[]))


def decode(body: bytes) -> LeaseWord:
    """The word. Raises `LeaseWordError`."""
    if len(body) > MAX_PAYLOAD:
        raise LeaseWordError(f"{len(body)} bytes")
    try:
        return msgspec.json.decode(body, type=LeaseWord)
    except BAD_JSON as error:
        raise LeaseWordError(str(error)) from None
