"""The templates of the public pages: every text is escaped. Pure."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from coalmine_aggregator.status import figures, labels, moments
from coalmine_aggregator.status.site import ComponentChange

# Neither HTML nor XML has a place for these: controls but tab and line feed, halves of pairs, and what
# is no character.
_NO_TEXT: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_LINE_END: Final = re.compile("\r\n?")
_WEB: Final = frozenset({"http", "https", "mailto"})


def clean(value: Any) -> Any:
    """A text without what neither HTML nor XML can carry, its lines ended by line feeds; anything else
    as it is."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return _NO_TEXT.sub("\N{REPLACEMENT CHARACTER}", _LINE_END.sub("\n", value))
    return value


def lines(text: str) -> Markup:
    """A text for those who show HTML and know no style sheet: its lines stay lines."""
    return Markup("<br>").join(clean(text).split("\n"))


def web_address(text: str) -> str:
    """An address that a page may link to; empty where it is none."""
    try:
        return text if urlsplit(text).scheme.lower() in _WEB else ""
    except ValueError:
        return ""


def alike(changes: Iterable[ComponentChange]) -> list[tuple[list[str], str, str]]:
    """The names of those components to which an update did the same, and what: the state before, and
    after."""
    found: dict[tuple[str, str], list[str]] = {}
    for change in changes:
        found.setdefault((change.old, change.new), []).append(change.name)
    return [(names, old, new) for (old, new), names in found.items()]


def template(name: str) -> Template:
    """A template by its file name."""
    return _environment().get_template(name)


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("coalmine_aggregator.status"),
        autoescape=True,
        auto_reload=False,
        finalize=clean,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        cache_size=50,
    )
    environment.globals.update(
        alike=alike,
        share_delivered=figures.share_delivered,
        lost_of=figures.lost_of,
        lasted=figures.lasted,
        counted=figures.counted,
        day_of=moments.day_of,
        short_day_of=moments.short_day_of,
        component_label=labels.COMPONENT,
        incident_label=labels.INCIDENT,
        grade_label=labels.GRADE,
        maintenance_label=labels.maintenance_label,
        maintenance_icon=labels.maintenance_icon,
        called_off=labels.CALLED_OFF,
        web_address=web_address,
        lines=lines,
    )
    return environment
