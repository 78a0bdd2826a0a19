"""MQTT topics: `coalmine/v1/<fleet>/agent/<id>/{birth,state,report}`, for pairs of aggregators
`coalmine/v1/<fleet>/alerts/<aggregator>` and `coalmine/v1/<fleet>/lease`, and to the nodes
`coalmine/v1/<fleet>/withdrawn/<service>`. Pure."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NamedTuple

_ID = re.compile(r"[a-z0-9_.-]{1,255}\Z")


class Kind(StrEnum):
    """What an agent publishes. Births and states are retained, reports are not."""

    BIRTH = "birth"
    STATE = "state"
    REPORT = "report"


class Topic(NamedTuple):
    """One agent's topic of one kind."""

    fleet: str
    agent: str
    kind: Kind

    def __str__(self) -> str:
        return f"coalmine/v1/{self.fleet}/agent/{self.agent}/{self.kind}"


def is_topic_part(text: str) -> bool:
    """Whether `text` can name a fleet or an agent: `[a-z0-9_.-]`, at most 255 characters."""
    return _ID.match(text) is not None


def subscription(fleet: str, kind: Kind) -> str:
    """The filter under which an aggregator hears every agent of a fleet."""
    return f"coalmine/v1/{fleet}/agent/+/{kind}"


def aggregator_topic(fleet: str, aggregator: str) -> str:
    """Where an aggregator of a pair says how it is and what it has told; retained."""
    return f"coalmine/v1/{fleet}/alerts/{aggregator}"


def lease_topic(fleet: str) -> str:
    """Where the two aggregators of a pair say which of them acts; not retained."""
    return f"coalmine/v1/{fleet}/lease"


class WithdrawnTopic(NamedTuple):
    """Where an aggregator says which nodes of a service are withdrawn; not retained."""

    fleet: str
    service: str

    def __str__(self) -> str:
        return f"coalmine/v1/{self.fleet}/withdrawn/{self.service}"


def parse_withdrawn_topic(text: str) -> WithdrawnTopic | None:
    """The service's topic that `text` is, or None where it is none of ours."""
    parts = text.split("/")
    if len(parts) != 5 or parts[0] != "coalmine" or parts[1] != "v1" or parts[3] != "withdrawn":
        return None
    fleet, service = parts[2], parts[4]
    return WithdrawnTopic(fleet, service) if is_topic_part(fleet) and is_topic_part(service) else None


def parse_topic(text: str) -> Topic | None:
    """The agent's topic that `text` is, or None where it is none of ours."""
    parts = text.split("/")
    if len(parts) != 6 or parts[0] != "coalmine" or parts[1] != "v1" or parts[3] != "agent":
        return None
    fleet, agent = parts[2], parts[4]
    if not (is_topic_part(fleet) and is_topic_part(agent)):
        return None
    try:
        return Topic(fleet, agent, Kind(parts[5]))
    except ValueError:
        return None
