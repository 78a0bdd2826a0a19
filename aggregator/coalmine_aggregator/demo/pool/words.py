"""What a game day tells, in words. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from coalmine_aggregator.demo.pool.acts import Act
from coalmine_aggregator.demo.pool.ledger import Deliveries
from coalmine_aggregator.demo.pool.outcome import Outcome, all_as_told
from coalmine_aggregator.demo.words import Page, share
from coalmine_aggregator.web.remediation_answers import NodeItem, RemediationLogItem

_STYLES = {"restored": "bold green", "reverted": "bold red"}
_TOLD = {
    "restored": "{} is returned",
    "held": "{} stays in service",
    "verified": "withdrawing {} has helped",
    "reverted": "withdrawing {} has not helped, it is returned",
}
_OF_ALL = {
    "held": "nobody is withdrawn",
    "frozen": "frozen",
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


def withdrawn_line(name: str) -> Line:
    """Somebody is out from now on; why was said by how it looks."""
    return Line("decided", f"{name} is withdrawn", "bold magenta")


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
        text = f"{page.data.owner or 'nobody'}: {page.data.subject}"
        if page.data.severity == "page":
            return [Line("paged", text, "bold yellow")]
        return [Line("ticket", text, "yellow")]
    if page.type == "alert.closed":
        return [Line("resolved", page.data.subject, "yellow")]
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
            "It must be taken out of service within seconds, customers must lose nothing from then on, "
            "and once it is mended it must come back."
        )
    return "More than may be out at once: nobody must be taken out, and one page must tell people."


def lost_of(found: Deliveries) -> str:
    """How many were lost."""
    return f"{found.lost} of {found.sent} datapoints lost"


def customers_line(what: str, found: Deliveries) -> Line:
    """What became of customers' datapoints."""
    style = "red" if found.lost else "green"
    return Line("customers", f"{what}: {lost_of(found)}", style)


def summary_lines(acts: Sequence[Act], outcomes: Sequence[Outcome], total: Deliveries) -> list[str]:
    """What is left on the screen: every act, and the whole day for customers."""
    lines = []
    for number, act in enumerate(acts, 1):
        if number > len(outcomes):
            lines.append(f"  {'-':<8}{number} {act.words}: not played to its end")
            continue
        outcome = outcomes[number - 1]
        lines.append(f"  {'ok' if outcome.as_told else 'FAILED':<8}{number} {act.words}")
        lines += [f"            {line}" for line in _came_of(outcome)]
    kept = total.sent - total.lost
    came = "All came as told." if all_as_told(outcomes, len(acts)) else "Not all came as told."
    return [
        f"{came} Of {total.sent} datapoints of customers {share(kept, total.sent)} were kept.",
        *lines,
    ]


def _came_of(outcome: Outcome) -> list[str]:
    if outcome.trouble:
        return [outcome.trouble]
    lost = lost_of(outcome.while_broken)
    if outcome.out_after_s is None or outcome.back_after_s is None:
        pages = "1 page" if outcome.pages == 1 else f"{outcome.pages} pages"
        return [f"nobody was taken out, {pages} told it; {lost} until it was mended"]
    while_out, since_back = lost_of(outcome.while_out), lost_of(outcome.since_back)
    return [
        f"out of service after {outcome.out_after_s:.1f} s: {lost} until then, {while_out} since",
        f"back {outcome.back_after_s:.1f} s after it was mended: {since_back} since",
    ]
