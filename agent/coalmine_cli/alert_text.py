"""Alerts, and why they opened, laid out for a terminal. Pure. Times are UTC."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence

from coalmine_cli.text_table import columns, percent
from coalmine_cli.told import (
    Alert,
    Alerts,
    Candidate,
    Change,
    Explained,
    Held,
    Statistic,
    Sums,
    Told,
)
from coalmine_runtime.printable import printable

_OURS = {"_fleet": "the fleet", "_control": "the control agent"}
_COUNTED = ("loss", "blind")

_CAUSES = {
    "service": "the service itself",
    "network": "the network on the way to the service",
    "agent": "the agent, not the service",
    "receipt_path": "the receipt path from the service to Coalmine, not the service",
    "unknown": "unknown",
}
_EFFECTS = {
    "failed": "failed: a step of the attempt went wrong",
    "abandoned": "abandoned: not done in a second",
    "lost": "lost: sent, never arrived",
    "late": "late: arrived too late",
}
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def alerts_table(alerts: Alerts, *, closed: bool) -> list[str]:
    """The open alerts, and if asked for the closed ones below them."""
    lines = _table_of(alerts.open, alerts.now) if alerts.open else ["No alert is open."]
    if closed:
        lines += [
            "",
            *(_table_of(alerts.recent, alerts.now) if alerts.recent else ["None was closed."]),
        ]
    return lines


def explanation(told: Explained) -> list[str]:
    """The alert as it stands, then every change with its evidence: of a later one what is new in it."""
    alert = told.alert
    state = f"open for {length(told.now - alert.opened_at)}"
    if alert.closed_at is not None:
        state = f"closed after {length(alert.closed_at - alert.opened_at)}"
    what = f"{alert.alert_class.replace('_', ' ')} of {_service(alert.service)}"
    lines = [f"{alert.id} (number {alert.number}): {what}, {alert.severity}, {state}"]
    lines += _facts({**_standing(alert), **_people(alert), "incident": _incident(told)})
    before: dict[str, str] = {}
    for index, change in enumerate(told.changes):
        if index == 1 and told.left_out:
            lines += ["", f"({told.left_out} changes are left out here)"]
        standing = _standing(change.alert)
        fresh = {name: fact for name, fact in standing.items() if fact != before.get(name)}
        lines += ["", *_change(change, fresh)]
        before = standing
    if told.told:
        lines += ["", *_messages(told.told)]
    return [printable(line).rstrip() for line in lines]


def _table_of(alerts: Sequence[Alert], now: float) -> list[str]:
    heads = ("ALERT", "NUMBER", "SEVERITY", "SINCE (UTC)", "LASTS", "WHERE", "BAD", "CAUSE", "TOLD")
    rows = [
        (
            alert.id,
            str(alert.number),
            alert.severity,
            moment(alert.since),
            length((alert.closed_at or now) - alert.since),
            scope_text(alert.scope, alert.service),
            _bad(alert),
            f"part of {alert.folded_into}" if alert.folded_into else alert.cause.replace("_", " "),
            _told_of(alert),
        )
        for alert in alerts
    ]
    return [printable(line) for line in columns([heads, *rows], right=(1,))]


def _told_of(alert: Alert) -> str:
    """What has become of telling somebody."""
    if alert.acknowledged_at is not None:
        return f"acknowledged by {alert.acknowledged_by}"
    if alert.held is not None:
        return " ".join(part for part in ("held:", alert.held.kind, alert.held.by) if part)
    if alert.actionable is not None:
        return "actionable" if alert.actionable else "not actionable"
    return ""


def _bad(alert: Alert) -> str:
    sums = alert.total if alert.total.expected else alert.sums
    return f"{sums.bad} of {sums.judged}" if sums.expected else "-"


def _standing(alert: Alert) -> dict[str, str]:
    """What an alert says of itself, under the names of its facts; empty where it says nothing."""
    sums, blamed = alert.sums, alert.alert_class == "loss"
    cause = "" if alert.cause == "unknown" and not blamed else _CAUSES.get(alert.cause, alert.cause)
    return {
        "what": _what(alert),
        "fates": _fates(sums),
        "total": _sum(alert.total, "since it began"),
        "where": scope_text(alert.scope, alert.service),
        "same as": "; ".join(scope_text(scope, alert.service) for scope in alert.equivalents),
        "elsewhere": _sum(alert.beside, "bad in the rest of the service") if blamed else "",
        "cause": f"{cause}; {alert.note}" if cause and blamed and alert.note else cause,
        "effect": _EFFECTS.get(alert.effect, alert.effect),
        "note": "" if blamed or alert.note == _what(alert) else alert.note,
    }


def _people(alert: Alert) -> dict[str, str]:
    return {
        "since": f"{moment(alert.since)} UTC, opened {moment(alert.opened_at)}",
        "closed": "" if alert.closed_at is None else moment(alert.closed_at),
        "acknowledged": _acknowledged(alert),
        "held": "" if alert.held is None else _held(alert.held),
        "actionable": {True: "yes", False: "no", None: ""}[alert.actionable],
        "part of": alert.folded_into,
        "owner": alert.owner,
        "playbook": alert.playbook,
    }


def _incident(told: Explained) -> str:
    number = told.incident
    return "" if number is None else f"{number}: coalmine incidents show {number}"


def _acknowledged(alert: Alert) -> str:
    if alert.acknowledged_at is None:
        return ""
    return f"by {alert.acknowledged_by}, {moment(alert.acknowledged_at)}"


def _held(held: Held) -> str:
    """Why nobody is told, and what to do about it."""
    until = "" if held.until is None else f" until {moment(held.until)} UTC"
    match held.kind:
        case "inhibited":
            return f"not told: {held.by} is open and wider"
        case "hours":
            return f"not told outside of its hours{until}"
        case _:
            return f"not told{until}: {held.kind} {held.by} by {held.who}: {held.why}"


def _messages(messages: Sequence[Told]) -> list[str]:
    rows = [("TOLD (UTC)", "RECEIVER", "WHO", "STEP", "OF", "STATE", "TRIES", "")]
    for each in messages:
        step = f"{each.step}.{each.repeat}" if each.repeat else str(each.step)
        rows.append(
            (
                moment(each.delivered_at or each.made_at),
                each.receiver,
                each.target or "-",
                step if each.step else "-",
                each.change,
                each.state,
                str(each.attempts),
                each.dead or each.error,
            )
        )
    return columns(rows, right=(3, 6))


def _what(alert: Alert) -> str:
    sums = alert.sums
    window = f" in {length(alert.window_s)}" if alert.window_s else ""
    if not sums.expected or (alert.note and alert.alert_class not in _COUNTED):
        return alert.note
    if alert.alert_class == "blind":
        return f"{sums.fates.get('unknown', 0)} of {sums.expected} datapoints unknown{window}"
    share = "" if sums.loss is None else f": {percent(sums.loss)} loss"
    acceptable = f", {percent(alert.acceptable_loss)} is acceptable" if share else ""
    return f"{sums.bad} of {sums.judged} datapoints bad{window}{share}{acceptable}"


def _change(change: Change, fresh: Mapping[str, str]) -> list[str]:
    looked = ""
    if change.first_slot is not None:
        last_slot = change.last_slot or change.first_slot
        day = moment(change.at)[:11]
        first, last = (moment(slot).removeprefix(day) for slot in (change.first_slot, last_slot))
        looked = f", from the slots {first} to {last}"
    lines = [f"{change.change.capitalize()} {moment(change.at)} UTC{looked}"]
    lines += _facts({**fresh, **change.facts})
    service = change.alert.service
    if change.statistics:
        lines += [f"  {line}" for line in _statistics(change.statistics, service)]
    if change.candidates:
        lines += [f"  {line}" for line in _candidates(change.candidates, service)]
    return lines


def _statistics(statistics: Sequence[Statistic], service: str) -> list[str]:
    rows = [("STATISTIC", "LOOKS FOR", "OF", "BAD", "VALUE", "THRESHOLD", "")]
    for each in statistics:
        passed = each.value is not None and each.threshold is not None and each.value >= each.threshold
        rows.append(
            (
                each.name,
                "" if each.alternative is None else f"{percent(each.alternative)} loss",
                scope_text(each.scope, service),
                f"{each.bad} of {each.judged}" if each.judged else "",
                _number(each.value),
                _number(each.threshold),
                "over" if passed else "",
            )
        )
    return columns(rows, right=(3, 4, 5))


def _candidates(candidates: Sequence[Candidate], service: str) -> list[str]:
    rows = [("SCOPE", "SCORE", "")]
    for index, each in enumerate(candidates):
        scopes = " and ".join(scope_text(scope, service) for scope in each.scopes) or "none"
        rows.append((scopes, _number(each.score), "" if index else "chosen"))
    return columns(rows, right=(1,))


def _facts(facts: Mapping[str, str]) -> list[str]:
    width = max((len(name) for name, fact in facts.items() if fact), default=0)
    return [f"  {name:<{width}}  {fact}" for name, fact in facts.items() if fact]


def _fates(sums: Sums) -> str:
    return ", ".join(f"{count} {fate.replace('_', ' ')}" for fate, count in sums.fates.items() if count)


def _sum(sums: Sums, what: str) -> str:
    return f"{sums.bad} of {sums.judged} {what}" if sums.expected else ""


def scope_text(scope: Mapping[str, str], service: str) -> str:
    """`protocol=udp region=eu-west-1`."""
    return (
        " ".join(f"{label}={value}" for label, value in scope.items()) or f"all of {_service(service)}"
    )


def _service(name: str) -> str:
    return _OURS.get(name, name)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def length(seconds: float) -> str:
    """A length of time in its two largest units: `1 min 43 s`."""
    rest, parts = max(0, round(seconds)), list[str]()
    for unit_s, unit in _UNITS:
        number, rest = divmod(rest, unit_s)
        if number or parts:
            parts.append(f"{number} {unit}" if number else "")
        if len(parts) == 2:
            break
    return " ".join(part for part in parts if part) or "0 s"


def moment(at: float) -> str:
    """A moment as `2026-01-31 12:00:00`."""
    try:
        time = datetime.datetime.fromtimestamp(at, datetime.UTC)
    except (OverflowError, OSError, ValueError):
        return f"second {at:.0f}"
    return time.strftime("%Y-%m-%d %H:%M:%S")
