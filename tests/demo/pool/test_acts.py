"""How acts are written, and what is told beforehand."""

from __future__ import annotations

import pytest

from coalmine_aggregator.demo.faults import FaultError
from coalmine_aggregator.demo.pool.acts import PLAY, Act, parse_act
from coalmine_aggregator.demo.pool.configs import REMEDIATION
from coalmine_aggregator.demo.pool.layout import NAMES
from coalmine_aggregator.model.remediation_policy import RemediationPolicy


@pytest.mark.parametrize(
    ("text", "act", "words"),
    [
        ("ingest02:kill", Act(("ingest02",), "kill"), "ingest02 is killed"),
        (" ingest03:udp ", Act(("ingest03",), "udp"), "ingest03 drops UDP"),
        (
            "ingest01, ingest04:kill",
            Act(("ingest01", "ingest04"), "kill"),
            "ingest01 and ingest04 are killed",
        ),
    ],
)
def test_what_people_write(text: str, act: Act, words: str) -> None:
    assert parse_act(text) == act
    assert act.words == words
    assert parse_act(str(act)) == act


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("udp", "'udp': on a game day nodes break, for example ingest02:kill or ingest02:udp"),
        ("ingest02:tcp", "'ingest02:tcp': on a game day nodes break"),
        ("ingest2:kill", "the pool has no node 'ingest2'; did you mean \"ingest02\"?"),
        ("ingest02,ingest02:kill", "names ingest02 twice"),
        (":kill", "the pool has no node ''"),
    ],
)
def test_what_cannot_be(text: str, message: str) -> None:
    with pytest.raises(FaultError) as caught:
        parse_act(text)
    assert message in str(caught.value)


def test_more_nodes_than_may_be_out_are_those_of_acts_with_several() -> None:
    floor = REMEDIATION["floor"]
    assert isinstance(floor, int)
    assert RemediationPolicy().most_out(len(NAMES)) == 1 <= len(NAMES) - floor
    assert [act.single for act in PLAY] == [True, True, False]
    assert {act.how for act in PLAY} == {"kill", "udp"}
