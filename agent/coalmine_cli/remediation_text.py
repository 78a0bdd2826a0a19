"""Remediation laid out for a terminal of 80 columns. Pure. Times are UTC."""

from __future__ import annotations

from typing import Final

from coalmine_cli.alert_text import length, moment
from coalmine_cli.incident_text import wrapped
from coalmine_cli.text_table import columns
from coalmine_cli.told_remediation import (
    Event,
    Log,
    Node,
    Output,
    Pin,
    Remediation,
    Service,
    Sight,
    Withdrawal,
)

_MODES: Final = {"dry_run": "dry run", "standby": "standing by"}
_KINDS: Final = {"restored": "returned", "verified": "helped", "thawed": "no longer frozen"}
_MAX_NAMES: Final = 5


def status_text(told: Remediation, *, every: bool) -> list[str]:
    """The sentence, then each service with the nodes that stand out (or all), then the outputs."""
    lines = line_text(told)
    if told.peer:
        acts = "This aggregator acts" if told.holder else "This aggregator stands by"
        lines += wrapped(f"{acts}; the other of the pair is {told.peer}.", "")
    for service in told.services:
        lines += ["", *_service(service, told, every=every)]
    lines.append("")
    if told.outputs:
        return lines + _outputs(told.outputs, told.now)
    return [*lines, "No output is configured: nothing of this is in force anywhere."]


def line_text(told: Remediation) -> list[str]:
    """How it stands, in one sentence."""
    line = told.line
    since = ""
    if line.since is not None:
        since = f", since {moment(line.since)} UTC ({length(told.now - line.since)})"
    return wrapped(f"{line.text}{since}{f': {line.why}' if line.why else '.'}", "")


def log_text(told: Log) -> list[str]:
    """The newest first, each with its evidence."""
    if not told.events:
        return ["Nothing was done."]
    lines: list[str] = []
    for event in told.events:
        lines += _event(event)
    if told.next_ is not None:
        lines += ["", "There is more: narrow it down, or ask for more with --limit."]
    return lines


def pin_text(pin: Pin) -> str:
    """`ingest01 of ingest is pinned out by anna since ...: new disks`."""
    since = f"since {moment(pin.at)} UTC"
    return f"{pin.node} of {pin.service} is pinned {pin.state} by {pin.by} {since}: {pin.why}"


def _service(service: Service, told: Remediation, *, every: bool) -> list[str]:
    rules = service.rules
    most = "" if rules.most_out is None else f", at most {rules.most_out} out"
    mode = _MODES.get(service.mode, service.mode)
    count = f"{service.nodes_total} node{'s' * (service.nodes_total != 1)}"
    lines = wrapped(f"{service.service}: {mode}, {count}{most}, {rules.floor} stay at least", "")
    if service.frozen:
        lines += wrapped(f"frozen: {service.frozen}", "  ")
    if not service.nodes_total:
        return lines + wrapped("nobody knows its nodes yet: nothing is decided", "  ")
    notes = {node.node: _notes(node, service, told) for node in service.nodes}
    shown = [node for node in service.nodes if every or node.verdict != "healthy" or notes[node.node]]
    if shown:
        rows = [
            (node.node, node.zone, node.verdict, _wanted(node, service), _in_force(node, service, told))
            for node in shown
        ]
        heads = ("NODE", "ZONE", "VERDICT", "WANTED", "IN FORCE")
        table = columns([heads, *rows], right=())
        lines.append(f"  {table[0]}")
        for node, row in zip(shown, table[1:], strict=True):
            lines.append(f"  {row}")
            for note in notes[node.node]:
                lines += wrapped(note, "      ")
    left = service.nodes_total - len(shown)
    if left:
        lines.append(f"  {left} {'others are' if left > 1 else 'other is'} well")
    return lines


