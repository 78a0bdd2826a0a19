"""Incidents and the entries of their timelines as JSON in the store. Pure.

Fields are only added: a reader gives those that an older writer left out their first meaning.
"""

from __future__ import annotations

from typing import Any

import msgspec

from coalmine_aggregator.model.alerts import AlertClass, Severity
from coalmine_aggregator.model.incident import (
    ActionItem,
    Affected,
    CellImpact,
    Entry,
    EntryKind,
    Impact,
    Incident,
    IncidentState,
    Participant,
    Postmortem,
    Publication,
)
from coalmine_aggregator.model.scopes import Scope


def encode(incident: Incident) -> str:
    """One JSON object."""
    body = incident._asdict()
    body["affected"] = [{**each._asdict(), "scope": dict(each.scope)} for each in incident.affected]
    if incident.impact is not None:
        cells = [cell._asdict() for cell in incident.impact.cells]
        body["impact"] = {**incident.impact._asdict(), "cells": cells}
    body["postmortem"] = {
        **incident.postmortem._asdict(),
        "people": [each._asdict() for each in incident.postmortem.people],
        "actions": [each._asdict() for each in incident.postmortem.actions],
    }
    return msgspec.json.encode(body).decode()


def decode(text: str) -> Incident:
    """The incident; raises ValueError, KeyError or TypeError for anything else."""
    body: dict[str, Any] = msgspec.json.decode(text)
    body["severity"] = Severity(body["severity"])
    body["state"] = IncidentState(body["state"])
    if "publication" in body:
        body["publication"] = Publication(body["publication"])
    if "affected" in body:
        body["affected"] = tuple(_affected(each) for each in body["affected"])
    if body.get("impact") is not None:
        body["impact"] = _impact(body["impact"])
    if "postmortem" in body:
        body["postmortem"] = _postmortem(body["postmortem"])
    return Incident(**_known(Incident._fields, body))


def encode_entry(entry: Entry) -> str:
    """One JSON object."""
    body = entry._asdict()
    if entry.scope is not None:
        body["scope"] = dict(entry.scope)
    return msgspec.json.encode(body).decode()


def decode_entry(text: str) -> Entry:
    """The entry; raises ValueError, KeyError or TypeError for anything else."""
    body: dict[str, Any] = msgspec.json.decode(text)
    body["kind"] = EntryKind(body["kind"])
    body["state"] = IncidentState(body["state"])
    if body.get("scope") is not None:
        body["scope"] = _scope(body["scope"])
    return Entry(**_known(Entry._fields, body))


def _affected(body: dict[str, Any]) -> Affected:
    body = {**body, "scope": _scope(body["scope"])}
    if body.get("alert_class") is not None:
        body["alert_class"] = AlertClass(body["alert_class"])
    return Affected(**_known(Affected._fields, body))


def _impact(body: dict[str, Any]) -> Impact:
    cells = tuple(CellImpact(**_known(CellImpact._fields, cell)) for cell in body["cells"])
    return Impact(**_known(Impact._fields, {**body, "cells": cells}))


def _postmortem(body: dict[str, Any]) -> Postmortem:
    people = [Participant(**_known(Participant._fields, each)) for each in body.get("people", ())]
    actions = [ActionItem(**_known(ActionItem._fields, each)) for each in body.get("actions", ())]
    return Postmortem(
        **_known(
            Postmortem._fields,
            {
                **body,
                "people": tuple(people),
                "factors": tuple(body.get("factors", ())),
                "actions": tuple(actions),
            },
        )
    )


def _scope(body: dict[str, str]) -> Scope:
    return tuple(body.items())


def _known(fields: tuple[str, ...], body: dict[str, Any]) -> dict[str, Any]:
    """What this version knows of it."""
    return {name: body[name] for name in fields if name in body}
