"""History: what was recorded is judged as it was when it happened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from coalmine_aggregator.model.fates import FATES, Fate
from coalmine_aggregator.model.scopes import Leaf
from coalmine_aggregator.model.slot_cells import ABSENT
from coalmine_aggregator.model.slot_counts import SlotCounts
from coalmine_aggregator.replay.history import Period, open_existing, parse_time, replay_history
from coalmine_aggregator.replay.recorded import Recorded
from coalmine_aggregator.replay.timing import EPOCH
from coalmine_aggregator.settings import AggregatorSettings
from coalmine_aggregator.store.database import StoreError
from coalmine_runtime.settings import loads
from tests.aggregator.replay.recording import record
from tests.aggregator.replay.stories import SERIES, story

STORY = "  - {from: 40, to: 70, where: {protocol: udp}, effect: lost}"


def proposed(acceptable_loss: str = "0.001") -> AggregatorSettings:
    text = (
        f"services: {{ingest: {{acceptable_loss: {acceptable_loss}}}}}\nreceive: {{tcp: 127.0.0.1:0}}\n"
    )
    return loads(AggregatorSettings, text, {})


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/history.db"


def judged(url: str, first: int, end: int, settings: AggregatorSettings) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = []
    replay_history(settings, url, Period(EPOCH + first, EPOCH + end), lines.append, lambda _: None)
    return lines


COMPARED = ("event", "at", "id", "class", "service", "scope", "severity", "expected", "fates")


async def test_history_says_what_was_said(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    said = await record(story(STORY, seconds=130), url, monkeypatch)
    lines = judged(url, 0, 130, proposed())
    assert lines[-1]["fates"] == said[-1]["fates"]
    assert (lines[-1]["slots"], lines[-1]["balanced"], lines[-1]["pages"]) == (130, True, 1)
    assert lines[-1]["name"] == "2027-01-15T08:00:00Z to 2027-01-15T08:02:10Z"
    assert [{key: line[key] for key in COMPARED} for line in lines[:-1]] == [
        {key: line[key] for key in COMPARED} for line in said[:-1]
    ]
    assert [line["event"] for line in lines] == ["opened", "closed", "summary"]


async def test_another_configuration_says_something_else(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = "  - {from: 40, to: 130, effect: lost, fraction: 0.2}"
    await record(story(faults, seconds=130), url, monkeypatch)
    assert judged(url, 0, 130, proposed("0.001"))[-1]["pages"] == 1
    assert judged(url, 0, 130, proposed("0.4"))[-1]["pages"] == 0


async def test_times_are_told_from_the_start_of_the_period(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await record(story(STORY, seconds=130), url, monkeypatch)
    at = judged(url, 0, 130, proposed())[0]["at"]
    assert judged(url, 30, 130, proposed())[0]["at"] == at - 30
    assert judged(url, 0, 40, proposed())[-1]["slots"] == 40


async def test_a_hole_in_history_is_no_loss(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    await record(story(seconds=130), url, monkeypatch, without=range(20, 110))
    (summary,) = judged(url, 0, 130, proposed())
    assert summary["slots"] == 40
    assert not summary["balanced"]
    assert summary["datapoints"] == 40 * SERIES


def test_a_store_that_is_not_there_is_not_made(url: str, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"there is no .*history\.db"):
        open_existing(url)
    assert not list(tmp_path.iterdir())
    with pytest.raises(StoreError):
        open_existing("what is this")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1800000000", 1_800_000_000),
        ("2027-01-15T08:00:00Z", 1_800_000_000),
        ("2027-01-15T10:00:00+02:00", 1_800_000_000),
        ("2027-01-15 08:00", 1_800_000_000),
        ("1970-01-02", 86_400),
    ],
)
def test_times(text: str, seconds: int) -> None:
    assert parse_time(text) == seconds


def test_times_that_are_none() -> None:
    with pytest.raises(ValueError, match='not "yesterday"'):
        parse_time("yesterday")
    with pytest.raises(ValueError, match="5 is not after 5"):
        Period.parse("5", "5")


def counts(slot: int, table: dict[Leaf, dict[Fate, int]]) -> SlotCounts:
    fates = np.zeros((len(table), FATES), dtype=np.int32)
    for row, by_fate in enumerate(table.values()):
        for fate, number in by_fate.items():
            fates[row, fate] = number
    return SlotCounts(slot, tuple(table), fates[:, Fate.DELIVERED].copy(), fates)


A = Leaf("ingest", "tcp", "", "external", "us", "us-1")
B = Leaf("ingest", "udp", "node_x", "internal", "dc", "dc-a")


def test_every_datapoint_is_a_cell_of_its_leaf() -> None:
    recorded = Recorded()
    one = recorded.cells(counts(5, {A: {Fate.DELIVERED: 2, Fate.LOST: 1}, B: {Fate.UNKNOWN: 1}}))
    assert one.fates.tolist() == [Fate.DELIVERED, Fate.DELIVERED, Fate.LOST, Fate.UNKNOWN]
    assert one.received.tolist() == [True, True, False, False]
    two = recorded.cells(counts(6, {B: {Fate.LATE: 2}, A: {Fate.DELIVERED: 3}}))
    assert two.fates.tolist() == [Fate.DELIVERED] * 3 + [Fate.LATE] * 2
    assert two.expected is not one.expected
    third = counts(7, {A: {Fate.DELIVERED: 2}})
    three = recorded.cells(third)
    assert three.fates.tolist() == [Fate.DELIVERED] * 2 + [ABSENT] * 3
    four = recorded.cells(counts(8, {A: {Fate.FAILED: 2}})._replace(leaves=third.leaves))
    assert four.expected is three.expected, "the same set, of leaves that are one object as in a store"
    assert recorded.cells(counts(9, {})).fates.tolist() == [ABSENT] * 5


def test_members_have_the_labels_of_their_leaf_and_no_host() -> None:
    recorded = Recorded()
    recorded.cells(counts(5, {A: {Fate.DELIVERED: 2}, B: {Fate.DELIVERED: 1}}))
    series = recorded.series
    for label, values in (
        ("host", ["", "", ""]),
        ("node", ["", "", ""]),
        ("variant", ["", "", "node_x"]),
        ("zone", ["us-1", "us-1", "dc-a"]),
    ):
        assert [series.values(label)[code] for code in series.codes(label)] == values
