"""The history: every incident and maintenance there ever was, in pages that stay as they are. Pure.

Pages are counted from the oldest record and hold 25, so what is once on a page stays there; the first
page has the newest 25 and those that do not fill a page yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any, Final, NamedTuple

from markupsafe import Markup

from coalmine_aggregator.status.frame import Frame, Item, began
from coalmine_aggregator.status.moments import month_of
from coalmine_aggregator.status.pages import template
from coalmine_aggregator.status.site import PublicIncident, Site

PER_PAGE: Final = 25


class Shelf(NamedTuple):
    """A page of the history: its number, 0 for the first; links, empty for none, are relative to it."""

    number: int
    items: tuple[Item, ...]
    newer: str
    older: str
    years: tuple[tuple[int, str], ...]

    @property
    def root(self) -> str:
        """From there to the top of the site."""
        return "../../" if self.number else "../"


class Month(NamedTuple):
    """Entries under one heading."""

    name: str
    entries: tuple[Markup, ...]


def shelves_of(site: Site, frame: Frame) -> tuple[Shelf, ...]:
    """All pages, the newest first."""
    items: list[Item] = [*site.incidents, *site.maintenances]
    items.sort(key=lambda each: (-began(each), each.id))
    full = max(0, len(items) // PER_PAGE - 1)
    first = items[: len(items) - PER_PAGE * full]
    shelves = [Shelf(0, tuple(first), "", f"{full}/" if full else "", ())]
    for number in range(full, 0, -1):
        end = len(items) - PER_PAGE * (number - 1)
        newer = "../" if number == full else f"../{number + 1}/"
        older = f"../{number - 1}/" if number > 1 else ""
        shelves.append(Shelf(number, tuple(items[end - PER_PAGE : end]), newer, older, ()))
    years: dict[int, str] = {}
    for shelf in shelves:
        for item in shelf.items:
            years.setdefault(frame.moments.day(began(item)).year, f"{shelf.number}/")
    if full:
        shelves[0] = shelves[0]._replace(
            years=tuple((year, "./" if where == "0/" else where) for year, where in years.items())
        )
    return tuple(shelves)


def history_page(shelf: Shelf, entries: Sequence[Markup], frame: Frame, always: dict[str, Any]) -> str:
    """A page of it; `entries` are its records as `entry_of` tells them."""
    told = zip((month_of(frame.moments.day(began(item))) for item in shelf.items), entries, strict=True)
    months = [
        Month(name, tuple(entry for _, entry in group))
        for name, group in groupby(told, key=lambda each: each[0])
    ]
    span = ""
    if months:
        newest, oldest = months[0].name, months[-1].name
        span = newest if newest == oldest else f"{oldest} to {newest}"
    return template("history.html").render(
        **always,
        months=months,
        span=span,
        number=shelf.number,
        newer=shelf.newer,
        older=shelf.older,
        years=shelf.years,
    )


def entry_of(item: Item, root: str, frame: Frame) -> Markup:
    """A record in the history; `root` is the way from its page to the top of the site."""
    text = template("history_entry.html").render(
        told=frame.told(item), moments=frame.moments, root=root
    )
    return Markup(text)  # noqa: S704 - made by a template that escapes


def record_page(item: Item, frame: Frame, always: dict[str, Any]) -> str:
    """The page of one incident or maintenance, with all its updates."""
    name = "incident.html" if isinstance(item, PublicIncident) else "maintenance.html"
    return template(name).render(**always, told=frame.told(item))
