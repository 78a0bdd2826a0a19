"""Remediation in one sentence: who is out, or why nobody can be. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from coalmine_aggregator.model.remediation_policy import RemediationPolicy
from coalmine_aggregator.model.withdrawal import Mode, Wanted, Withdrawal
from coalmine_aggregator.web.answers import Answer
from coalmine_aggregator.web.remediation_desk import RemediationDesk

MAX_NAMES: Final = 3
MAX_WHY: Final = 400

_BEGINS: Final = {Mode.ACTING: "Acting", Mode.DRY_RUN: "Dry run", Mode.STANDBY: "Standing by"}


class RemediationLine(Answer):
    """`status` is ok, partial (nodes are out), down (stopped or frozen) or unknown; `text` a sentence
    without its end, which goes on with `since`, epoch seconds, and `why` where these are not None and
    empty."""

    status: str
    text: str
    since: float | None
    why: str


def mode_of(desk: RemediationDesk, service: str | None = None) -> Mode:
    """Who acts for a service; of all of them without one: a dry run where none is in earnest."""
    if desk.stopped is not None:
        return Mode.STOPPED
    if not desk.holds:
        return Mode.STANDBY
    rules = desk.rules.values() if service is None else [desk.rules[service]]
    return Mode.DRY_RUN if all(each.dry_run for each in rules) else Mode.ACTING


def line_of(desk: RemediationDesk) -> RemediationLine:
    """How it stands."""
    stopped, wanted, mode = desk.stopped, desk.wanted, mode_of(desk)
    if stopped is not None:
        text, why = f"Stopped by {stopped.by}", stopped.why[:MAX_WHY]
        if desk.unwritten:
            text = f"{text}, only until a restart"
            why = f"{why}; the stop file is not written: {desk.unwritten[:MAX_WHY]}"
        return RemediationLine("down", text, stopped.at or None, why)
    for name, word in sorted(wanted.items()):
        if word.frozen:
            return RemediationLine("down", f"{name} is frozen", None, word.frozen[:MAX_WHY])
    begins = _BEGINS[mode]
    out = [each for _, word in sorted(wanted.items()) for each in word.out]
    if out:
        return _out_line(begins, desk.rules, wanted, out, would=mode is Mode.DRY_RUN)
    unknown = sorted(set(desk.rules) - set(wanted))
    if unknown:
        text = f"{begins}: the nodes of {_listed(unknown)} are not known, so nobody is withdrawn"
        return RemediationLine("unknown", text, None, "")
    nodes = sum(len(word.nodes) for word in wanted.values())
    of = f" of {next(iter(wanted))}" if len(wanted) == 1 else ""
    would = "would be" if mode is Mode.DRY_RUN else "is"
    return RemediationLine("ok", f"{begins}: none of {_counted(nodes)}{of} {would} out", None, "")


def is_news(line: RemediationLine) -> bool:
    """Whether those who look at something else need to hear of it."""
    return line.status in ("partial", "down")


def _out_line(
    begins: str,
    rules: Mapping[str, RemediationPolicy],
    wanted: Mapping[str, Wanted],
    out: Sequence[Withdrawal],
    *,
    would: bool,
) -> RemediationLine:
    services = sorted({each.service for each in out})
    nodes = sum(len(wanted[name].nodes) for name in services)
    one_service = len(services) == 1
    whose = f"{services[0]} nodes" if one_service else "nodes"
    # A service in a dry run has nobody out, beside others in earnest.
    shadows = would or all(rules[name].dry_run for name in services)
    verb = "would be" if shadows else "is" if len(out) == 1 else "are"
    newest = max(out, key=lambda each: each.since)
    names = [each.node if one_service else f"{each.node} of {each.service}" for each in out]
    text = f"{begins}: {len(out)} of {nodes} {whose} {verb} out: {_listed(names)}"
    if len(out) == 1:
        return RemediationLine("partial", text, newest.since, newest.why[:MAX_WHY])
    return RemediationLine("partial", text, None, f"the last, {newest.node}: {newest.why[:MAX_WHY]}")


def _counted(nodes: int) -> str:
    return f"{nodes} node{'s' * (nodes != 1)}"


def _listed(names: Sequence[str]) -> str:
    more = len(names) - MAX_NAMES
    if more > 0:
        return f"{', '.join(names[:MAX_NAMES])} and {more} more"
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
