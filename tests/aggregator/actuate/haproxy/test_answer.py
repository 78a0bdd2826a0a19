"""What an agent-check is answered. Invariant: a node is out only by a withdrawal in force; whatever is
not known is in service."""

from __future__ import annotations

import pytest

from coalmine_aggregator.actuate.haproxy.answer import answer, split_name
from coalmine_aggregator.model.withdrawal import Mode, Phase
from coalmine_wire.agent_check import UP
from tests.aggregator.actuate.words import withdrawal, word


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("ingest/web-3", ("ingest", "web-3")),
        ("ingest", ("", "")),
        ("", ("", "")),
        ("/", ("", "")),
        ("ingest/", ("", "")),
        ("/web-3", ("", "")),
        ("a/b/c", ("", "")),
    ],
)
def test_names(name: str, parts: tuple[str, str]) -> None:
    assert split_name(name) == parts


def test_answers() -> None:
    wanted = word(withdrawal("web-1", Phase.DRAIN), withdrawal("web-2"))
    assert [answer(wanted, f"web-{number}") for number in (1, 2, 3)] == ["up 0%", "down #coalmine", UP]
    assert answer(wanted, "nobody") == answer(wanted, "") == answer(None, "web-2") == UP


@pytest.mark.parametrize("mode", [Mode.DRY_RUN, Mode.STOPPED])
def test_where_nobody_acts_all_are_up(mode: Mode) -> None:
    assert answer(word("web-2", mode=mode), "web-2") == UP
