"""What is told to Prometheus: what promtool accepts, exact counts, bounded labels."""

from __future__ import annotations

import math
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from coalmine_aggregator.actuate.output import Standing
from coalmine_aggregator.actuate.remediation_metrics import RemediationMetrics
from coalmine_aggregator.metrics.shared_counts import SharedCounts
from coalmine_aggregator.model.alerts import AlertClass, Severity
from coalmine_aggregator.model.fates import Fate
from coalmine_aggregator.model.remediation_event import RemediationKind
from coalmine_aggregator.model.withdrawal import Held, Mode, Phase, Wanted, Withdrawal
from coalmine_aggregator.notify.heartbeat import Heartbeat
from coalmine_aggregator.notify.heartbeat_metrics import HeartbeatMetrics
from coalmine_aggregator.notify.heartbeat_settings import HeartbeatSettings
from coalmine_aggregator.notify.pulse import Pulse
from coalmine_aggregator.pair.pair import HEARD_S, Pair
from coalmine_aggregator.pair.word import Life, Word
from coalmine_aggregator.reading.readers import Readers
from coalmine_aggregator.web import metrics
from coalmine_aggregator.web.keys import METRICS, PULSE
from coalmine_aggregator.web.pair_metrics import PairMetrics
from coalmine_aggregator.web.reader_metrics import ReaderMetrics
from coalmine_aggregator.web.view import Check
from coalmine_runtime.settings import loads
from tests.aggregator.web.conftest import Site
from tests.aggregator.web.fake_view import FakeSlo, Trouble, make_alert
from tests.servers.process import executable


def scrape(site: Site) -> str:
    return site.server.app[METRICS].render(site.view.now).decode()


def value(text: str, name: str, **labels: str) -> float:
    """The sum of the samples of `name` that carry these labels."""
    total = 0.0
    for sample in re.finditer(rf"^{name}(?:\{{(.*?)\}})? ([0-9.e+-]+)$", text, re.MULTILINE):
        found = dict(re.findall(r'(\w+)="(.*?)"', sample[1] or ""))
        if all(found.get(label) == wanted for label, wanted in labels.items()):
            total += float(sample[2])
    return total


ASKED = """
from coalmine_aggregator.metrics import questions
questions.ended("rates", questions.Result.ANSWERED, 0.01)
"""


class Acting:
    """Remediation with one node out, as one output has confirmed."""

    services = ("ingest",)
    holds, is_stopped = True, False
    events: Mapping[tuple[str, RemediationKind], int] = {("ingest", RemediationKind.WITHDRAWN): 1}

    @property
    def wanted(self) -> Mapping[str, Wanted]:
        out = Withdrawal("ingest", "web-1", "a", 0.0, Phase.DOWN, 60.0, 0, "it failed")
        held = Held("web-2", "floor", "2 nodes must stay")
        word = Wanted(
            "ingest", 0.0, 20.0, Mode.ACTING, ("web-1", "web-2", "web-3"), out=(out,), held=(held,)
        )
        return {"ingest": word}

    def standings(self) -> Sequence[Standing]:
        return [Standing("nodes", {"ingest": ("web-1",)}, 0.0, "")]


HEARTBEAT = "{url: 'https://hc-ping.com/6d1f', every: 30s}"


def scrape_all(site: Site, folder: Path) -> str:
    """With what other processes counted, the readers' owner, a heartbeat, a pair and remediation."""
    counts = SharedCounts(folder)
    subprocess.run([sys.executable, "-c", ASKED], env=os.environ | counts.environment, check=True)
    readers = ReaderMetrics(Readers("nothing", "sqlite://"))
    beats = HeartbeatMetrics(Heartbeat(loads(HeartbeatSettings, HEARTBEAT, {}), Pulse()))
    peer = PairMetrics(Pair("a", "b", site.view.now), lambda: 0, lambda: site.view.now)
    acts = RemediationMetrics(Acting(), lambda: site.view.now)
    others = [counts, readers, beats, peer, acts]
    whole = metrics.Metrics(site.view, site.server.app[PULSE].feed, others)
    return whole.render(site.view.now).decode()


