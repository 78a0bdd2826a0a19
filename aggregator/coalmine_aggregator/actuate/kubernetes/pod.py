"""Pods, as the API lists them, and what is read of them. Pure."""

from __future__ import annotations

import datetime
from typing import NamedTuple

import msgspec

from coalmine_aggregator.actuate.kubernetes.settings import NodeFrom
from coalmine_wire.bad_json import BAD_JSON
from coalmine_wire.series import escape

TRUE, FALSE, MISSING = "True", "False", ""

_OVER = frozenset({"Succeeded", "Failed"})


class Pod(NamedTuple):
    """One that runs, or soon will. `node` is the node of ours that it is, empty where nothing names it;
    `gated` whether its readiness waits for our condition, `in_service` that condition, empty while it
    is missing; `told_at` when it was last told, seconds since the epoch, None where that is unknown."""

    name: str
    uid: str
    node: str
    gated: bool
    in_service: str
    told_at: float | None
    ready: bool


class Page(NamedTuple):
    """A part of a list; `rest` asks for the next one, empty after the last."""

    pods: list[Pod]
    rest: str


class _Camel(msgspec.Struct, rename="camel"):
    pass


class _Condition(_Camel):
    type: str
    status: str = ""
    last_probe_time: str | None = None


class _Gate(_Camel):
    condition_type: str = ""


class _Spec(_Camel):
    node_name: str = ""
    readiness_gates: list[_Gate] = []


class _Status(_Camel):
    phase: str = ""
    conditions: list[_Condition] = []


class _Meta(_Camel):
    name: str
    uid: str
    labels: dict[str, str] = {}
    deletion_timestamp: str | None = None


class _Item(_Camel):
    metadata: _Meta
    spec: _Spec
    status: _Status


class _ListMeta(msgspec.Struct):
    rest: str = msgspec.field(name="continue", default="")


class _List(msgspec.Struct):
    metadata: _ListMeta
    items: list[_Item] | None = None


def read_page(body: bytes, condition: str, node_from: NodeFrom) -> Page:
    """The pods of one answer, without those that are over or about to be. Raises ValueError."""
    try:
        listed = msgspec.json.decode(body, type=_List)
    except BAD_JSON as error:
        raise ValueError(f"the API's list of pods is none: {error}") from None
    pods = [
        _pod(item, condition, node_from)
        for item in listed.items or ()
        if item.metadata.deletion_timestamp is None and item.status.phase not in _OVER
    ]
    return Page(pods, listed.metadata.rest)


def _pod(item: _Item, condition: str, node_from: NodeFrom) -> Pod:
    conditions = {each.type: each for each in item.status.conditions}
    ours, ready = conditions.get(condition), conditions.get("Ready")
    names = {
        "pod": item.metadata.name,
        "machine": item.spec.node_name,
        "label": item.metadata.labels.get(node_from.label, ""),
    }
    name = names[node_from.kind]
    return Pod(
        item.metadata.name,
        item.metadata.uid,
        escape(name) if name else "",
        any(gate.condition_type == condition for gate in item.spec.readiness_gates),
        MISSING if ours is None else ours.status,
        None if ours is None else _seconds(ours.last_probe_time),
        ready is not None and ready.status == TRUE,
    )


def _seconds(text: str | None) -> float | None:
    if not text:
        return None
    try:
        at = datetime.datetime.fromisoformat(text)
    except ValueError:
        return None
    return at.timestamp() if at.tzinfo is not None else None
