"""What the agent counts, and how Prometheus reads it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from coalmine_agent.exposition import Exposition
from coalmine_agent.plan import EndpointPlan
from coalmine_agent.telemetry import BOUNDS_US, Telemetry, bucket
from coalmine_wire.protocols import Protocol
from coalmine_wire.reports import Outcome, SlotReport, Step, Verdict

PLANS = [EndpointPlan("s", protocol, "", "h", 1, "n", 0) for protocol in (Protocol.TCP, Protocol.TLS)]


def samples(telemetry: Telemetry) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    out = Exposition()
    telemetry.expose(out)
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(out.text())
        for sample in family.samples
    }


# The bucket of a time is the first whose bound is not below it.
@given(st.integers(0, 5_000_000))
def test_buckets(micros: int) -> None:
    index = bucket(micros)
    assert index == len(BOUNDS_US) or micros <= BOUNDS_US[index]
    assert index == 0 or micros > BOUNDS_US[index - 1]


def test_attempts_steps_and_impairments_are_counted_by_protocol() -> None:
    telemetry = Telemetry()
    outcomes = [
        Outcome(0, Verdict.SENT, None, (-1, 100, -1, 2_000_000)),
        Outcome(1, Verdict.ABANDONED, Step.TLS, (50, 60)),
    ]
    skipped = [Outcome(0, Verdict.SKIPPED), Outcome(1, Verdict.SKIPPED)]
    assert telemetry.slot(PLANS, SlotReport(10, outcomes, ["loop_lag", "new_reason"]))
    assert not telemetry.slot(PLANS, SlotReport(11, skipped))
    found = samples(telemetry)

    def value(name: str, **labels: str) -> float:
        return found[f"coalmine_agent_{name}", frozenset(labels.items())]

    assert value("attempts_total", protocol="tcp", verdict="sent") == 1
    assert value("attempts_total", protocol="tls", verdict="abandoned") == 1
    assert value("attempts_total", protocol="tls", verdict="skipped") == 1
    assert value("step_seconds_bucket", protocol="tcp", step="connect", le="6.4e-05") == 0
    assert value("step_seconds_bucket", protocol="tcp", step="connect", le="0.000128") == 1
    assert value("step_seconds_count", protocol="tcp", step="send") == 1
    assert value("step_seconds_sum", protocol="tcp", step="send") == 2
    assert value("step_seconds_bucket", protocol="tcp", step="send", le="+Inf") == 1
    assert value("slots_impaired_total", reason="loop_lag") == 1
    assert value("slots_impaired_total", reason="other") == 1
    assert value("slots_total") == 2
    assert value("last_slot_seconds") == 10
    assert telemetry.last_slot == 10


def test_a_clock_that_was_set_back_is_followed() -> None:
    telemetry = Telemetry()
    for slot in (1000, 10):
        assert telemetry.slot(PLANS, SlotReport(slot, [Outcome(0, Verdict.SENT)]))
        assert telemetry.last_slot == slot


def test_labels_are_escaped() -> None:
    out = Exposition()
    out.gauge("g", "doc", ({"l": 'a"b\\c\nd'}, 1.5))
    (family,) = text_string_to_metric_families(out.text())
    assert family.samples[0].labels == {"l": 'a"b\\c\nd'}
    assert family.samples[0].value == 1.5
