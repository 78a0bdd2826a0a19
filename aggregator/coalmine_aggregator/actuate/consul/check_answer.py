"""What an HTTP check of Consul is answered. Pure."""

from __future__ import annotations

from typing import NamedTuple

from coalmine_aggregator.model.withdrawal import Mode, Phase, Wanted
from coalmine_aggregator.notify.plain import cut, one_line

PASSING = 200
WARNING = 429
CRITICAL = 503
"""As Consul reads them: 2xx passes, 429 warns, all else is critical."""

MAX_TEXT = 300


class CheckAnswer(NamedTuple):
    """A status and one line for people, which Consul shows as the check's output."""

    status: int
    text: str


def answer(word: Wanted | None, node: str) -> CheckAnswer:
    """Of one node; `word` is the newest on its service while its lease lasts, None without.

    It passes unless a withdrawal is in force: where nothing is known, nobody is out.
    """
    if word is None:
        return CheckAnswer(PASSING, "in service: no news of this service")
    if node not in word.nodes:
        return CheckAnswer(PASSING, "in service: no such node is known")
    decided = next((each for each in word.out if each.node == node), None)
    if decided is None:
        return CheckAnswer(PASSING, "in service")
    why = cut(one_line(f"by {decided.by or 'Coalmine'}: {decided.why}"), MAX_TEXT)
    if word.mode is not Mode.ACTING:
        return CheckAnswer(PASSING, f"in service ({word.mode}; would be withdrawn {why})")
    status = WARNING if decided.phase is Phase.DRAIN else CRITICAL
    return CheckAnswer(status, f"withdrawn ({decided.phase}) {why}")
