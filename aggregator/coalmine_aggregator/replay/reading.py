"""Scenario files: read, bound, and checked against the fleet that they describe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from coalmine_aggregator.replay.effects import OF_AGENTS, Effect, Fault
from coalmine_aggregator.replay.fleet import FleetError, SimulatedFleet
from coalmine_aggregator.replay.scenario import Scenario
from coalmine_aggregator.replay.timing import DRAIN_S, EPOCH, slots_between
from coalmine_runtime.config_error import ConfigError, Problem, nearest
from coalmine_runtime.settings import bind as bind
from coalmine_runtime.yaml_tree import Node, parse_tree, read_tree


class Loaded(NamedTuple):
    """A scenario that holds together, its fleet, and the lines of its expected alerts."""

    file: str
    scenario: Scenario
    fleet: SimulatedFleet
    alert_lines: tuple[int, ...]


class _Finding(NamedTuple):
    """Something wrong at a path of keys and indices."""

    path: tuple[str | int, ...]
    what: str


def read_scenario(path: Path | str, env: Mapping[str, str]) -> Loaded:
    """The scenario in a file. Raises `ConfigError` with every problem found."""
    path = Path(path)
    return _loaded(read_tree(path, env), str(path), path.parent)


def parse_scenario(text: str, file: str = "<text>") -> Loaded:
    """The scenario in a text. Raises `ConfigError`."""
    return _loaded(parse_tree(text, file, {}), file, Path())


def _loaded(tree: Node, file: str, folder: Path) -> Loaded:
    tree = _with_lists(tree)
    scenario = bind(Scenario, tree, file, folder)
    try:
        fleet = SimulatedFleet(scenario.fleet, EPOCH)
    except FleetError as error:
        raise ConfigError([_problem(tree, file, _Finding(("fleet",), str(error)))]) from None
    findings = list(_findings(scenario, fleet))
    if findings:
        problems = [_problem(tree, file, finding) for finding in findings]
        raise ConfigError(sorted(problems, key=lambda problem: problem.line))
    lines = tuple(_line(tree, ("expect", "alerts", at)) for at in range(len(scenario.expect.alerts)))
    return Loaded(file, scenario, fleet, lines)


def _with_lists(tree: Node) -> Node:
    """The tree with each value under a `where` as a list: one value may stand by itself."""
    entries = tree.entries or {}
    faults = entries.get("faults")
    if faults is None or faults.items is None:
        return tree
    items = [_fault_with_lists(fault) for fault in faults.items]
    return tree._replace(entries={**entries, "faults": faults._replace(items=items)})


def _fault_with_lists(fault: Node) -> Node:
    entries = fault.entries or {}
    where = entries.get("where")
    if where is None or where.entries is None:
        return fault
    lists = {
        label: node if node.text is None else Node(node.line, items=[node])
        for label, node in where.entries.items()
    }
    return fault._replace(entries={**entries, "where": where._replace(entries=lists)})


def _findings(scenario: Scenario, fleet: SimulatedFleet) -> Iterator[_Finding]:
    for at, fault in enumerate(scenario.faults):
        yield from _about_fault(("faults", at), fault, scenario, fleet)
    known = scenario.fleet.services
    for at, name in enumerate(scenario.remediation.services):
        if name not in known:
            what = f'no service "{name}" in the fleet{nearest(name, known)}'
            yield _Finding(("remediation", "services", at), what)
    nodes = fleet.values("node")
    for path, node in _nodes_named(scenario):
        if node not in nodes:
            yield _Finding(path, f'no node "{node}" in the fleet{nearest(node, nodes)}')
    for at, control in enumerate(scenario.controls):
        if control.service and control.service not in known:
            what = f'no service "{control.service}" in the fleet{nearest(control.service, known)}'
            yield _Finding(("controls", at, "service"), what)
    for at, alert in enumerate(scenario.expect.alerts):
        path = ("expect", "alerts", at)
        if alert.service not in known:
            what = f'no service "{alert.service}" in the fleet{nearest(alert.service, known)}'
            yield _Finding((*path, "service"), what)
        for label, value in alert.wanted or ():
            values = fleet.values(label)
            if value not in values:
                what = f'nothing in the fleet has {label} "{value}"{nearest(value, values)}'
                yield _Finding((*path, "scope", label), what)
        for key, moment in (("opens", alert.opens), ("closes", alert.closes)):
            if moment is not None and moment.after > scenario.duration + DRAIN_S:
                yield _Finding((*path, key), f"the scenario ends at {scenario.duration:g} s")
        if alert.closes is not None:
            ends = alert.closes.after + alert.closes.within
            if ends < alert.opens.after:
                yield _Finding((*path, "closes"), "closes before it opens")


def _nodes_named(scenario: Scenario) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Where nodes are named that the fleet must have."""
    for at, control in enumerate(scenario.controls):
        if control.node:
            yield ("controls", at, "node"), control.node
    expect = scenario.expect.remediation
    if expect is None:
        return
    lists = {"withdrawn": expect.withdrawn, "restored": expect.restored, "reverted": expect.reverted}
    for key, nodes in lists.items():
        for at, node in enumerate(nodes or ()):
            yield ("expect", "remediation", key, at), node
    for rail, nodes in expect.held.items():
        for at, node in enumerate(nodes):
            yield ("expect", "remediation", "held", rail, at), node


def _about_fault(
    path: tuple[str | int, ...], fault: Fault, scenario: Scenario, fleet: SimulatedFleet
) -> Iterator[_Finding]:
    if fault.from_ >= scenario.duration:
        yield _Finding((*path, "from"), f"begins after the scenario's {scenario.duration:g} s")
    elif fault.effect is not Effect.AGGREGATOR_DOWN and not slots_between(fault.from_, fault.to):
        yield _Finding((*path, "to"), f"no slot begins from {fault.from_:g} to {fault.to:g}")
    unknown = False
    for label, wanted in fault.where.labels().items():
        values = fleet.values(label)
        for value in wanted:
            if value not in values:
                unknown = True
                what = f'nothing in the fleet has {label} "{value}"{nearest(value, values)}'
                yield _Finding((*path, "where", label), what)
    if unknown:
        return
    matching = fleet.matching(fault.where)
    agents = set(fleet.agent_of[matching].tolist())
    if fault.effect in OF_AGENTS:
        agents = set(fleet.agents_matching(fault.where).nonzero()[0].tolist())
    if not agents:
        yield _Finding((*path, "where"), "nothing in the fleet has all of these labels")
    elif fault.hosts is not None and fault.hosts > len(agents):
        yield _Finding((*path, "hosts"), f"{fault.hosts} of {len(agents)} hosts")


def _problem(tree: Node, file: str, finding: _Finding) -> Problem:
    key = ""
    for part in finding.path:
        key += f"[{part}]" if isinstance(part, int) else f".{part}" if key else part
    return Problem(file, _line(tree, finding.path), key, finding.what)


def _line(tree: Node, path: tuple[str | int, ...]) -> int:
    """The line of what stands at `path`, or of what is nearest above it."""
    node, line = tree, tree.line
    for part in path:
        if isinstance(part, int):
            if node.items is None or part >= len(node.items):
                break
            node = node.items[part]
            line = node.line
        else:
            entries, lines = node.entries or {}, node.lines or {}
            if part not in entries:
                break
            node, line = entries[part], lines[part]
    return line
