"""Topics. Invariant: parsing what was formatted gives it back, and nothing else is one of ours."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalmine_wire.topics import (
    Kind,
    Topic,
    WithdrawnTopic,
    is_topic_part,
    parse_topic,
    parse_withdrawn_topic,
    subscription,
)

_parts = st.text("abcdefghijklmnopqrstuvwxyz0123456789_.-", min_size=1, max_size=40)


@given(_parts, _parts, st.sampled_from(Kind))
def test_parsing_a_topic_gives_it_back(fleet: str, agent: str, kind: Kind) -> None:
    topic = Topic(fleet, agent, kind)
    assert parse_topic(str(topic)) == topic


@given(st.text(max_size=80))
def test_any_text_is_a_topic_or_none(text: str) -> None:
    topic = parse_topic(text)
    assert topic is None or str(topic) == text


@given(_parts, _parts)
def test_parsing_a_topic_of_withdrawals_gives_it_back(fleet: str, service: str) -> None:
    topic = WithdrawnTopic(fleet, service)
    assert parse_withdrawn_topic(str(topic)) == topic
    assert parse_topic(str(topic)) is None


@pytest.mark.parametrize("service", ["", "+", "#", "a/b", "A"])
def test_no_filter_is_a_topic_of_withdrawals(service: str) -> None:
    assert parse_withdrawn_topic(f"coalmine/v1/f/withdrawn/{service}") is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "coalmine/v1/fleet/agent/a",
        "coalmine/v2/fleet/agent/a/birth",
        "coalmine/v1/fleet/agent/a/birth/",
        "coalmine/v1/fleet/agent//birth",
        "coalmine/v1/Fleet/agent/a/birth",
        "coalmine/v1/fleet/agent/a+/birth",
        "coalmine/v1/fleet/agent/#/birth",
        "coalmine/v1/fleet/agent/a/death",
    ],
)
def test_what_is_no_topic_of_ours(text: str) -> None:
    assert parse_topic(text) is None


def test_a_subscription_is_the_topic_with_any_agent() -> None:
    assert subscription("f", Kind.BIRTH) == str(Topic("f", "+", Kind.BIRTH))


def test_a_part_cannot_hold_a_wildcard_or_a_level() -> None:
    assert not any(is_topic_part(text) for text in ("", "a/b", "+", "#", "a b", "x" * 256))
