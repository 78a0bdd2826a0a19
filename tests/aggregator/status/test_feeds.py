"""The feeds are what RFC 4287 and RSS 2.0 ask for, and a parser reads in them what is in the site."""

from __future__ import annotations

import calendar
import uuid
from typing import Any
from xml.etree import ElementTree

import feedparser
import pytest

from coalmine_aggregator.status.render import render
from coalmine_aggregator.status.site import (
    MaintenanceState,
    PublicIncident,
    PublicMaintenance,
    Site,
)
from tests.aggregator.status import sites
from tests.aggregator.status.markup import Markup

ATOM = "{http://www.w3.org/2005/Atom}"
BARE = sites.PAGE._replace(url="")


def everything() -> Site:
    """An outage while work is planned."""
    return sites.outage()._replace(maintenances=sites.in_maintenance().maintenances)


def parsed(site: Site, name: str) -> Any:
    document = render(site)[name]
    headers = {"content-type": document.content_type, "content-location": f"{sites.PAGE.url}/{name}"}
    feed = feedparser.parse(document.body, response_headers=headers, sanitize_html=False)
    assert not feed.bozo, feed.get("bozo_exception")
    return feed


@pytest.mark.parametrize(("name", "version"), [("history.atom", "atom10"), ("history.rss", "rss20")])
def test_a_parser_reads_every_record(name: str, version: str) -> None:
    site = everything()
    feed = parsed(site, name)
    assert feed.version == version
    assert feed.feed.title == "Example status"
    assert feed.feed.link == "https://status.example.com/"
    assert {each.href for each in feed.feed.links if each.rel == "self"} == {
        f"https://status.example.com/{name}"
    }
    records: dict[str, PublicIncident | PublicMaintenance] = {
        **{f"/incidents/{each.id}/": each for each in site.incidents},
        **{f"/maintenances/{each.id}/": each for each in site.maintenances},
    }
    assert len(feed.entries) == len(records)
    for entry in feed.entries:
        record = records.pop(entry.link.removeprefix("https://status.example.com"))
        assert entry.title == record.name
        assert calendar.timegm(entry.published_parsed) == int(record.created_at)
        assert uuid.UUID(entry.id.removeprefix("urn:uuid:"))
    assert records == {}
    times = [entry.published_parsed for entry in feed.entries]
    assert times == sorted(times, reverse=True)


@pytest.mark.parametrize("name", ["history.atom", "history.rss"])
def test_an_entry_tells_all_of_an_incident(name: str) -> None:
    site = everything()
    [entry] = [each for each in parsed(site, name).entries if each.link.endswith("/incident0039/")]
    html = entry.content[0].value if name == "history.atom" else entry.summary
    page = Markup(html)
    assert page.faults == []
    for said in (
        "Post-mortem, minor impact.",
        "UDP Europe: 1,243 of 86,400 datapoints lost",
        "lasted 24 minutes 20 seconds",
        "A network card of a load balancer dropped every third packet.",
        "Customers who send over UDP to Europe lost 1.4 % of their datapoints.",
        "The load balancer was taken out of service and its card replaced.",
        "Datapoints arrive again. We keep watching.",
    ):
        assert said in page.text


def test_lines_stay_lines_where_there_is_no_style_sheet() -> None:
    site = sites.well()
    work = sites.maintenance()._replace(body="First <b>.\r\n\r\nSecond.")
    site = site._replace(maintenances=(work,), incidents=())
    [entry] = parsed(site, "history.atom").entries
    assert "<p>First &lt;b&gt;.<br /><br />Second.</p>" in entry.content[0].value
    page = render(site)["index.html"].body.decode()
    assert "First &lt;b&gt;.\n\nSecond." in page


@pytest.mark.parametrize("page", [sites.PAGE, BARE])
@pytest.mark.parametrize("empty", [False, True])
def test_atom_is_as_its_standard_asks(page: Any, empty: bool) -> None:
    site = everything()._replace(page=page)
    if empty:
        site = site._replace(incidents=(), maintenances=())
    feed = ElementTree.fromstring(render(site)["history.atom"].body)
    assert feed.tag == f"{ATOM}feed"
    entries = feed.findall(f"{ATOM}entry")
    assert len(entries) == (0 if empty else len(site.incidents) + len(site.maintenances))
    for element in (feed, *entries):  # RFC 4287, 4.1.1 and 4.1.2
        for name in ("id", "title", "updated"):
            assert len(element.findall(f"{ATOM}{name}")) == 1
        relations = [(each.get("rel"), each.get("type")) for each in element.findall(f"{ATOM}link")]
        assert len(set(relations)) == len(relations)
        assert (("alternate", "text/html") in relations) == (page is sites.PAGE)
        assert all(each.get("href", "").startswith("https://") for each in element.iter(f"{ATOM}link"))
    assert len(feed.findall(f"{ATOM}author")) == 1  # 4.1.1: or each entry needs one
    assert all(each.find(f"{ATOM}content") is not None for each in entries)  # 4.1.2: or a link
    ids = [each.findtext(f"{ATOM}id") for each in (feed, *entries)]
    assert len(set(ids)) == len(ids)
    newest = max((each.findtext(f"{ATOM}updated", "") for each in entries), default=None)
    assert newest in (None, feed.findtext(f"{ATOM}updated"))


def test_names_stay_when_the_page_moves_or_a_record_changes() -> None:
    def ids(site: Site) -> list[str]:
        return [entry.id for entry in parsed(site, "history.atom").entries]

    site = everything()
    moved = site._replace(page=site.page._replace(url="https://moved.example.com/status", name="Other"))
    done = moved._replace(
        incidents=tuple(each._replace(name="renamed") for each in moved.incidents),
        maintenances=tuple(
            each._replace(state=MaintenanceState.COMPLETED) for each in moved.maintenances
        ),
    )
    assert ids(done) == ids(moved) == ids(site)
    other = site._replace(page=site.page._replace(id="anotherpage1"))
    assert set(ids(other)).isdisjoint(ids(site))


def test_there_is_no_rss_where_no_address_is_known() -> None:
    rendered = render(everything()._replace(page=BARE))
    assert "history.rss" not in rendered
    for document in rendered.values():
        assert b"history.rss" not in document.body


def test_a_second_without_news_changes_no_feed() -> None:
    site = sites.well()
    later = site._replace(now=site.now + 1, measured_at=site.now)
    before, after = render(site), render(later)
    for name in ("history.atom", "history.rss"):
        assert before[name].etag == after[name].etag


def test_feeds_are_bounded() -> None:
    for name in ("history.atom", "history.rss"):
        assert len(parsed(sites.large(incidents=300, parts=1), name).entries) == 50
