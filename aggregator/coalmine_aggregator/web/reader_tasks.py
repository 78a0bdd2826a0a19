"""What the reader processes run: each task answers one kind of question in the API's own JSON.

Started as `python -m coalmine_aggregator.web.reader_tasks`, see `reading.readers`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

import msgspec
import sqlalchemy as sa

from coalmine_aggregator.incidents.numbers import numbers as numbers_of
from coalmine_aggregator.paging.review import review as review_of
from coalmine_aggregator.reading import alerts as alerts_read
from coalmine_aggregator.reading.agents import agents_at
from coalmine_aggregator.reading.alerts import AlertPlace, AlertsWanted
from coalmine_aggregator.reading.answering import Task, run
from coalmine_aggregator.reading.counts import count
from coalmine_aggregator.reading.impact import ImpactAsked
from coalmine_aggregator.reading.impact import impact as impact_read
from coalmine_aggregator.reading.incident_graph import GraphAsked
from coalmine_aggregator.reading.incident_graph import incident_graph as graph_read
from coalmine_aggregator.reading.incidents_opened import incidents_opened
from coalmine_aggregator.reading.latency import latency as latency_read
from coalmine_aggregator.reading.library import Library
from coalmine_aggregator.reading.objectives import Objective, burn_down_at
from coalmine_aggregator.reading.pages import first_told, opened_between
from coalmine_aggregator.reading.question import Question
from coalmine_aggregator.reading.series import SeriesPlace, series_page
from coalmine_aggregator.reading.strip import StripAsked
from coalmine_aggregator.reading.strip import strip as strip_read
from coalmine_aggregator.reading.tail import Tail
from coalmine_aggregator.reading.told import told as told_read
from coalmine_aggregator.web.alert_answers import AlertItem, alert_item
from coalmine_aggregator.web.answers import AgentItem, agent_items
from coalmine_aggregator.web.count_answers import fates_of, groups_of, history_rates_of
from coalmine_aggregator.web.cursors import next_cursor
from coalmine_aggregator.web.duty_answers import review_answer
from coalmine_aggregator.web.export_answers import Form, rate_rows
from coalmine_aggregator.web.history_answers import latency_answer, series_answer, strip_answer
from coalmine_aggregator.web.incident_number_answers import numbers_answer
from coalmine_aggregator.web.objective_answers import BurnDown, burn_down_points
from coalmine_aggregator.web.past_view import MomentAsked, PastView
from coalmine_aggregator.web.snapshot import take_snapshot
from coalmine_aggregator.web.told_answers import ToldItem, told_item
from coalmine_wire.slots import SETTLE_S

MODULE: Final = "coalmine_aggregator.web.reader_tasks"

_json = msgspec.json.Encoder()


class CountsAsked(msgspec.Struct, frozen=True):
    """A question about counts; `settled` is the newest slot, `tail` what memory knows of the newest
    ones, `oddities` what is told beside sums."""

    question: Question
    settled: int
    tail: Tail | None
    oddities: dict[str, int]


class StripGiven(msgspec.Struct, frozen=True):
    """A strip, and the parameters that its cursor belongs to."""

    asked: StripAsked
    settled: int
    values: dict[str, str]


class SeriesGiven(msgspec.Struct, frozen=True):
    """A page of series, and the parameters that its cursor belongs to."""

    where: dict[str, str]
    after: SeriesPlace | None
    limit: int
    values: dict[str, str]


class LatencyGiven(msgspec.Struct, frozen=True):
    """A question about step times."""

    question: Question
    settled: int


class AlertsGiven(msgspec.Struct, frozen=True):
    """A page of closed alerts."""

    wanted: AlertsWanted
    after: AlertPlace | None
    limit: int


class ReviewGiven(msgspec.Struct, frozen=True):
    """The pages that opened from `first` until before `end`; asked at `now`."""

    first: float
    end: float
    now: float


class NumbersGiven(msgspec.Struct, frozen=True):
    """The incidents that opened from `first` until before `end`; asked at `now`."""

    first: float
    end: float
    now: float


class AgentsGiven(msgspec.Struct, frozen=True):
    """Agents at a time; counts end with a slot."""

    at: float
    slot: int


class BurnDownGiven(msgspec.Struct, frozen=True):
    """A service's burn-down as of a second of the page."""

    service: str
    objective: Objective
    at: int
    points: int


class ExportGiven(msgspec.Struct, frozen=True):
    """A piece of an export; `started` says that rows stand before it."""

    form: Form
    question: Question
    tail: Tail | None
    started: bool


class ExportPiece(msgspec.Struct, frozen=True):
    """What was made of it: `rows` of them."""

    body: bytes
    rows: int


def rates(library: Library, connection: sa.Connection, given: bytes) -> bytes:
    """`/api/v1/rates`."""
    asked = msgspec.msgpack.decode(given, type=CountsAsked)
    counts = count(library, connection, asked.question, asked.tail)
    return _json.encode(history_rates_of(asked.question, asked.settled, counts))


def fates(library: Library, connection: sa.Connection, given: bytes) -> bytes:
    """`/api/v1/fates`."""
    asked = msgspec.msgpack.decode(given, type=CountsAsked)
    counts = count(library, connection, asked.question, asked.tail)
    groups, _ = groups_of(counts, asked.question.by)
    return _json.encode(fates_of(asked.question, asked.settled, groups, asked.oddities))


