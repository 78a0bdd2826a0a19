"""The newest records as Atom (RFC 4287) and RSS 2.0. Pure.

Readers of feeds resolve no relative links: where the URL of the page is not known, the Atom feed has
none, and there is no RSS, which cannot be without.
"""

from __future__ import annotations

import uuid
from email.utils import formatdate
from typing import Final, NamedTuple

from markupsafe import Markup

from coalmine_aggregator.status.frame import Frame, Item, Told
from coalmine_aggregator.status.moments import iso
from coalmine_aggregator.status.pages import template
from coalmine_aggregator.status.site import PageInfo, PublicIncident, Site

MOST: Final = 50
"""Entries, the newest."""

_NAMES: Final = uuid.UUID("6d1f4f0c-6a3e-5b52-9c55-0f6a5f0d6c11")
"""Of what `urn_of` names."""


class FeedEntry(NamedTuple):
    """A record in a feed: `link` is absolute, empty where it cannot be; `content` is HTML."""

    urn: str
    told: Told
    title: str
    link: str
    published: float
    updated: float
    content: Markup


def newest_of(site: Site) -> tuple[Item, ...]:
    """What the feeds tell of, the newest first."""
    items: list[Item] = [*site.incidents[:MOST], *site.maintenances[:MOST]]
    return tuple(sorted(items, key=lambda each: (-each.created_at, each.id))[:MOST])


def feeds(items: tuple[Item, ...], frame: Frame) -> dict[str, bytes]:
    """The feeds by their file names."""
    entries = [_entry(item, frame) for item in items]
    matter = {
        "page": frame.page,
        "entries": entries,
        "feed_urn": urn_of(frame.page, ""),
        "updated": max((each.updated for each in entries), default=0.0),
        "iso": iso,
        "http_date": lambda at: formatdate(int(max(at, 0)), usegmt=True),
    }
    found = {"history.atom": template("history.atom").render(**matter).encode()}
    if frame.page.url:
        found["history.rss"] = template("history.rss").render(**matter).encode()
    return found


def urn_of(page: PageInfo, record: str) -> str:
    """The name of a record, or of the page, for ever, wherever the page may move to."""
    return uuid.uuid5(_NAMES, f"{page.id}/{record}").urn


def _entry(item: Item, frame: Frame) -> FeedEntry:
    told = frame.told(item)
    kind = "incidents" if isinstance(item, PublicIncident) else "maintenances"
    content = template("feed_entry.html").render(told=told, moments=frame.moments)
    return FeedEntry(
        urn_of(frame.page, f"{kind}/{item.id}"),
        told,
        item.name,
        f"{frame.page.url}/{kind}/{item.id}/" if frame.page.url else "",
        item.created_at,
        max(item.updated_at, item.created_at),
        Markup(content),  # noqa: S704 - made by a template that escapes
    )
