"""Silences, rotas and the weekly review, laid out for a terminal. Pure. Times are UTC."""

from __future__ import annotations

from collections.abc import Sequence

from coalmine_cli.alert_text import length, moment
from coalmine_cli.text_table import columns, percent
from coalmine_cli.told_duty import Match, Numbers, OnCall, Review, Silence, Spread
from coalmine_runtime.printable import printable


def silences_table(silences: Sequence[Silence], now: float) -> list[str]:
    """What is silenced, and how long that still lasts."""
    if not silences:
        return ["Nothing is silenced."]
    rows = [("ID", "KIND", "WHAT", "OPEN", "FROM (UTC)", "UNTIL (UTC)", "LEFT", "WHO", "WHY")]
    rows += [
        (
            each.id,
            each.kind,
            match_text(each.match),
            str(each.takes),
            moment(each.starts_at),
            moment(each.ends_at),
            "not yet" if each.state == "pending" else length(each.ends_at - now),
            each.who,
            each.why,
        )
        for each in silences
    ]
    return columns(rows, right=(3,))


def silenced(silence: Silence, now: float) -> list[str]:
    """What was just silenced, and how to end it."""
    begins = f"from {moment(silence.starts_at)} " if silence.state == "pending" else ""
    lasts = f"until {moment(silence.ends_at)} UTC, {length(silence.ends_at - now)} from now"
    lines = [f"Silenced {begins}{lasts}: {match_text(silence.match)}", _about(silence.takes)]
    if silence.public:
        lines.append(f"Customers read: {silence.public}")
    if silence.id:
        lines.append(f"End it: coalmine alerts unsilence {silence.id}")
    else:
        lines[0] = f"Would be silenced {begins}{lasts}: {match_text(silence.match)}"
    return [printable(line) for line in lines]


def _about(takes: int) -> str:
    if takes == 0:
        return "It is about no alert that is open now."
    return f"It is about {takes} alert{'s' * (takes != 1)} open now."


def match_text(match: Match) -> str:
    """`ingest region=us-*`."""
    words = [",".join(match.service) or "all services"]
    pairs = {"class": match.class_, "severity": match.severity, "location": match.location}
    words += [f"{name}={','.join(values)}" for name, values in pairs.items() if values]
    words += [f"{label}={value}" for label, value in match.labels.items()]
    return " ".join(words)


def on_call_table(told: OnCall) -> list[str]:
    """Who is on call, and who is next."""
    if not told.rotas:
        return ["No rota is configured."]
    rows = [("ROTA", "ON CALL", "UNTIL (UTC)", "THEN")]
    for turn in told.rotas:
        until = "-" if turn.until is None else moment(turn.until)
        rows.append((turn.rota, turn.person, until, turn.following or "-"))
    return columns(rows, right=())


def review_table(told: Review) -> list[str]:
    """The numbers of the pages of a while, the rule with most pages first."""
    lines = [f"Pages from {moment(told.from_)} to {moment(told.to)} UTC", ""]
    if told.total.pages + told.total.held == 0:
        return [lines[0], "", "None."]
    rows = [
        ("RULE", "PAGES", "HELD", "ACKNOWLEDGED", "MEDIAN", "P90", "RESOLVED IN", "P90", "ACTIONABLE"),
        *(_numbers(f"{rule.service} {rule.class_}", rule.numbers) for rule in told.rules),
        _numbers("all", told.total),
    ]
    lines += columns(rows, right=range(1, 9))
    unanswered = told.total.resolved - told.total.answered
    if unanswered > 0:
        lines += ["", f"{unanswered} of them wait for an answer: coalmine alerts review NUMBER"]
    return lines


def _numbers(name: str, numbers: Numbers) -> tuple[str, ...]:
    share = "-"
    if numbers.answered:
        share = f"{percent(numbers.actionable / numbers.answered)} of {numbers.answered}"
    return (
        name,
        str(numbers.pages),
        str(numbers.held),
        str(numbers.acknowledged),
        *_spread(numbers.to_acknowledge),
        *_spread(numbers.to_resolve),
        share,
    )


def _spread(spread: Spread | None) -> tuple[str, str]:
    return ("-", "-") if spread is None else (length(spread.median_s), length(spread.p90_s))
