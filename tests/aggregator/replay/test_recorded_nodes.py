"""Recorded minutes by series: as they were, and none passed over in which a node failed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coalmine_aggregator.engine import Engine, Tick
from coalmine_aggregator.history.exceptions import Seconds
from coalmine_aggregator.ledger.series import AllSeries
from coalmine_aggregator.model.endings import PLAIN_ENDING, ending_of
from coalmine_aggregator.model.fates import Fate
from coalmine_aggregator.model.node_view import Verdict
from coalmine_aggregator.model.remediation_policy import RemediationPolicy
from coalmine_aggregator.model.slot_cells import ABSENT, SlotCells
from coalmine_aggregator.remediate.node_watch import NodeWatch
from coalmine_aggregator.replay.history import open_existing
from coalmine_aggregator.replay.recorded_nodes import FATE_OF, Quiet, SlotsByRoster
from coalmine_aggregator.replay.timing import EPOCH
from coalmine_aggregator.store.recorded_series import RecordedMinute, RecordedSeries
from coalmine_wire.protocols import Protocol
from coalmine_wire.series import NODE_VARIANT, Location, Series
from tests.aggregator.replay.recording import record
from tests.aggregator.replay.stories import story

LOST = ending_of(Fate.LOST, 0)
MINUTES = 4


def watched(nodes: int, hosts: int, protocols: int) -> AllSeries:
    """Nodes with an agent each, and hosts that look at all of them."""
    series = AllSeries()
    for node in (f"n{number}" for number in range(nodes)):
        for protocol in list(Protocol)[:protocols]:
            own = Series("ingest", protocol, "", Location.ON_MACHINE, "r", "z", node, node)
            series.add(own, control=False)
            for host in (f"i{number}" for number in range(hosts)):
                direct = own._replace(
                    variant=NODE_VARIANT + node, location=Location.INTERNAL, host=host
                )
                series.add(direct, control=False)
    return series


def minute_of(number: int, bad: np.ndarray) -> RecordedMinute:
    """A minute of bool[60, series] that were lost."""
    second, lost = np.nonzero(bad)
    slots = np.arange(60 * number, 60 * number + 60, dtype=np.int64)
    return RecordedMinute(
        number,
        slots,
        np.zeros(60, dtype=np.int64),
        np.full(60, PLAIN_ENDING, dtype=np.uint8),
        Seconds(slots[second], lost.astype(np.int32), np.full(len(lost), LOST, dtype=np.uint8)),
    )


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    loss=st.sampled_from((0.0, 0.002, 0.01, 0.04, 0.3, 1.0)),
    lasts=st.integers(1, 90),
    first=st.integers(0, 150),
    quorum=st.integers(1, 3),
    protocols=st.integers(1, 6),
    accepted=st.sampled_from((0.0001, 0.001, 0.02)),
)
def test_no_node_fails_in_what_is_passed_over(
    seed: int, loss: float, lasts: int, first: int, quorum: int, protocols: int, accepted: float
) -> None:
    rng = np.random.default_rng(seed)
    series = watched(nodes=3, hosts=3, protocols=protocols)
    node = series.codes("node") == series.code_of("node", "n1")
    bad = rng.random((60 * MINUTES, len(series))) < 0.0005
    bad[first : first + lasts, node] |= rng.random((lasts, int(node.sum()))) < loss
    watch = NodeWatch("ingest", accepted, RemediationPolicy(quorum=quorum))
    watch.learn(series)
    quiet, everybody = Quiet(series, accepted, quorum), np.ones(len(series), dtype=np.bool_)
    slots = SlotsByRoster(series, lambda _: everybody)
    had_failed, before = False, False
    for number in range(MINUTES):
        minute = minute_of(number, bad[60 * number : 60 * number + 60])
        busy = quiet.busy(minute, len(series))
        for cells in slots.slots(minute):
            watch.settle(cells)
            views = watch.views(cells.slot)
            assert views is not None
            failed = any(view.verdict is Verdict.FAILED for view in views)
            # One that has failed is seen to until it is well.
            assert not failed or had_failed or busy or before
            had_failed |= failed
        before = busy


def test_a_wide_loss_is_looked_at() -> None:
    series = watched(nodes=3, hosts=3, protocols=2)
    quiet = Quiet(series, 0.001, 2)
    calm = np.zeros((60, len(series)), dtype=np.bool_)
    assert not quiet.busy(minute_of(0, calm), len(series))
    lossy = calm.copy()
    lossy[:21, 0] = True
    assert quiet.busy(minute_of(1, lossy), len(series))
    failed = minute_of(2, calm)._replace(usual=np.full(60, LOST, dtype=np.uint8))
    assert quiet.busy(failed, len(series))


def test_who_was_not_expected_is_absent() -> None:
    series = watched(nodes=1, hosts=1, protocols=1)
    rosters = {0: np.array([True, True]), 1: np.array([False, True]), 2: np.zeros(0, dtype=np.bool_)}
    minute = minute_of(0, np.zeros((60, 2), dtype=np.bool_))
    minute = minute._replace(roster=np.repeat(np.array([0, 1, 2]), 20))
    cells = list(SlotsByRoster(series, rosters.__getitem__).slots(minute))
    assert [cells[at].fates.tolist() for at in (0, 20, 40)] == [[0, 0], [ABSENT, 0], [ABSENT, ABSENT]]
    assert cells[0].expected is cells[19].expected is not cells[20].expected


FAULTS = """\
  - {from: 40, to: 70, where: {protocol: udp}, effect: failed}
  - {from: 50, to: 90, where: {node: dc-a-1}, effect: lost, fraction: 0.4}
  - {from: 60, to: 80, where: {zone: eu-1}, effect: agent_silent}
"""


async def test_a_store_gives_back_what_the_engine_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    had: dict[int, dict[str, int]] = {}
    take = Engine.tick

    def tick(engine: Engine, now: float) -> Tick:
        done = take(engine, now)
        for each in done.slots:
            mask = each.expected.mask()
            fates = np.where(mask, FATE_OF[each.usual], ABSENT)
            fates[each.ids] = FATE_OF[each.endings]
            had[each.slot] = {
                engine.series_names[at]: int(fates[at]) for at in np.flatnonzero(mask).tolist()
            }
        return done

    monkeypatch.setattr(Engine, "tick", tick)
    url = f"sqlite:///{tmp_path}/history.db"
    await record(story(FAULTS, seconds=130), url, monkeypatch)
    engine = open_existing(url)
    with engine.connect() as connection:
        recorded = RecordedSeries(connection, "ingest")
        assert recorded.bounds(connection) == (EPOCH // 60, (EPOCH + 129) // 60)
        minutes = recorded.minutes(connection, EPOCH // 60, EPOCH // 60 + 3)
        assert recorded.minutes(connection, 0, 10) == []
        recorded.minutes(connection, EPOCH // 60, EPOCH // 60 + 3)
        slots = SlotsByRoster(recorded.series, recorded.roster)
        found: list[SlotCells] = [cells for minute in minutes for cells in slots.slots(minute)]
        nobody = RecordedSeries(connection, "nothing")
        assert (len(nobody.series), nobody.bounds(connection)) == (0, None)
    engine.dispose()
    assert [cells.slot for cells in found] == list(range(EPOCH, EPOCH + 130))
    for cells in found:
        named = zip(recorded.series.names, cells.fates.tolist(), strict=True)
        assert {name: fate for name, fate in named if fate != ABSENT} == had[cells.slot]
