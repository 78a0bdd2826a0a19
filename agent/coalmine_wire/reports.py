"""What agents say over MQTT: births, states and reports, as JSON. Pure.

The schema only grows: fields are added with defaults, never renamed or removed, and a decoder
ignores what it does not know, so that old aggregators hear new agents and the other way round.
A change that cannot be made so needs a new topic root (`coalmine/v2/...`).
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import Annotated, TypeVar

import msgspec

from coalmine_wire.bad_json import BAD_JSON
from coalmine_wire.protocols import Protocol
from coalmine_wire.series import Location, Series, make_series

VERSION = 1
"""The `v` that this code writes."""

MAX_PAYLOAD = 1 << 20
"""Bytes. A longer message is refused unread."""

MAX_ENDPOINTS = 10_000
MAX_SLOTS = 600
"""At most this many slots in one report message; a replay is cut into several."""

MAX_ERROR = 200
"""Characters of an error's text."""

MAX_TEXT = 1000
"""Characters of a label, a version, a reason: whatever else is told of an agent in words."""

MAX_IMPAIRED = 16
"""Names of what was wrong in one slot."""

Text = Annotated[str, msgspec.Meta(max_length=MAX_TEXT)]

MAX_NUMBER = 1 << 53
"""Whole numbers, in either direction: more than any is meant to be, and arrays and stores hold it."""

Number = Annotated[int, msgspec.Meta(ge=-MAX_NUMBER, le=MAX_NUMBER)]

MAX_REVISION = (1 << 31) - 1
"""Stores keep it as a number of 32 bits."""

Revision = Annotated[int, msgspec.Meta(ge=0, le=MAX_REVISION)]


class ReportError(ValueError):
    """A message that is not of this schema; says what is wrong."""


class Verdict(IntEnum):
    """How an attempt ended, as the agent saw it.

    The order is precedence: where two reports of one datapoint disagree, the higher one stands, so
    that the result does not depend on which came first.
    """

    SKIPPED = 1
    SENT = 2
    FAILED = 3
    ABANDONED = 4


class Step(IntEnum):
    """The steps of an attempt, in their order."""

    RESOLVE = 0
    CONNECT = 1
    TLS = 2
    SEND = 3
    RESPONSE = 4


class Outcome(msgspec.Struct, array_like=True, frozen=True):
    """How one datapoint's attempt ended.

    `endpoint` is an index into the birth's endpoints. `step` is where a failed or abandoned attempt
    ended, None otherwise. `steps_us` holds the durations of the steps taken, in microseconds, in the
    order of `Step`, with -1 for a step that was not taken; it may end early. `error` says why, as
    one line of at most `MAX_ERROR` characters.
    """

    endpoint: Number
    verdict: Verdict
    step: Step | None = None
    steps_us: tuple[Number, ...] = ()
    error: str = ""


class SlotReport(msgspec.Struct, omit_defaults=True, frozen=True):
    """The outcomes of one slot, or some of them; several reports of a slot add up.

    `impaired` names what was wrong with the agent itself in that slot: `null_sink`, `loop_lag`,
    `overrun`, `clock_step`, `suspended`. Any makes the whole slot of this agent unknown.
    """

    slot: Number
    outcomes: list[Outcome] = []
    impaired: Annotated[list[Text], msgspec.Meta(max_length=MAX_IMPAIRED)] = []


class Report(msgspec.Struct, omit_defaults=True, frozen=True):
    """What an agent says of one or more slots.

    `boot` changes with every start of the agent. `revision` is that of the birth whose endpoints the
    outcomes number. `sent_at` is the agent's wall clock when the message left (seconds since the
    epoch). `replayed` marks what comes from the spool: its age says nothing about the clock.
    `expiries` pairs endpoint with the end of its certificate (seconds since the epoch), told when it
    changes and once a minute.
    """

    agent: str
    boot: Text
    revision: Revision
    sent_at: float
    slots: list[SlotReport]
    replayed: bool = False
    expiries: list[tuple[Number, Number]] = []
    v: Number = VERSION


class Endpoint(msgspec.Struct, omit_defaults=True, frozen=True):
    """One endpoint as the birth tells it: enough to know its series and when it starts."""

    service: Text
    protocol: Protocol
    phase_ms: Number
    variant: Text = ""
    address: Text = ""


class Birth(msgspec.Struct, omit_defaults=True, frozen=True):
    """An agent introduces itself: at start and after each reload (with the next `revision`).

    Datapoints are expected from `first_slot` on, for exactly these endpoints. `interval_s` above 1
    says that sent outcomes are batched that long. A `control` agent withholds `control_share` of its
    datapoints, chosen by the key that has the fingerprint `control_key` (see `coalmine_wire.control`);
    a share of 0 is one that is not told.
    """

    agent: str
    boot: Text
    revision: Revision
    first_slot: Number
    location: Location
    region: Text
    zone: Text
    host: Text
    endpoints: list[Endpoint]
    version: Text = ""
    python: Text = ""
    started_at: float = 0.0
    interval_s: Number = 1
    control: bool = False
    v: Number = VERSION
    control_share: float = 0.0
    control_key: Text = ""

    def series(self) -> list[Series]:
        """The series of each endpoint, in their order, every label escaped."""
        return [
            make_series(
                service=endpoint.service,
                protocol=endpoint.protocol,
                variant=endpoint.variant,
                location=self.location,
                region=self.region,
                zone=self.zone,
                host=self.host,
            )
            for endpoint in self.endpoints
        ]


class Life(StrEnum):
    """What an agent's state message says. `LOST` is its last will; it decides no fate."""

    ALIVE = "alive"
    GOODBYE = "goodbye"
    LOST = "lost"
    RETIRED = "retired"


class State(msgspec.Struct, omit_defaults=True, frozen=True):
    """An agent's life. `last_slot` is the last one it took part in, on a goodbye or a retirement."""

    agent: str
    boot: Text
    life: Life
    at: float = 0.0
    last_slot: Number | None = None
    reason: Text = ""
    v: Number = VERSION


T = TypeVar("T")

_encoder = msgspec.json.Encoder()
_report = msgspec.json.Decoder(Report)
_birth = msgspec.json.Decoder(Birth)
_state = msgspec.json.Decoder(State)


def encode(message: Report | Birth | State) -> bytes:
    """The JSON that travels."""
    return _encoder.encode(message)


def decode_report(payload: bytes) -> Report:
    """Raises `ReportError`."""
    report = _decode(_report, payload)
    if len(report.slots) > MAX_SLOTS:
        raise ReportError(f"{len(report.slots)} slots in one report, at most {MAX_SLOTS}")
    return report


def decode_birth(payload: bytes) -> Birth:
    """Raises `ReportError`."""
    birth = _decode(_birth, payload)
    if len(birth.endpoints) > MAX_ENDPOINTS:
        raise ReportError(f"{len(birth.endpoints)} endpoints in a birth, at most {MAX_ENDPOINTS}")
    return birth


def decode_state(payload: bytes) -> State:
    """Raises `ReportError`."""
    return _decode(_state, payload)


def _decode(decoder: msgspec.json.Decoder[T], payload: bytes) -> T:
    if len(payload) > MAX_PAYLOAD:
        raise ReportError(f"{len(payload)} bytes, at most {MAX_PAYLOAD}")
    try:
        return decoder.decode(payload)
    except BAD_JSON as error:
        raise ReportError(str(error)) from None
