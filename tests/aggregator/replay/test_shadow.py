"""The shadow report: what remediation would have done is what a dry run said that it would."""

from __future__ import annotations

from pathlib import Path

import pytest

from coalmine_aggregator.model.remediation_policy import RemediationPolicy
from coalmine_aggregator.replay.history import Period
from coalmine_aggregator.replay.reading import Loaded, read_scenario
from coalmine_aggregator.replay.recorded_nodes import Quiet
from coalmine_aggregator.replay.shadow import NoServiceError, print_shadow, shadow
from coalmine_aggregator.replay.shadow_report import Freeze, Outing, ShadowReport, as_text
from coalmine_aggregator.replay.timing import EPOCH
from coalmine_aggregator.settings import AggregatorSettings
from coalmine_aggregator.store.database import StoreError
from coalmine_runtime.settings import loads
from tests.aggregator.replay.recording import record
from tests.aggregator.replay.stories import story

SCENARIOS = Path(__file__).parents[2] / "scenarios"


def rules(more: str = "services: [ingest]") -> AggregatorSettings:
    return loads(
        AggregatorSettings,
        "services: {ingest: {acceptable_loss: 0.001}}\nreceive: {tcp: 127.0.0.1:0}\n"
        f"remediation: {{{more}}}\n",
        {},
    )


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/history.db"


def scenario(name: str) -> Loaded:
    return read_scenario(SCENARIOS / f"{name}.yaml", {})


def reported(
    url: str, first: int, end: int, settings: AggregatorSettings | None = None
) -> ShadowReport:
    period = Period(EPOCH + first, EPOCH + end)
    (report,) = shadow(settings or rules(), url, period, (), lambda _: None)
    return report


async def test_it_says_what_a_dry_run_says(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    said = await record(scenario("node-flaps"), url, monkeypatch)
    report = reported(url, 0, 700)
    assert (report.seen, report.nodes) == (700, 12)
    out = [each["at"] for each in said if each["event"] == "withdrawn"]
    back = [each["at"] for each in said if each["event"] == "restored"]
    assert [(each.since - EPOCH, each.until) for each in report.outings] == [
        (since, EPOCH + until) for since, until in zip(out, back, strict=True)
    ]
    assert {each.node for each in report.outings} == {"dc1-a-3"}
    # 12 series lead to it, and of 20 bad slots 15 came after it was withdrawn; it was to be out for 60
    # slots, and then for 120, in which it was bad for another 20.
    assert [each.bad for each in report.outings[:2]] == [12 * 15, 12 * 35]
    assert [each.judged for each in report.outings[:2]] == [12 * 60, 12 * 120]
    assert report.held["hold"] == {"dc1-a-3": 4}


async def test_passing_over_quiet_minutes_changes_nothing(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await record(scenario("node-flaps"), url, monkeypatch)
    some = reported(url, 0, 700)
    monkeypatch.setattr(Quiet, "busy", lambda *_: True)
    every = reported(url, 0, 700)
    assert every.looked_at == 700
    assert some.looked_at < 700
    assert (some.outings, some.freezes) == (every.outings, every.freezes)


async def test_long_quiet_is_passed_over(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    faults = "  - {from: 3000, to: 3060, where: {node: dc-a-1}, effect: lost}"
    quorum = "remediation: {services: [ingest], quorum: 1}\nnoise: {loss: 0.001}"
    await record(story(faults, seconds=3600, more=quorum), url, monkeypatch)
    report = reported(url, 0, 3600, rules("services: [ingest], quorum: 1, floor: 1"))
    assert [each.node for each in report.outings] == ["dc-a-1"]
    assert report.seen == 3600
    assert report.looked_at < 900


async def test_a_crowd_freezes(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = scenario("rail-most_of_zone")
    await record(loaded, url, monkeypatch)
    report = reported(url, 0, 240)
    assert report.outings == []
    (freeze,) = report.freezes
    assert "2 of 12 nodes have failed" in freeze.why
    assert freeze.until is not None
    assert set(report.held) >= {"many"}


async def test_a_part_of_what_was_recorded(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    await record(scenario("node-withdrawn-and-returned"), url, monkeypatch)
    assert reported(url, 200, 260).outings == []
    report = reported(url, 10, 150)
    (outing,) = report.outings
    assert outing.until is None
    assert (report.seen, report.first) == (140, EPOCH + 10)
    assert "back: not before the end" in "\n".join(as_text(report))
    nothing = reported(url, 5_000, 6_000)
    assert (nothing.seen, nothing.outings) == (0, [])
    assert list(as_text(nothing))[-1] == "Nothing was recorded: nothing can be said."


async def test_who_did_not_opt_in_can_be_asked_for(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    await record(scenario("node-withdrawn-and-returned"), url, monkeypatch)
    period = Period(EPOCH, EPOCH + 300)
    with pytest.raises(NoServiceError, match="no service has opted in to remediation"):
        list(shadow(rules("dry_run: true"), url, period, (), lambda _: None))
    with pytest.raises(NoServiceError, match='"ingets" is no service of the configuration'):
        list(shadow(rules(), url, period, ("ingets",), lambda _: None))
    (report,) = shadow(rules("dry_run: true"), url, period, ("ingest",), lambda _: None)
    assert [each.node for each in report.outings] == ["dc1-a-3"]


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no"):
        reported(f"sqlite:///{tmp_path}/none.db", 0, 10)


async def test_it_is_printed(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    await record(scenario("node-withdrawn-and-returned"), url, monkeypatch)
    print_shadow(rules(), url, Period(EPOCH, EPOCH + 300), ())
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == (
        "ingest, 2027-01-15T08:00:00Z to 2027-01-15T08:05:00Z: 5 min, of which 100% was recorded; "
        "12 nodes"
    )
    assert "It would have withdrawn 1 node, once:" in lines


def test_the_text_of_it_all() -> None:
    report = ShadowReport("api", EPOCH, EPOCH + 86_400, RemediationPolicy(), 43_200, 600, 12)
    report.outings = [
        Outing("web-3", EPOCH + 65.0, "web-3 (own) and i1 hold it bad", EPOCH + 183.0, "well", 900, 400)
    ] * 52
    report.freezes = [Freeze(EPOCH + 500.0, "3 of 12 nodes have failed", None)]
    report.held = {"many": {f"web-{each}": 1 for each in range(10)}, "floor": {"web-1": 12}}
    lines = list(as_text(report))
    assert lines[:2] == [
        "api, 2027-01-15T08:00:00Z to 2027-01-16T08:00:00Z: 1 d, of which 50% was recorded; 12 nodes",
        (
            "Rules: quorum 2; out at once at most 10% of the nodes and of a zone, one in any case, "
            "and 10; 2 a minute; 2 must stay; out for 1 min at least"
        ),
    ]
    assert lines[3:7] == [
        "It would have withdrawn 1 node, 52 times:",
        "  web-3  2027-01-15 08:01:05  for 1 min 58 s: 400 of 900 datapoints to it were bad",
        "         out: web-3 (own) and i1 hold it bad",
        "         back: well",
    ]
    assert lines[-7:] == [
        "",
        "Too many looked bad, so that it would have withdrawn nobody, and paged, once:",
        "  2027-01-15 08:08:20  for 23 h 51 min: 3 of 12 nodes have failed",
        "",
        "Rails that held nodes which looked bad to somebody:",
        "  floor  12 times: web-1",
        "  many   10 times: web-0, web-1, web-2, web-3, web-4, web-5, web-6, web-7 and 2 more",
    ]
    assert "  and 2 times more" in lines
