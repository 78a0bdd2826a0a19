"""The full state as a JSON document, for whoever brings it further. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from coalmine_aggregator.model.figures import utc
from coalmine_aggregator.model.withdrawal import Held, Wanted, Withdrawal
from coalmine_aggregator.notify.plain import cut, one_line

MAX_TEXT = 500
"""Characters of a sentence."""

MAX_HELD = 200
"""Nodes that a rail holds are told up to so many a service; they serve, and are among `serving`."""


def state_document(words: Mapping[str, Wanted], fleet: str, at: float) -> bytes:
    """`{"type": "remediation.state", "timestamp": ..., "data": {"fleet": ..., "services": [...]}}`.

    Each service has `withdrawn`, those who shall get no traffic, and `serving`, all others; `decided`
    are withdrawals that are only shown, in a dry run. Fields are only ever added.
    """
    services = [_service(words[name]) for name in sorted(words)]
    return _document("remediation.state", fleet, at, services)


def cleared_document(fleet: str, at: float) -> bytes:
    """The same without any service, of type `remediation.cleared`: every withdrawal is over."""
    return _document("remediation.cleared", fleet, at, [])


def _document(kind: str, fleet: str, at: float, services: list[dict[str, Any]]) -> bytes:
    data = {"fleet": fleet, "services": services}
    return msgspec.json.encode({"type": kind, "timestamp": utc(_milliseconds(at)), "data": data})


def _service(word: Wanted) -> dict[str, Any]:
    return {
        "service": word.service,
        "mode": str(word.mode),
        "at": utc(_milliseconds(word.at)),
        "lease_s": word.lease_s,
        "until": utc(_milliseconds(word.at + word.lease_s)),
        "withdrawn": [_withdrawal(each) for each in word.effective],
        "serving": list(word.serving),
        "decided": [] if word.effective else [_withdrawal(each) for each in word.out],
        "held": [_held(each) for each in word.held[:MAX_HELD]],
        "frozen": _text(word.frozen),
    }


def _withdrawal(out: Withdrawal) -> dict[str, Any]:
    return {
        "node": out.node,
        "zone": out.zone,
        "phase": str(out.phase),
        "since": utc(_milliseconds(out.since)),
        "hold_until": utc(_milliseconds(out.hold_until)),
        "repeats": out.repeats,
        "why": _text(out.why),
        "by": _text(out.by),
    }


def _held(held: Held) -> dict[str, Any]:
    return {"node": held.node, "rail": held.rail, "text": _text(held.text)}


def _text(text: str) -> str:
    return cut(one_line(text), MAX_TEXT)


def _milliseconds(at: float) -> float:
    return round(at, 3)
