"""Scenario files: what may stand in them, and the exact error of what may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from coalmine_aggregator.model.alerts import AlertClass
from coalmine_aggregator.replay.effects import Effect
from coalmine_aggregator.replay.reading import parse_scenario, read_scenario
from coalmine_runtime.config_error import ConfigError
from coalmine_wire.series import Location
from tests.aggregator.replay.stories import FLEET, story

EVERYTHING = """\
name: everything
source: "somewhere"
duration: 10m
seed: 7
latency: 20ms
keepalive: 30
fleet:
  services:
    ingest:
      protocols: [tcp, tcp-ipv6, https]
      acceptable_loss: 0.1%
      slo: {objective: 99.9%, window: 7d}
      direct_from: [internal]
  agents:
    - {location: external, region: us, zone: us-1, count: 2}
    - {location: internal, region: dc, zone: dc-a, count: 1}
    - {location: on-machine, region: dc, zone: dc-a, count: 2}
noise:
  loss: 0.0002
  dispersion: 0.01
  bursts: {every: 300, seconds: 2, loss: 0.3, dispersion: 0.1}
faults:
  - {from: 10, to: 20, where: {protocol: tcp}, effect: lost, fraction: 0.5}
  - {from: 10, to: 20, where: {protocol: [tcp, https], zone: [us-1, dc-a]}, effect: failed, step: tls}
  - {from: 10, to: 20, effect: late, delay: replay, hosts: 2}
  - {from: 10, to: 20, effect: late, delay: 4}
  - {from: 10, to: 20, where: {node: dc-a-2}, effect: agent_silent, keepalive: 20}
  - {from: 10, to: 20, effect: clock_skew, seconds: -2.5}
  - {from: 30, to: 40, effect: aggregator_down}
detection: {false_pages_per_year: 0.5}
remediation: {services: [ingest], dry_run: false, max_fraction: 0.2, max_nodes: 3, floor: 1,
              per_minute: 1, quorum: 1, hold: 2m, lease: 30}
controls:
  - {say: stopped, from: 10, to: 20}
  - {say: pinned_out, service: ingest, node: dc-a-2, to: 15}
expect:
  alerts:
    - class: loss
      service: ingest
      scope: {}
      opens: {after: 10, within: 5}
      closes: {after: 20, within: 60}
    - {class: agents_missing, service: ingest, opens: {after: 10, within: 15}}
  no_other_pages: true
  remediation: {withdrawn: [dc-a-3], restored: [dc-a-3], reverted: [], held: {floor: [dc-a-2]},
                frozen: true}
  fates: {lost: {at_least: 1, at_most: 10}, late: {at_least: 1}}