def _notes(node: Node, service: Service, told: Remediation) -> list[str]:
    """What is to be said of a node that stands out."""
    out = next((each for each in service.withdrawn if each.node == node.node), None)
    held = next((each for each in service.held if each.node == node.node), None)
    until = next((each.until for each in service.verifying if each.node == node.node), None)
    found = [] if out is None else _out_notes(out, told.now)
    if held is not None:
        found.append(f"held by {held.rail}: {held.text}")
    if until is not None:
        found.append(f"must have helped by {moment(until)} UTC, or it comes back")
    found += [
        f"pinned {pin.state} by {pin.by}: {pin.why}"
        for pin in told.pins
        if (pin.service, pin.node) == (service.service, node.node)
    ]
    if node.verdict != "healthy" or out is not None:
        found += [_sight(each) for each in node.sights]
        if node.sights_total > len(node.sights):
            found.append(f"and {node.sights_total - len(node.sights)} more vantages")
    return found


def _out_notes(out: Withdrawal, now: float) -> list[str]:
    hold = f", not back before {moment(out.hold_until)}" if out.hold_until > now else ""
    times = f", out {out.repeats + 1} times of late" if out.repeats else ""
    return [f"since {moment(out.since)} UTC{hold}{times}", out.why]


def _wanted(node: Node, service: Service) -> str:
    for out in service.withdrawn:
        if out.node == node.node:
            return "would be out" if service.mode == "dry_run" else f"out: {out.phase}"
    return "in"


def _in_force(node: Node, service: Service, told: Remediation) -> str:
    wanted = any(out.node == node.node for out in service.withdrawn)
    parts = []
    for output in told.outputs:
        is_out = output.out is not None and node.node in output.out.get(service.service, ())
        if output.out is None and wanted:
            parts.append(f"{output.name} not known")
        elif output.out is not None and (is_out or wanted):
            parts.append(f"{output.name} {'out' if is_out else 'in'}")
    return ", ".join(parts)


def _sight(sight: Sight) -> str:
    who = f"{sight.host} (its own agent)" if sight.own else sight.host
    opinion = "no opinion" if sight.opinion == "none" else sight.opinion
    seen = f", {sight.bad} of {sight.judged} bad in {sight.window_s} s" if sight.judged else ""
    failing = f", failing {', '.join(sight.failing)}" if sight.failing else ""
    return f"{who}: {opinion}{seen}{failing}"


def _outputs(outputs: list[Output], now: float) -> list[str]:
    rows = [("OUTPUT", "CONFIRMED", "OUT THERE")]
    wrong: list[str] = []
    for each in outputs:
        confirmed = "never" if each.confirmed_at is None else f"{length(now - each.confirmed_at)} ago"
        rows.append((each.name, confirmed, _out_there(each)))
        wrong += [f"{each.name}: {each.trouble}"] if each.trouble else []
        wrong += [each.differs] if each.differs else []
    lines = columns(rows, right=())
    for text in wrong:
        lines += wrapped(text, "  ")
    return lines


def _out_there(output: Output) -> str:
    if output.out is None:
        return "not known"
    parts = []
    for service, nodes in output.out.items():
        more = len(nodes) - _MAX_NAMES
        named = ", ".join(nodes[:_MAX_NAMES]) + (f" and {more} more" if more > 0 else "")
        parts += [f"{named} of {service}"] if nodes else []
    return "; ".join(parts) or "nobody"


def _event(event: Event) -> list[str]:
    subject = " ".join(part for part in (event.service, event.node) if part) or "all of it"
    rail = f" by {event.rail}" if event.rail else ""
    by = f" by {event.by}" if event.by else ""
    dry = " (dry run)" if event.dry_run else ""
    head = f"{moment(event.at)}  {subject}: {_KINDS.get(event.kind, event.kind)}{rail}{by}{dry}"
    lines = wrapped(head, "")
    for text in (event.text, *event.evidence):
        lines += wrapped(text, "    ") if text else []
    return lines