def strip(library: Library, connection: sa.Connection, given: bytes) -> bytes:
    """`/api/v1/strip`."""
    task = msgspec.msgpack.decode(given, type=StripGiven)
    found = strip_read(library, connection, task.asked)
    cursor = None if found.next is None else next_cursor(task.values, found.next)
    return _json.encode(strip_answer(task.asked, found, task.settled, cursor))


def latency(library: Library, connection: sa.Connection, given: bytes) -> bytes:
    """`/api/v1/latency`."""
    task = msgspec.msgpack.decode(given, type=LatencyGiven)
    found = latency_read(library, connection, task.question)
    return _json.encode(latency_answer(task.question, found, task.settled))


def series(library: Library, connection: sa.Connection, given: bytes) -> bytes:
    """`/api/v1/series`."""
    task = msgspec.msgpack.decode(given, type=SeriesGiven)
    page = series_page(library, connection, task.where, task.after, task.limit)
    cursor = None if page.next is None else next_cursor(task.values, page.next)
    return _json.encode(series_answer(page, cursor))


def alerts(_: Library, connection: sa.Connection, given: bytes) -> bytes:
    """Closed alerts as list[AlertItem]."""
    task = msgspec.msgpack.decode(given, type=AlertsGiven)
    found = alerts_read.closed(connection, task.wanted, task.after, task.limit)
    items: list[AlertItem] = [alert_item(alert) for alert in found]
    return _json.encode(items)


def told(_: Library, connection: sa.Connection, given: bytes) -> bytes:
    """The messages about an alert, by its number, as list[ToldItem]."""
    number = msgspec.msgpack.decode(given, type=int)
    items: list[ToldItem] = [told_item(each) for each in told_read(connection, number)]
    return _json.encode(items)


def review(_: Library, connection: sa.Connection, given: bytes) -> bytes:
    """`/api/v1/review`."""
    task = msgspec.msgpack.decode(given, type=ReviewGiven)
    found = opened_between(connection, task.first, task.end)
    first = first_told(connection, task.first, task.end)
    numbers = review_of(found, first, task.first, task.end)
    return _json.encode(review_answer(numbers, task.now, task.first, task.end))


def incident_numbers(_: Library, connection: sa.Connection, given: bytes) -> bytes:
    """`/api/v1/incidents/numbers`."""
    task = msgspec.msgpack.decode(given, type=NumbersGiven)
    summary = numbers_of(incidents_opened(connection, task.first, task.end))
    return _json.encode(numbers_answer(summary, task.now, task.first, task.end))


def agents(library: Library, connection: sa.Connection, given: bytes) -> bytes:
    """Agents of a time as list[AgentItem]."""
    task = msgspec.msgpack.decode(given, type=AgentsGiven)
    items: list[AgentItem] = agent_items(agents_at(library, connection, task.at, task.slot))
    return _json.encode(items)


def moment(library: Library, connection: sa.Connection, given: bytes) -> bytes:
    """`/api/v1/moment`."""
    asked = msgspec.msgpack.decode(given, type=MomentAsked)
    view = PastView(library, connection, asked)
    return _json.encode(take_snapshot(view, asked.options(), now=asked.at, viewers=0))


def burn_down(_: Library, connection: sa.Connection, given: bytes) -> bytes:
    """`/api/v1/slo/{service}/burn-down` as of a past second."""
    asked = msgspec.msgpack.decode(given, type=BurnDownGiven)
    slot = asked.at - SETTLE_S
    points = burn_down_at(connection, asked.service, asked.objective, slot, asked.points)
    return _json.encode(
        BurnDown(
            now=asked.at,
            service=asked.service,
            objective=asked.objective.objective,
            window_s=asked.objective.window_s,
            points=burn_down_points(points),
        )
    )


def impact(library: Library, connection: sa.Connection, given: bytes) -> bytes:
    """What an incident cost, as `ImpactFound`."""
    found = impact_read(library, connection, msgspec.msgpack.decode(given, type=ImpactAsked))
    return msgspec.msgpack.encode(found)


def incident_graph(library: Library, connection: sa.Connection, given: bytes) -> bytes:
    """The graph of an incident, SVG."""
    return graph_read(library, connection, msgspec.msgpack.decode(given, type=GraphAsked))


def export_rates(library: Library, connection: sa.Connection, given: bytes) -> bytes:
    """A piece of `/api/v1/export/rates.*`."""
    task = msgspec.msgpack.decode(given, type=ExportGiven)
    counts = count(library, connection, task.question, task.tail)
    groups, seen = groups_of(counts, task.question.by)
    body, rows = rate_rows(task.form, groups, seen, task.question.step_s, task.started)
    return msgspec.msgpack.encode(ExportPiece(body, rows))


_TASKS: Final[tuple[Callable[[Library, sa.Connection, bytes], bytes], ...]] = (
    rates,
    fates,
    strip,
    latency,
    series,
    alerts,
    told,
    review,
    incident_numbers,
    agents,
    moment,
    burn_down,
    impact,
    incident_graph,
    export_rates,
)


def tasks() -> dict[str, Task]:
    """The tasks by name, with a library that they share."""
    library = Library()
    return {task.__name__: partial(task, library) for task in _TASKS}


if __name__ == "__main__":
    run(tasks())