"""


def test_every_key() -> None:
    scenario = parse_scenario(EVERYTHING).scenario
    assert (scenario.slots, scenario.seed, scenario.latency, scenario.keepalive) == (600, 7, 0.02, 30)
    ingest = scenario.fleet.services["ingest"]
    assert [tuple(name) for name in ingest.protocols] == [("tcp", ""), ("tcp", "ipv6"), ("https", "")]
    assert ingest.acceptable_loss == 0.001
    assert ingest.direct_from == [Location.INTERNAL]
    assert scenario.policies()["ingest"].objective == pytest.approx(0.999)
    assert scenario.noise.bursts is not None
    assert scenario.noise.bursts.seconds == 2
    lost, failed, replayed, late, silent, skewed, down = scenario.faults
    assert (lost.effect, lost.where.protocol, lost.share) == (Effect.LOST, ["tcp"], 0.5)
    assert failed.where.labels() == {"protocol": ["tcp", "https"], "zone": ["us-1", "dc-a"]}
    assert replayed.delay is not None
    assert (replayed.delay.seconds, replayed.hosts, replayed.share) == (None, 2, 1.0)
    assert late.delay is not None
    assert late.delay.seconds == 4
    assert (silent.keepalive, skewed.seconds) == (20, -2.5)
    assert scenario.outages() == [down]
    assert scenario.detection.false_pages_per_year == 0.5
    assert scenario.remediation.floor == 1
    assert scenario.remediation.policies()["ingest"].hold_s == 120
    stopped, pinned = scenario.controls
    assert (stopped.say, stopped.from_, pinned.from_, pinned.node) == ("stopped", 10, 0, "dc-a-2")
    loss, missing = scenario.expect.alerts
    assert (loss.class_, loss.wanted, missing.wanted) == (AlertClass.LOSS, (), None)
    assert str(loss.opens) == "10 to 15"
    assert missing.closes is None


def test_defaults_are_those_of_a_fleet_in_which_nothing_happens() -> None:
    scenario = story().scenario
    assert scenario.noise.loss == 0
    assert scenario.noise.bursts is None
    assert (scenario.latency, scenario.keepalive, scenario.faults) == (0.05, 15, [])
    assert scenario.detection.false_pages_per_year == 1
    assert scenario.expect.alerts == []
    assert not scenario.expect.no_other_pages


FAULT = "from: 1, to: 2, effect"

BAD = [
    ("  - {from: 5, to: 5, effect: lost}", "faults[0].to: ends at 5, not after it begins at 5"),
    ("  - {from: 5.1, to: 5.9, effect: lost}", "faults[0].to: no slot begins from 5.1 to 5.9"),
    ("  - {from: 40, to: 50, effect: lost}", "faults[0].from: begins after the scenario's 40 s"),
    (
        "  - {from: 1, to: 2, effect: losst}",
        (
            'faults[0].effect: "losst" is none of lost, failed, abandoned, late, duplicated, '
            "agent_silent, agent_impaired, reports_lost, clock_skew, aggregator_down; "
            'did you mean "lost"?'
        ),
    ),
    (
        "  - {from: 1, to: 2, effect: lost, fractoin: 0.5}",
        'faults[0].fractoin: unknown key; did you mean "fraction"?',
    ),
    (
        "  - {from: 1, to: 2, effect: lost, fraction: 1.5}",
        'faults[0].fraction: "1.5" is not between 0 and 100 %',
    ),
    (
        "  - {from: 1, to: 2, effect: lost, fraction: 0.5, hosts: 1}",
        'faults[0].hosts: stands instead of "fraction"; give one',
    ),
    ("  - {from: 1, to: 2, effect: lost, hosts: 7}", "faults[0].hosts: 7 of 6 hosts"),
    ("  - {from: 1, to: 2, effect: lost, hosts: 0}", "faults[0].hosts: expected at least one"),
    (
        "  - {from: 1, to: 2, effect: lost, step: tls}",
        "faults[0].step: is for the effect failed and abandoned, not for lost",
    ),
    (
        "  - {from: 1, to: 2, effect: failed, delay: 3}",
        "faults[0].delay: is for the effect late, not for failed",
    ),
    (
        "  - {from: 1, to: 2, effect: late}",
        'faults[0].delay: is missing (seconds or "replay")',
    ),
    (
        "  - {from: 1, to: 2, effect: late, delay: soon}",
        'faults[0].delay: expected seconds or "replay", not "soon"',
    ),
    (
        "  - {from: 1, to: 2, effect: clock_skew}",
        "faults[0].seconds: is missing (by how much the clocks are off)",
    ),
    (
        "  - {from: 1, to: 2, effect: clock_skew, seconds: nan}",
        'faults[0].seconds: expected a finite number, not "nan"',
    ),
    (
        "  - {from: 1, to: 2, effect: aggregator_down, where: {zone: us-1}}",
        "faults[0].where: there is one aggregator; it has no labels",
    ),
    (
        "  - {from: 1, to: 2, effect: lost, where: {zoen: us-1}}",
        'faults[0].where.zoen: unknown key; did you mean "zone"?',
    ),
    (
        "  - {from: 1, to: 2, effect: lost, where: {zone: us-2}}",
        'faults[0].where.zone: nothing in the fleet has zone "us-2"; did you mean "us-1"?',
    ),
    (
        "  - {from: 1, to: 2, effect: lost, where: {zone: us-1, region: eu}}",
        "faults[0].where: nothing in the fleet has all of these labels",
    ),
    (
        "  - {from: 1, to: 2, effect: lost, where: {node: us-1-1}}",
        'faults[0].where.node: nothing in the fleet has node "us-1-1" (known: dc-a-1, dc-a-2)',
    ),
    (
        "  - {to: 2, effect: lost}",
        "faults[0].from: is missing (When it begins, in seconds from slot 0)",
    ),
]


@pytest.mark.parametrize(("faults", "error"), BAD)
def test_a_bad_fault_is_named_with_its_line(faults: str, error: str) -> None:
    with pytest.raises(ConfigError) as caught:
        story(faults)
    line = 4 + FLEET.count("\n") + 3  # where the first fault stands
    assert str(caught.value) == f"<text>:{line}: {error}"


MORE = [
    ("noise: {los: 0.1}", 'noise.los: unknown key; did you mean "loss"?'),
    ("noise: {loss: 0.1, dispersion: 1}", "noise.dispersion: expected less than 1"),
    ("noise: {bursts: {every: 0}}", "noise.bursts.every: expected at least one second"),
    (
        "noise: {bursts: {every: 5, seconds: 6}}",
        'noise.bursts.seconds: expected 1 to 5, as "every" says',
    ),
    ("latency: 11", "latency: expected at most 10 s"),
    (
        "detection: {false_pages_a_year: 1}",
        'detection.false_pages_a_year: unknown key; did you mean "false_pages_per_year"?',
    ),
    (
        "remediation: {services: [ingets]}",
        'remediation.services[0]: no service "ingets" in the fleet; did you mean "ingest"?',
    ),
    ("remediation: {quorum: 0}", "remediation.quorum: expected at least 1"),
    ("controls: [{say: stop, to: 5}]", 'controls[0].say: "stop" is none of '),
    ("controls: [{say: stopped, from: 5, to: 5}]", "controls[0].to: expected more than from, 5 s"),
    (
        "controls: [{say: stopped, to: 5, node: dc-a-1}]",
        "controls[0].node: only pins have one",
    ),
    (
        "controls: [{say: pinned_in, to: 5, service: ingest}]",
        "controls[0].node: is missing: what is pinned?",
    ),
    (
        "controls: [{say: pinned_in, to: 5, service: ingets, node: dc-a-1}]",
        'controls[0].service: no service "ingets" in the fleet; did you mean "ingest"?',
    ),
    (
        "controls: [{say: pinned_in, to: 5, service: ingest, node: dc-a-9}]",
        'controls[0].node: no node "dc-a-9" in the fleet; did you mean "dc-a-2"?',
    ),
    (
        "expect: {remediation: {held: {floor: [dc-a-9]}}}",
        'expect.remediation.held.floor[0]: no node "dc-a-9" in the fleet; did you mean "dc-a-2"?',
    ),
    (
        "expect: {alerts: [{class: lost, service: ingest, opens: {after: 1, within: 2}}]}",
        'expect.alerts[0].class: "lost" is none of ',
    ),
    (
        "expect: {alerts: [{class: loss, service: render, opens: {after: 1, within: 2}}]}",
        'expect.alerts[0].service: no service "render" in the fleet (known: ingest)',
    ),
    (
        (
            "expect: {alerts: [{class: loss, service: ingest, scope: {proto: tcp}, "
            "opens: {after: 1, within: 2}}]}"
        ),
        'expect.alerts[0].scope.proto: no label of a scope; did you mean "protocol"?',
    ),
    (
        (
            "expect: {alerts: [{class: loss, service: ingest, scope: {protocol: tls}, "
            "opens: {after: 1, within: 2}}]}"
        ),
        'expect.alerts[0].scope.protocol: nothing in the fleet has protocol "tls" (known: https, ',
    ),
    (
        "expect: {alerts: [{class: loss, service: ingest, opens: {after: 99, within: 2}}]}",
        "expect.alerts[0].opens: the scenario ends at 40 s",
    ),
    (
        (
            "expect: {alerts: [{class: loss, service: ingest, opens: {after: 20, within: 2}, "
            "closes: {after: 5, within: 5}}]}"
        ),
        "expect.alerts[0].closes: closes before it opens",
    ),
    ("expect: {fates: {losst: {at_least: 1}}}", 'expect.fates.losst: no fate; did you mean "lost"?'),
    (
        "expect: {fates: {lost: {at_least: 2, at_most: 1}}}",
        "expect.fates.lost.at_most: 1 is less than at_least, 2",
    ),
    (
        "expect: {remediation: {withdrawn: [dc-a-3]}}",
        'expect.remediation.withdrawn[0]: no node "dc-a-3" in the fleet; did you mean "dc-a-2"?',
    ),
    ("expectation: {}", 'expectation: unknown key; did you mean "expect"?'),
]


@pytest.mark.parametrize(("more", "error"), MORE)
def test_a_bad_key_is_named_with_its_line(more: str, error: str) -> None:
    with pytest.raises(ConfigError) as caught:
        story(more=more)
    line = 4 + FLEET.count("\n") + 1
    assert str(caught.value).startswith(f"<text>:{line}: {error}")


FLEETS = [
    ("services: {}", "fleet.services: no service is watched"),
    ("services: {ingest: {protocols: []}}", "fleet.services.ingest.protocols: no protocol"),
    ("services: {ingest: {protocols: [tcp, tcp]}}", "fleet.services.ingest.protocols: names the same"),
    (
        "services: {ingest: {protocols: [ftp]}}",
        'fleet.services.ingest.protocols[0]: "ftp" is none of tcp',
    ),
    ("services: {In Gest: {protocols: [tcp]}}", "fleet.services.In Gest: has other characters"),
    (
        "services: {ingest: {protocols: [tcp], acceptable_loss: 0.9}}",
        "fleet.services.ingest.acceptable_loss: a service that may lose more than 50% needs no",
    ),
]


@pytest.mark.parametrize(("services", "error"), FLEETS)
def test_a_bad_fleet_is_named_with_its_line(services: str, error: str) -> None:
    agents = "agents: [{location: external, region: us, zone: a, count: 1}]"
    with pytest.raises(ConfigError) as caught:
        parse_scenario(f"name: n\nduration: 9\nfleet:\n  {agents}\n  {services}\n")
    assert str(caught.value).startswith(f"<text>:5: {error}")


@pytest.mark.parametrize(
    ("agents", "error"),
    [
        ("agents: []", "fleet.agents: nobody sends anything"),
        (
            "agents: [{location: external, region: us, zone: a, count: 0}]",
            "fleet.agents[0].count: expect",
        ),
        (
            "agents: [{location: moon, region: us, zone: a, count: 1}]",
            'fleet.agents[0].location: "moon"',
        ),
        (
            "agents: [{location: external, region: us, zone: A b, count: 1}]",
            "fleet.agents[0].zone: has",
        ),
        (
            "agents: [{location: external, region: us, zone: a, count: 99999}]",
            "fleet.agents[0].count: exp",
        ),
    ],
)
def test_bad_agents_are_named_with_their_line(agents: str, error: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_scenario(
            f"name: n\nduration: 9\nfleet:\n  services: {{ingest: {{protocols: [tcp]}}}}\n  {agents}\n"
        )
    assert str(caught.value).startswith(f"<text>:5: {error}")


def test_every_problem_of_a_file_is_told_in_the_order_of_lines() -> None:
    with pytest.raises(ConfigError) as caught:
        story(
            "  - {from: 1, to: 2, effect: lost, where: {zone: mars}}\n"
            "  - {from: 99, to: 100, effect: lost}"
        )
    assert [problem.key for problem in caught.value.problems] == [
        "faults[0].where.zone",
        "faults[1].from",
    ]


def test_a_file_that_is_not_there_or_no_yaml(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        read_scenario(tmp_path / "none.yaml", {})
    (tmp_path / "bad.yaml").write_text("name: [")
    with pytest.raises(ConfigError, match=r"bad\.yaml:\d+: not YAML"):
        read_scenario(tmp_path / "bad.yaml", {})
