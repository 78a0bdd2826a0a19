"""Whatever people write is text: it makes no element, no attribute, no broken document."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import cycle
from xml.etree import ElementTree

from hypothesis import given, settings
from hypothesis import strategies as st

from coalmine_aggregator.status.documents import HTML
from coalmine_aggregator.status.pages import web_address
from coalmine_aggregator.status.render import render
from coalmine_aggregator.status.site import MaintenanceState, Site
from tests.aggregator.status import sites
from tests.aggregator.status.markup import Markup

EVIL = """<img src=x onerror=alert(1)></title></script><script>alert(2)</script>'"><!--&lt;{{7*7}}]]>"""
# Half of a pair, a null, an escape, what XML forbids, and one that turns the line around.
ODD = "a\ud800b\x00c\x1bd\ufffee\u202ef"
ANY = st.one_of(
    st.just(EVIL),
    st.just(ODD),
    st.text(st.characters(codec=None), max_size=30),
    st.text("<>&'\"/=-!{}%[]#", max_size=20),
)


def written(say: Callable[[], str]) -> Site:
    """A site in which every free text is what `say` gives."""
    site = sites.outage()
    incident = sites.open_incident()
    over = sites.past_incident(1, sites.NOW - 86_400)
    incidents = tuple(
        each._replace(
            name=say(),
            cause=say(),
            affected=say(),
            resolution=say(),
            impacts=tuple(impact._replace(name=say()) for impact in each.impacts),
            updates=tuple(
                update._replace(
                    body=say(), changes=tuple(change._replace(name=say()) for change in update.changes)
                )
                for update in each.updates
            ),
        )
        for each in (incident, over)
    )
    maintenances = tuple(
        sites.maintenance(state, number)._replace(name=say(), body=say())
        for number, state in enumerate(MaintenanceState)
    )
    components = tuple(
        each._replace(name=say(), description=say(), group=say(), days=each.days[-3:])
        for each in site.components[:2]
    )
    page = site.page._replace(name=say(), description=say(), support=say(), time_zone=say())
    return site._replace(
        page=page,
        headline=say(),
        components=components,
        incidents=incidents,
        maintenances=maintenances,
    )


def shape(site: Site) -> dict[str, tuple[dict[str, int], int]]:
    """The elements of every page, and how many attributes they have."""
    found = {}
    for name, document in render(site).items():
        if document.content_type == HTML:
            page = Markup(document.body.decode())
            assert page.faults == [], name
            found[name] = (dict(page.elements), len(page.attributes))
    return found


def test_markup_makes_no_element() -> None:
    # Neither has a support link, and both have one group.
    assert shape(written(lambda: EVIL)) == shape(written(lambda: "a word"))
    page = Markup(render(written(lambda: EVIL))["index.html"].body.decode())
    assert page.text.count(EVIL) > 10


@settings(max_examples=60, deadline=None)
@given(st.lists(ANY, min_size=1, max_size=5))
def test_any_text_keeps_every_document_whole(texts: list[str]) -> None:
    turns = cycle(texts)
    site = written(lambda: next(turns))
    for name, document in render(site).items():
        text = document.body.decode()
        assert not any(ord(each) < 32 and each not in "\t\n" for each in text), name
        if document.content_type == HTML:
            page = Markup(text)
            assert page.faults == [], name
            assert page.elements["script"] == 1
            assert page.elements["img"] == 0
            assert not [each for each in page.attributes if each[0].startswith("on")]
            assert not [each for each in page.links if each.lower().lstrip().startswith("javascript:")]
        elif name.endswith((".atom", ".rss", ".svg")):
            ElementTree.fromstring(text)
        elif name.endswith(".json"):
            json.loads(text)


def test_only_addresses_of_the_web_are_linked() -> None:
    for text in (
        "javascript:alert(1)",
        "data:text/html,x",
        "//x",
        "x",
        "",
        "http://[",
        " javascript:x",
    ):
        assert web_address(text) == ""
    for text in ("https://example.com/support", "mailto:help@example.com", "HTTP://example.com"):
        assert web_address(text) == text
