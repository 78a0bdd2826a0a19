"""The graph of an incident: what was delivered and what was lost, by protocol. Pure.

An SVG document that stands for itself: no script, no style sheet, nothing from elsewhere, every time an
absolute one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple
from xml.sax.saxutils import escape

from coalmine_aggregator.graphs.beside import Course, lines_beside, rows_beside
from coalmine_aggregator.graphs.ticks import Tick, time_ticks, value_ticks
from coalmine_aggregator.model.figures import clock_time, length

WIDTH, HEIGHT = 960, 580
LEFT, RIGHT, TOP = 84, 936, 128
MAX_LINES: Final = 12
"""Lines beyond these are left out, and said to be."""
MAX_NAME: Final = 16
"""Characters of a line's name that are shown."""
MAX_HEAD: Final = 88
"""Characters of the title that are shown above; all of it is the document's own."""

_INK, _FAINT, _GRID, _SHADE = "#1c2733", "#5b6875", "#d9dee4", "#fbe9d7"

_COLOURS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#7a5c00", "#56b4e9")
"""Told apart by people who see fewer colours; beyond them lines are dashed."""

_DASHES: Final = ("", "7 4")

_IN_A_ROW: Final = 6

_PEN: Final = 2.0
"""How thick a line is, and how far apart lines of one height are drawn."""

_CHARACTER: Final = 7.0
"""A bit more than the width of one in names of moments."""

_ROW, _ROWS = 15.0, 4
"""Height of a row of names of moments, and how many there are at most."""


class Line(NamedTuple):
    """A protocol's values by bucket: delivered a second, and the share lost; None where that is not
    known."""

    name: str
    rates: Sequence[float | None]
    losses: Sequence[float | None]


class Mark(NamedTuple):
    """A moment (seconds since the epoch) that is marked and named."""

    at: float
    name: str


class IncidentGraph(NamedTuple):
    """What is drawn: buckets of `step_s` seconds from slot `first` to slot `last`, both included, with
    the slots `shaded` told apart."""

    title: str
    first: int
    last: int
    step_s: int
    lines: Sequence[Line]
    shaded: tuple[int, int] | None = None
    marks: Sequence[Mark] = ()


class _Panel(NamedTuple):
    top: float
    bottom: float
    caption: str
    head: float  # where that stands
    ticks: list[Tick]

    def y(self, value: float) -> float:
        share = min(1.0, max(0.0, value / self.ticks[-1].at))
        return self.bottom - share * (self.bottom - self.top)

    def course(self, values: Sequence[float | None], times: int) -> Course:
        """The heights of values, each taken so many times."""
        return [
            None if value is None or not math.isfinite(value) else self.y(value * times)
            for value in values
        ]


def incident_svg(graph: IncidentGraph) -> bytes:
    """The document, UTF-8."""
    lines = list(graph.lines[:MAX_LINES])
    rates = [value for line in lines for value in line.rates if value is not None]
    losses = [value * 100 for line in lines for value in line.losses if value is not None]
    names = _names(graph)
    band = _ROW * (1 + max((each.row for each in names), default=-1))
    top, bottom = TOP + band, TOP + band + 172
    delivered = _Panel(
        top, bottom, "delivered per second", TOP - 10, value_ticks(max(rates, default=0.0))
    )
    top, bottom = bottom + 72, bottom + 232
    lost = _Panel(top, bottom, "lost, %", top - 10, value_ticks(max(losses, default=0.0), 4))
    rising = [delivered.course(line.rates, 1) for line in lines]
    losing = [lost.course(line.losses, 100) for line in lines]
    beside = [
        lines_beside(each, _PEN, panel.top, panel.bottom)
        for each, panel in ((rising, delivered), (losing, lost))
    ]
    told = _told(graph, is_beside=any(beside))
    head, height = _cut(graph.title, MAX_HEAD), HEIGHT + band
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" width="{WIDTH}" '
            f'height="{height:g}" role="img" font-family="sans-serif" font-size="12" fill="{_INK}">'
        ),
        f"<title>{_text(graph.title)}</title>",
        f"<desc>{_text(told)}</desc>",
        f'<rect width="{WIDTH}" height="{height:g}" fill="#ffffff"/>',
        f'<text x="24" y="32" font-size="17" font-weight="bold">{_text(head)}</text>',
        f'<text x="24" y="54" fill="{_FAINT}">{_text(told)}</text>',
        *_key(lines),
        *_panel(graph, delivered),
        *_panel(graph, lost),
    ]
    for place in range(len(lines)):
        parts += _curve(graph, rising[place], place)
        parts += _curve(graph, losing[place], place)
    parts += _marks(graph, names, delivered, lost)
    if not lines:
        middle = (LEFT + RIGHT) / 2
        y = (delivered.top + delivered.bottom) / 2
        parts.append(f'<text x="{middle:g}" y="{y:g}" text-anchor="middle">nothing was measured</text>')
    parts.append("</svg>")
    return "\n".join(parts).encode()


def _told(graph: IncidentGraph, *, is_beside: bool) -> str:
    first, last = (clock_time(each, date=True) for each in (graph.first, graph.last))
    missing = len(graph.lines) - MAX_LINES
    more = f"; {missing} more are not drawn" if missing > 0 else ""
    beside = "; lines of one height are drawn side by side" if is_beside else ""
    return f"{first} to {last} UTC, by {length(graph.step_s)}{beside}{more}"


