"""What a game day tells, in words. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from coalmine_aggregator.demo.pool.acts import Act
from coalmine_aggregator.demo.pool.ledger import Deliveries
from coalmine_aggregator.demo.pool.outcome import Outcome
from coalmine_aggregator.demo.words import Page, share
from coalmine_aggregator.web.remediation_answers import NodeItem, RemediationLogItem

_STYLES = {"withdrawn": "bold magenta", "restored": "bold green", "reverted": "bold red"}
_TOLD = {
    "withdrawn": "{} is withdrawn",
    "restored": "{} is returned",
    "held": "{} stays in service",
    "verified": "withdrawing {} has helped",
    "reverted": "withdrawing {} has not helped, it is returned",
}
_OF_ALL = {
    "held": "nobody is withdrawn",
    "frozen": "nobody is withdrawn",
    "thawed": "nodes may be withdrawn again",
}


class Line(NamedTuple):
    """One line: who says it, what, and in which style."""

    who: str
    text: str
    style: str = ""

    def after(self, seconds: float) -> str:
        """The line, told so long after the start."""
        return f"{seconds:6.1f} s  {self.who:<10} {self.text}"


def log_line(each: RemediationLogItem) -> Line | None:
    """What was decided; None for what is of no interest here."""
    told = (_TOLD if each.node else _OF_ALL).get(each.kind)
    if told is None:
        return None
    text = told.format(each.node)
    if each.text:
        text += f": {each.text}"
    return Line("decided", text, _STYLES.get(each.kind, "magenta"))


def verdict_line(node: NodeItem) -> Line:
    """How a node looks now."""
    text = f"{node.node} is {node.verdict}"
    return Line("seen", f"{text}: {node.text}" if node.text else text)


def balancer_line(before: Sequence[str], out: Sequence[str]) -> Line:
    """Who gets work now."""
    gone = [name for name in out if name not in before]
    back = [name for name in before if name not in out]
    parts = [f"{' and '.join(gone)} gets no new work"] * bool(gone)
    parts += [f"{' and '.join(back)} gets work again"] * bool(back)
    return Line("balancer", ", ".join(parts), "cyan")


def page_lines(page: Page) -> list[Line]:
    """What somebody's phone shows."""
    if page.type == "alert.opened":
        where = f"{page.data.severity.upper()} to {page.data.owner or 'nobody'}"
        return [Line("paged", f"{where}: {page.data.subject}", "bold yellow")]
    if page.type == "alert.closed":
        return [Line("paged", f"RESOLVED {page.data.subject}", "yellow")]
    return []


def act_line(number: int, of: int, act: Act) -> str:
    """The heading of an act."""
    return f"── {number} of {of}: {act.words} ──"


def mended(act: Act) -> str:
    """What is well again."""
    return f"{' and '.join(act.nodes)} {'runs' if act.single else 'run'} as before"


def expectation(act: Act) -> str:
    """What has to come of it."""
    if act.single:
        return (
            "it has to be withdrawn, customers must lose nothing from then on, and it has to come back"
        )
    return "that is more than may be out: nobody must be withdrawn, and one page has to tell it"


def lost_of(found: Deliveries) -> str:
    """How many were lost."""
    return f"{found.lost} of {found.sent} datapoints lost"


def customers_line(what: str, found: Deliveries) -> Line:
    """What became of customers' datapoints."""
    style = "red" if found.lost else "green"
    return Line("customers", f"{what}: {lost_of(found)}", style)


def outcome_line(number: int, outcome: Outcome) -> str:
    """An act in the summary."""
    mark = "ok" if outcome.as_told else "FAILED"
    return f"{mark:<7}{number} {outcome.what}: {outcome_text(outcome)}"


def outcome_text(outcome: Outcome) -> str:
    """What became of an act."""
    if outcome.trouble:
        return outcome.trouble
    if outcome.out_after_s is None:
        lost = lost_of(outcome.while_broken)
        return f"nobody withdrawn, {outcome.pages} page; {lost} until it was mended"
    assert outcome.back_after_s is not None
    return (
        f"out of service after {outcome.out_after_s:.1f} s, "
        f"{lost_of(outcome.while_broken)} until then, {lost_of(outcome.while_out)} while it was out; "
        f"back {outcome.back_after_s:.1f} s after it was mended, {lost_of(outcome.since_back)} since"
    )


def total_line(total: Deliveries) -> str:
    """The whole day for customers."""
    kept = total.sent - total.lost
    return f"customers sent {total.sent} datapoints in all, {share(kept, total.sent)} were kept"
