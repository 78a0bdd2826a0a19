"""The API's answer about how long it takes to detect, to acknowledge and to recover. Pure.

The same promises hold as in `answers`.
"""

from __future__ import annotations

from coalmine_aggregator.incidents.numbers import Numbers, Summary
from coalmine_aggregator.web.answers import Answer


class TimesItem(Answer):
    """How long something took, of as many `times` as it happened; None where it never did."""

    times: int
    mean_s: float | None
    median_s: float | None


class IncidentNumbersItem(Answer):
    """Of some `incidents`: how long it took to detect them (from the first loss until they were
    opened), to acknowledge them (from there until somebody took them) and to recover (from the first
    loss until the last alert closed)."""

    incidents: int
    detect: TimesItem
    acknowledge: TimesItem
    recover: TimesItem


class ServiceNumbersItem(Answer):
    """The numbers of one service."""

    service: str
    numbers: IncidentNumbersItem


class IncidentNumbers(Answer, rename={"from_": "from"}):
    """`/api/v1/incidents/numbers`: of the incidents that opened from `from` until before `to`, all
    together, and by service. One that was merged counts as part of the other."""

    now: float
    from_: float
    to: float
    total: IncidentNumbersItem
    services: list[ServiceNumbersItem]


def numbers_answer(summary: Summary, now: float, first: float, end: float) -> IncidentNumbers:
    """The numbers as they are told."""
    return IncidentNumbers(
        now=now,
        from_=first,
        to=end,
        total=_numbers_item(summary.all),
        services=[
            ServiceNumbersItem(service, _numbers_item(each))
            for service, each in summary.services.items()
        ],
    )


def _numbers_item(numbers: Numbers) -> IncidentNumbersItem:
    return IncidentNumbersItem(
        incidents=numbers.incidents,
        detect=TimesItem(*numbers.detect),
        acknowledge=TimesItem(*numbers.acknowledge),
        recover=TimesItem(*numbers.recover),
    )