def _x(graph: IncidentGraph, at: float) -> float:
    share = (at - graph.first) / (graph.last + 1 - graph.first)
    return LEFT + min(1.0, max(0.0, share)) * (RIGHT - LEFT)


def _panel(graph: IncidentGraph, panel: _Panel) -> Iterator[str]:
    if graph.shaded is not None:
        begin, end = _x(graph, graph.shaded[0]), _x(graph, graph.shaded[1] + 1)
        yield (
            f'<rect x="{begin:.1f}" y="{panel.top:g}" width="{max(1.0, end - begin):.1f}" '
            f'height="{panel.bottom - panel.top:g}" fill="{_SHADE}"/>'
        )
    yield f'<text x="{LEFT}" y="{panel.head:g}" font-weight="bold">{_text(panel.caption)}</text>'
    for tick in panel.ticks:
        y = panel.y(tick.at)
        yield f'<path d="M{LEFT} {y:.1f}H{RIGHT}" stroke="{_GRID}"/>'
        yield f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{tick.label}</text>'
    for tick in time_ticks(graph.first, graph.last + 1, 7):
        x = _x(graph, tick.at)
        yield f'<path d="M{x:.1f} {panel.bottom:g}v5" stroke="{_FAINT}"/>'
        anchor = "end" if x > RIGHT - 30 else "start" if x < LEFT + 30 else "middle"
        date, _, clock = tick.label.rpartition(" ")
        for row, label in enumerate((clock, date) if date else (clock,)):
            yield (
                f'<text x="{x:.1f}" y="{panel.bottom + 19 + row * 14:g}" text-anchor="{anchor}" '
                f'fill="{_FAINT}">{label}</text>'
            )
    yield f'<path d="M{LEFT} {panel.top:g}V{panel.bottom:g}H{RIGHT}" fill="none" stroke="{_FAINT}"/>'


class _Name(NamedTuple):
    """Of a mark: its line at `x`, its text from `left` on, in a row above the panels."""

    x: float
    left: float
    row: int
    text: str


def _names(graph: IncidentGraph) -> list[_Name]:
    """Of all marks that are shown, from left to right."""
    is_dated = clock_time(graph.first, date=True)[:10] != clock_time(graph.last, date=True)[:10]
    inside = sorted(each for each in graph.marks if graph.first <= each.at <= graph.last + 1)
    texts = [f"{each.name} {clock_time(each.at, date=is_dated)}" for each in inside]
    at = [_x(graph, each.at) for each in inside]
    widths = [len(text) * _CHARACTER for text in texts]
    begins = [max(LEFT, min(x, RIGHT - width)) for x, width in zip(at, widths, strict=True)]
    spans = [(begin, begin + width) for begin, width in zip(begins, widths, strict=True)]
    return list(map(_Name, at, begins, rows_beside(spans, _ROWS), texts))


def _marks(graph: IncidentGraph, names: Sequence[_Name], top: _Panel, bottom: _Panel) -> Iterator[str]:
    """Each with its name above the lines, so that all can be read."""
    for x, left, row, _ in names:
        begin = TOP + row * _ROW + (_ROW if left < x else 0)  # not through its own name
        yield (
            f'<path d="M{x:.1f} {begin:g}V{top.bottom:g}M{x:.1f} {bottom.top:g}V{bottom.bottom:g}" '
            f'stroke="{_INK}" stroke-dasharray="2 3"/>'
        )
    for x, left, row, text in names:
        away = 4 if left == x else 0
        yield (
            f'<text x="{left + away:.1f}" y="{TOP + row * _ROW + 10:g}" stroke="#ffffff" '
            f'stroke-width="4" stroke-linejoin="round" paint-order="stroke">{_text(text)}</text>'
        )


def _key(lines: Sequence[Line]) -> Iterator[str]:
    for place, line in enumerate(lines):
        row, column = divmod(place, _IN_A_ROW)
        x, y = 24 + column * (RIGHT - 24) // _IN_A_ROW, 76 + row * 18
        yield f'<path d="M{x} {y}h26" fill="none" stroke-width="2.5" {_pen(place)}/>'
        name = _cut(line.name, MAX_NAME)
        yield f'<text x="{x + 32}" y="{y + 4}">{_text(name)}</text>'


def _curve(graph: IncidentGraph, heights: Course, place: int) -> Iterator[str]:
    path: list[str] = []
    begins = True
    for bucket, y in enumerate(heights):
        if y is None:
            begins = True
            continue
        start = graph.first // graph.step_s * graph.step_s + bucket * graph.step_s
        x = _x(graph, start + graph.step_s / 2)
        path.append(f"{'M' if begins else 'L'}{x:.1f} {y:.1f}")
        if begins:
            path.append("h.01")  # one alone is a dot
        begins = False
    if path:
        yield (
            f'<path d="{"".join(path)}" fill="none" stroke-width="{_PEN:g}" stroke-linejoin="round" '
            f'stroke-linecap="round" {_pen(place)}/>'
        )


def _pen(place: int) -> str:
    colour = _COLOURS[place % len(_COLOURS)]
    dash = _DASHES[place // len(_COLOURS) % len(_DASHES)]
    return f'stroke="{colour}"' + (f' stroke-dasharray="{dash}"' if dash else "")


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _text(text: str) -> str:
    """As XML takes it: no markup, and no character that no document may hold."""
    return escape("".join(each if _allowed(each) else "�" for each in text))


def _allowed(character: str) -> bool:
    code = ord(character)
    return character in "\t\n\r" or 0x20 <= code < 0xD800 or 0xE000 <= code < 0xFFFE or code > 0xFFFF