def complaints(text: str) -> str:
    """What `promtool check metrics` says of an exposition."""
    argv = [executable("promtool", "prometheus"), "check", "metrics"]
    done = subprocess.run(argv, input=text, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


async def test_promtool_finds_nothing_to_complain_of(site: Site, tmp_path: Path) -> None:
    site.view.alerts = [make_alert(1)]
    site.view.rejects = {("tcp", "not_a_line"): 3}
    site.view.odd = {"duplicates": 2}
    site.beat(3)
    assert complaints(scrape_all(site, tmp_path)) == ""


async def test_the_docs_name_every_metric_and_no_other(site: Site, tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "prometheus.md").read_text()
    told = dict(re.findall(r"^\| `(coalmine_\w+)` \| (\w+) \|", page, re.MULTILINE))
    assert f"beyond {metrics.MAX_GROUPS:,} groups" in page
    site.view.odd = {"duplicates": 1}
    exposed = {
        family.name + "_total" * (family.type == "counter"): family.type
        for family in text_string_to_metric_families(scrape_all(site, tmp_path))
        if family.name.startswith("coalmine_")
    }
    assert told == exposed


async def test_the_newest_minute_and_second(site: Site) -> None:
    site.view.troubles = [Trouble(where={"protocol": "udp"}, first=site.view.settled - 9)]
    text = scrape(site)
    assert value(text, "coalmine_recent_datapoints", protocol="udp", fate="lost") == 130
    assert value(text, "coalmine_recent_datapoints") == 78 * 60
    assert value(text, "coalmine_received_datapoints", protocol="udp") == 0
    assert value(text, "coalmine_received_datapoints", protocol="tcp", region="us-east-1") == 4
    assert value(text, "coalmine_expected_datapoints", protocol="udp") == 13


async def test_counters_count_each_slot_once_and_only_when_it_is_final(site: Site) -> None:
    site.beat()
    before = scrape(site)
    slot = site.view.settled + 1
    site.view.troubles = [Trouble(where={"protocol": "udp"}, first=slot, last=slot, fate=Fate.LATE)]
    site.beat(metrics.FINAL_AFTER_S)
    early = scrape(site)
    assert value(early, "coalmine_datapoints_total", fate="late") == 0
    # A report that came late changes the fate before it is counted.
    site.view.troubles = [Trouble(where={"protocol": "udp"}, first=slot, last=slot)]
    site.beat(5)
    text = scrape(site)
    assert value(text, "coalmine_datapoints_total", fate="lost") == 13
    assert value(text, "coalmine_datapoints_total", fate="late") == 0
    passed = metrics.FINAL_AFTER_S + 5
    counted = value(text, "coalmine_datapoints_total") - value(before, "coalmine_datapoints_total")
    assert counted == 78 * passed


async def test_labels_are_bounded(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "MAX_GROUPS", 5)
    text = scrape(site)
    groups = set(re.findall(r'coalmine_recent_datapoints\{(.*?),region="(.*?)",service', text))
    assert len({region for _, region in groups}) <= 6
    assert value(text, "coalmine_recent_datapoints") == 78 * 60, "nothing is left out of the sum"
    assert value(text, "coalmine_recent_datapoints", service=metrics.OTHER) > 0


async def test_label_values_are_escaped(site: Site) -> None:
    site.view.rejects = {("tcp", 'a"b\nc\\'): 1}
    assert r'reason="a\"b\nc\\"' in scrape(site)


async def test_what_else_is_told(site: Site) -> None:
    site.view.checks = [Check(name="broker", ok=False, detail="refused")]
    text = scrape(site)
    assert value(text, "coalmine_ready", check="broker") == 0
    assert value(text, "coalmine_queue_items", queue="store") == 2
    assert value(text, "coalmine_agents", status="alive") == 13
    assert value(text, "coalmine_receipts_total", source="tcp") == 1200
    assert value(text, "coalmine_settled_slot_timestamp_seconds") == site.view.settled


def test_the_other_aggregator_is_up_while_it_is_heard_of_and_well() -> None:
    now = 1_000.0
    pair = Pair("a", "b", now)
    registry = CollectorRegistry()
    registry.register(PairMetrics(pair, lambda: 3, lambda: now))

    def seen() -> tuple[float, float]:
        text = generate_latest(registry).decode()
        assert value(text, "coalmine_peer_waiting_notices", peer="b") == 3
        unheard_s = value(text, "coalmine_peer_unheard_seconds", peer="b")
        return value(text, "coalmine_peer_up", peer="b"), unheard_s

    now += 2
    assert seen() == (0, 2)
    pair.hear(Word("b", Life.RUNNING, sent_at=now, settled=int(now) - 2), now)
    assert seen() == (1, 0)
    now += HEARD_S
    assert seen() == (1, HEARD_S)
    now += 0.5
    assert seen() == (0, HEARD_S + 0.5)
    pair.hear(Word("b", Life.STOPPED), now)
    assert seen()[0] == 0


async def test_error_budgets(site: Site) -> None:
    site.view.objectives = {
        "ingest": FakeSlo(),
        "logs": FakeSlo(left=-0.25, burn={"1h": 14.4, "5m": math.inf}),
        "new": FakeSlo(left=math.nan, burn={}),
    }
    text = scrape(site)
    assert value(text, "coalmine_error_budget_left", service="ingest") == 0.6
    assert 'coalmine_error_budget_left{service="logs"} -0.25' in text
    assert value(text, "coalmine_burn_rate", service="ingest", window="6h") == 1.2
    assert value(text, "coalmine_burn_rate", service="logs") == 14.4
    assert 'window="3d"' not in text, "what cannot be said is left out"
    assert "NaN" not in text
    assert "Inf" not in text


async def test_open_alerts_by_class_and_severity(site: Site) -> None:
    site.view.alerts = [
        make_alert(1),
        make_alert(2, alert_class=AlertClass.SLOW, severity=Severity.TICKET),
        make_alert(3, alert_class=AlertClass.SLOW, severity=Severity.TICKET),
    ]
    text = scrape(site)
    assert value(text, "coalmine_open_alerts", **{"class": "loss", "severity": "page"}) == 1
    assert value(text, "coalmine_open_alerts", **{"class": "slow", "severity": "ticket"}) == 2
