"""The page and the API before the real engine, fed by hand: three agents, two minutes, one outage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
import pytest

from coalmine_aggregator.engine import Engine
from coalmine_aggregator.model.alerts import Alert
from coalmine_aggregator.model.policy import ServicePolicy
from coalmine_aggregator.model.receipts import Receipts
from coalmine_aggregator.model.views import AgentView, GroupRates, GroupSums
from coalmine_aggregator.web.answers import Fates
from coalmine_aggregator.web.cells import Status
from coalmine_aggregator.web.keys import METRICS
from coalmine_aggregator.web.options import WebOptions
from coalmine_aggregator.web.snapshot import take_snapshot
from coalmine_aggregator.web.view import Health
from coalmine_wire.protocols import Protocol
from coalmine_wire.reports import Birth, Endpoint, Outcome, Report, SlotReport, Verdict
from coalmine_wire.series import Location
from tests.aggregator.web.conftest import OpenSite
from tests.aggregator.web.fake_view import FakeView

FIRST = 1_790_000_000
REGIONS = ("eu-west-1", "us-east-1", "us-west-2")
PROTOCOLS = (Protocol.TCP, Protocol.UDP)


class EngineView(FakeView):
    """The engine where the fake has its fleet."""

    def __init__(self) -> None:
        super().__init__(now=float(FIRST))
        policy = ServicePolicy("ingest", acceptable_loss=0.001, owner="ingest-oncall")
        self.engine = Engine(
            fleet="demo", policies={"ingest": policy}, sources=["tcp", "udp"], now=self.now
        )
        self.births = [
            Birth(
                agent=f"agent-{region}",
                boot="b1",
                revision=1,
                first_slot=FIRST + 2,
                location=Location.EXTERNAL,
                region=region,
                zone=f"{region}a",
                host=f"host-{region}",
                endpoints=[
                    Endpoint("ingest", protocol, 10 * number)
                    for number, protocol in enumerate(PROTOCOLS)
                ],
            )
            for region in REGIONS
        ]
        for birth in self.births:
            self.engine.birth(birth, self.now)
        self.ids = dict(self.engine.table_changes())

    def second(self, slot: int, lost: str = "") -> None:
        """One second: every agent sends; what goes to the protocol `lost` never arrives."""
        ids = []
        for birth in self.births:
            outcomes = []
            for index, series in enumerate(birth.series()):
                outcomes.append(Outcome(index, Verdict.SENT))
                if series.protocol != lost:
                    ids.append(self.ids[series.name().encode()])
            report = Report(
                birth.agent, birth.boot, birth.revision, slot + 1.1, [SlotReport(slot, outcomes)]
            )
            self.engine.report(report, slot + 1.1)
        series_ids = np.array(ids, dtype=np.int32)
        slots = np.full(len(ids), slot, dtype=np.int64)
        self.engine.receive(Receipts(0, slot + 0.05, series_ids, slots))

    def run(self, seconds: int, lost: str = "") -> None:
        for _ in range(seconds):
            slot = int(self.now)
            if slot >= FIRST + 2:
                self.second(slot, lost)
            self.now += 1.0
            self.engine.tick(self.now)

    @property
    def settled(self) -> int:
        return self.engine.first_unsettled - 1

    def rates(
        self, by: Sequence[str], where: Mapping[str, str], first: int, last: int
    ) -> list[GroupRates]:
        return self.engine.rates(by, where, first, last)

    def recent_sums(
        self, by: Sequence[str], where: Mapping[str, str], first: int, last: int
    ) -> GroupSums | None:
        return self.engine.recent_sums(by, where, first, last)

    def agents(self, now: float) -> list[AgentView]:
        return self.engine.agents(now)

    def open_alerts(self) -> list[Alert]:
        return self.engine.open_alerts()

    def incident_of(self, alert: int) -> int:
        return 0

    def oddities(self) -> dict[str, int]:
        return self.engine.oddities()

    def health(self) -> Health:
        return Health(fleet="demo", version="0.1.0", started_at=float(FIRST), settled=self.settled)


@pytest.fixture
def view() -> EngineView:
    return EngineView()


def test_all_green(view: EngineView) -> None:
    view.run(90)
    snapshot = take_snapshot(view, WebOptions(), now=view.now, viewers=1)
    assert len(snapshot.cells) == 6
    for cell in snapshot.cells:
        assert cell.status is Status.OK
        assert cell.received == [1] * 10
    [fates] = snapshot.fates
    assert fates.balanced
    assert fates.sums.fates.delivered == fates.sums.expected == 6 * (view.settled - FIRST - 1)
    assert snapshot.agents_by_status["alive"] == 3
    assert snapshot.open == []


def test_an_outage_is_red_within_five_seconds_and_alerts_with_exact_counts(view: EngineView) -> None:
    view.run(60)
    view.run(5, lost="udp")
    snapshot = take_snapshot(view, WebOptions(), now=view.now, viewers=1)
    assert {cell.protocol for cell in snapshot.cells if cell.status is not Status.OK} == {"udp"}
    view.run(5, lost="udp")
    snapshot = take_snapshot(view, WebOptions(), now=view.now, viewers=1)
    for cell in snapshot.cells:
        assert cell.status is (Status.DOWN if cell.protocol == "udp" else Status.OK)
    [alert] = snapshot.open
    assert alert.scope["protocol"] == "udp"
    assert alert.sums.bad == alert.sums.fates.lost > 0
    assert alert.owner == "ingest-oncall"


def test_silence_is_grey_not_red(view: EngineView) -> None:
    view.run(60)
    for _ in range(20):  # nothing is sent, received or reported any more
        view.now += 1.0
        view.engine.tick(view.now)
    snapshot = take_snapshot(view, WebOptions(), now=view.now, viewers=1)
    assert {cell.status for cell in snapshot.cells} == {Status.UNKNOWN}
    [fates] = snapshot.fates
    assert fates.balanced
    assert fates.unknown_by_reason == {"silent": fates.sums.fates.unknown}


async def test_the_api_over_the_engine(view: EngineView, open_site: OpenSite) -> None:
    view.run(60)
    view.run(10, lost="udp")
    site = await open_site()
    async with site.client.get("/api/v1/fates?by=protocol,host&last=30s") as response:
        fates = msgspec.json.decode(await response.read(), type=Fates)
    assert fates.balanced
    assert fates.total.expected == 6 * 30
    lost = {tuple(group.labels.values()): group.sums.fates.lost for group in fates.groups}
    settled_in_outage = view.settled - (FIRST + 60) + 1
    for (protocol, _), number in lost.items():
        assert number == (settled_in_outage if protocol == "udp" else 0)
    assert b'fate="lost"' in site.server.app[METRICS].render(view.now)
