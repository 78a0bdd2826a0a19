"""A rendering with what was before is that without it; every link leads somewhere; it costs little."""

from __future__ import annotations

import gzip
import hashlib
import re
import time
from collections.abc import Callable, Iterator
from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coalmine_aggregator.model.incident import IncidentState
from coalmine_aggregator.status.documents import HTML, KEPT, LIVE, POLICY, SETTLED
from coalmine_aggregator.status.render import Rendered, render
from coalmine_aggregator.status.site import ComponentStatus, MaintenanceState, Site
from tests.aggregator.status import sites
from tests.aggregator.status.markup import Markup

FIXED = {
    "index.html",
    "history/index.html",
    "history.atom",
    "history.rss",
    "api/v2/summary.json",
    "api/v2/status.json",
    "api/v2/components.json",
    "api/v2/incidents.json",
    "api/v2/incidents/unresolved.json",
    "api/v2/scheduled-maintenances.json",
    "api/v2/scheduled-maintenances/upcoming.json",
    "api/v2/scheduled-maintenances/active.json",
    "404.html",
    "robots.txt",
    "favicon.svg",
}
CASES: tuple[Callable[[], Site], ...] = (
    sites.well,
    sites.outage,
    sites.in_maintenance,
    sites.stale,
    sites.in_part,
)


def bodies(rendered: Rendered) -> dict[str, bytes]:
    return {name: document.body for name, document in rendered.items()}


def pages(rendered: Rendered) -> Iterator[tuple[str, Markup]]:
    for name, document in rendered.items():
        if document.content_type == HTML:
            yield name, Markup(document.body.decode())


# A second of a site's life.


def measured(site: Site, at: int) -> Site:
    parts = tuple(
        each._replace(days=(*each.days[:-1], each.days[-1]._replace(judged=each.days[-1].judged + at)))
        for each in site.components
    )
    return site._replace(now=site.now + 1, measured_at=site.now, components=parts)


def worse(site: Site, at: int) -> Site:
    parts = list(site.components)
    hit = at % len(parts)
    parts[hit] = parts[hit]._replace(status=list(ComponentStatus)[at % 5], status_since=site.now)
    return site._replace(components=tuple(parts))


def updated(site: Site, at: int) -> Site:
    told = list(site.incidents)
    hit = at % len(told)
    update = sites.update(at, site.now, IncidentState.RESOLVED, f"said at {at}")
    told[hit] = told[hit]._replace(updates=(update, *told[hit].updates), updated_at=site.now)
    return site._replace(incidents=tuple(told))


def opened(site: Site, at: int) -> Site:
    new = sites.open_incident()._replace(id=f"fresh{at:07d}", started_at=site.now - at)
    return site._replace(incidents=(new, *site.incidents))


def withheld(site: Site, at: int) -> Site:
    hit = at % len(site.incidents)
    return site._replace(incidents=site.incidents[:hit] + site.incidents[hit + 1 :] or site.incidents)


def planned(site: Site, at: int) -> Site:
    work = sites.maintenance(list(MaintenanceState)[at % 3], 50 + at, site.now + at)
    return site._replace(maintenances=(work, *site.maintenances))


def renamed(site: Site, at: int) -> Site:
    first, *others = site.components
    return site._replace(components=(first._replace(name=f"Part {at}"), *others))


def behind(site: Site, at: int) -> Site:
    return site._replace(is_stale=not site.is_stale, now=site.now + 60 * at)


def day_later(site: Site, at: int) -> Site:
    return site._replace(now=site.now + 86_400, measured_at=site.now + 86_399)


Step = Callable[[Site, int], Site]
STEPS: tuple[Step, ...] = (
    measured,
    worse,
    updated,
    opened,
    withheld,
    planned,
    renamed,
    behind,
    day_later,
)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(1, 99)), min_size=1, max_size=6))
def test_what_is_kept_is_what_would_be_made(steps: list[tuple[Step, int]]) -> None:
    site = sites.outage()
    site = site._replace(incidents=site.incidents[:5], components=site.components[:2])
    before = render(site)
    for step, at in steps:
        site = step(site, at)
        after, anew = render(site, before), render(site)
        assert bodies(after) == bodies(anew)
        assert [each.gzip for each in after.values()] == [each.gzip for each in anew.values()]
        for name, document in after.items():
            was = before.get(name)
            if was is not None and was.body == document.body:
                assert document is was, name
            else:
                assert document.last_modified == int(site.now), name
        before = after


@pytest.mark.parametrize("case", CASES)
def test_documents(case: Callable[[], Site]) -> None:
    rendered = render(case())
    assert set(rendered) >= FIXED
    for name, document in rendered.items():
        assert document.gzip == b"" or gzip.decompress(document.gzip) == document.body, name
        assert document.gzip == b"" or len(document.gzip) < len(document.body), name
        assert document.etag.startswith('W/"')
        headers = document.headers()
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Vary"] == "Accept-Encoding"
        if name.startswith("assets/"):
            assert document.cache_control == KEPT
            assert hashlib.blake2b(document.body, digest_size=5).hexdigest() in name
        elif document.content_type == HTML:
            assert document.cache_control == LIVE
            assert headers["Content-Security-Policy"].startswith(POLICY)
        else:
            assert document.cache_control == (LIVE if name.startswith("api/") else SETTLED), name
            assert ("Access-Control-Allow-Origin" in headers) == name.startswith(("api/", "history."))
    by_body = {document.body: document.etag for document in rendered.values()}
    assert len(set(by_body.values())) == len(by_body)


@pytest.mark.parametrize("case", CASES)
def test_pages_are_whole_and_every_link_leads_to_a_document(case: Callable[[], Site]) -> None:
    site = case()
    rendered = render(site)
    reached = set()
    for name, page in pages(rendered):
        assert page.faults == [], name
        assert len(set(page.ids)) == len(page.ids), name
        assert page.elements["h1"] == 1, name
        assert not [value for key, value in page.attributes if key == "style" or key.startswith("on")]
        assert page.elements["style"] == 0
        base = f"https://any.example/below/{name.removesuffix('index.html')}"
        for link in page.links:
            if link.startswith("#"):
                assert link[1:] in page.ids, (name, link)
                continue
            url = urlsplit(urljoin(base, link))
            if url.netloc != "any.example":
                assert link == site.page.support
                continue
            if name == "404.html":  # shown for any path, so its links are from the root
                assert link.startswith("/")
                path = url.path
            else:
                assert not link.startswith("/")
                path = url.path.removeprefix("/below")
            found = rendered.find(path)
            assert found is not None, (name, link)
            assert found.document is not None, (name, link)
            reached.add(path)
    for kind, items in (("incidents", site.incidents), ("maintenances", site.maintenances)):
        for item in items:
            assert f"/{kind}/{item.id}/" in reached


def test_paths() -> None:
    rendered = render(sites.well())
    for path, name in (
        ("/", "index.html"),
        ("", "index.html"),
        ("/index.html", "index.html"),
        ("/history/", "history/index.html"),
        ("/history.atom", "history.atom"),
        ("/api/v2/incidents/unresolved.json", "api/v2/incidents/unresolved.json"),
    ):
        found = rendered.find(path)
        assert found is not None
        assert found.document is rendered[name]
    elsewhere = rendered.find("/history")
    assert elsewhere is not None
    assert elsewhere.document is None
    assert elsewhere.location == "history/"
    for path in (
        "/nowhere",
        "/history/99/",
        "/..",
        "//",
        "/incidents/",
        "/api/v2",
        "/history/../robots.txt",
    ):
        assert rendered.find(path) is None


def test_full_pages_of_the_history_never_change_when_more_comes() -> None:
    site = sites.large(incidents=130, parts=1)
    rendered = render(site)
    full = [f"history/{number}/index.html" for number in range(1, 5)]
    assert [name in rendered for name in (*full, "history/5/index.html")] == [True] * 4 + [False]
    grown = site._replace(incidents=(sites.open_incident(), *site.incidents), now=site.now + 5)
    after = render(grown, rendered)
    assert all(after[name] is rendered[name] for name in full)
    assert after["history/index.html"] is not rendered["history/index.html"]


def test_every_incident_is_told_in_full_in_the_history() -> None:
    site = sites.large(incidents=130, parts=1)
    told = "".join(page.text for name, page in pages(render(site)) if name.startswith("history/"))
    for incident in site.incidents:
        assert f"{incident.impacts[0].bad:,} of 86,400 datapoints lost" in told
    assert told.count("A network card of a load balancer dropped every third packet.") == 130
    assert told.count("What caused it") == told.count("How it was resolved") == 130
    assert told.count("Datapoints have arrived for ten minutes.") == 130


def test_work_that_was_called_off_is_said_so_wherever_it_was_read() -> None:
    work = sites.called_off()
    made = render(sites.well()._replace(maintenances=(work,)))
    for name in ("index.html", "history/index.html", f"maintenances/{work.id}/index.html"):
        text = Markup(made[name].body.decode()).text
        assert "maintenance called off" in text.lower().replace("maintenance: ", "maintenance "), name
        assert "Completed" not in text.partition("called off")[2][:200], name
    assert b"called off before it began" in made["history.atom"].body


def test_a_component_that_is_not_measured_is_told_so_and_what_it_was() -> None:
    index = Markup(render(sites.in_part())["index.html"].body.decode()).text
    assert "Not measured at present: UDP Europe and Dashboards." in index
    assert "last known: operational" in index
    assert "Not measured for more than an hour; last known: major outage" in index
    assert "Not measured since" in index
    whole = Markup(render(sites.well())["index.html"].body.decode()).text
    assert "Not measured" not in whole
    assert "last known" not in whole


def test_what_is_behind_is_said() -> None:
    index = Markup(render(sites.stale())["index.html"].body.decode()).text
    said = "Last measured 11:59:04 UTC, 4 minutes ago; what is shown is the last known state."
    assert said in " ".join(index.split())
    never = sites.stale()._replace(measured_at=None)
    assert "Nothing has been measured yet." in Markup(render(never)["index.html"].body.decode()).text
    days_ago = sites.stale()._replace(measured_at=sites.NOW - 3 * 86_400)
    index = " ".join(Markup(render(days_ago)["index.html"].body.decode()).text.split())
    assert "Last measured 25 November 2026, 12:03:05 UTC, 3 days ago;" in index


def test_every_bar_has_its_day_and_numbers_in_words() -> None:
    site = sites.outage()
    page = Markup(render(site)["index.html"].body.decode())
    bars = sum(len(each.days) for each in site.components)
    text = " ".join(page.text.split())
    told = re.findall(r"[MTWFS]\w\w \d+ \w{3} (?:100 % of|[\d.]+ % delivered,|no figures)", text)
    assert len(told) == bars
    assert "Fri 27 Nov 100 % of 518,400 delivered" in text
    assert "Thu 19 Nov 99.76 % delivered, 1,209 of 518,400 lost" in page.text
    assert "99.9999978 % delivered, 1 of 46,397,911 lost" in page.text


def test_a_second_of_a_large_site_costs_little() -> None:
    site = sites.large()
    rendered = render(site)
    costs = []
    for at in range(6):
        site = measured(site, at + 1)
        began = time.process_time()
        after = render(site, rendered)
        costs.append(time.process_time() - began)
        fresh = [name for name in after if after[name] is not rendered[name]]
        assert fresh == ["index.html"]
        rendered = after
    assert min(costs) < 0.03  # 3.5 ms on an idle core


def test_the_least_that_there_can_be() -> None:
    site = sites.well()
    bare = sites.past_incident(1, sites.NOW - 9_000)._replace(
        updates=(), impacts=(), components=(), cause="", resolved_at=None, ended_at=None
    )
    part = site.components[0]._replace(days=())
    for each in (
        site._replace(components=(), incidents=(), maintenances=(), measured_at=None, is_stale=True),
        site._replace(components=(part,), incidents=(bare,)),
    ):
        for name, page in pages(render(each)):
            assert page.faults == [], name
            assert page.elements["h1"] == 1, name


def test_an_incident_that_moved_leads_to_the_other_on_any_host() -> None:
    site = sites.outage()._replace(moved=(("incidentgone", "incidentopen"),))
    rendered = render(site, render(sites.outage()))
    for path, location in (
        ("/incidents/incidentgone/", "../incidentopen/"),
        ("/incidents/incidentgone/index.html", "../incidentopen/"),
        ("/incidents/incidentgone", "incidentgone/"),
    ):
        found = rendered.find(path)
        assert found is not None
        assert (found.document, found.location) == (None, location)
        assert urljoin(path, location).startswith("/incidents/incident")
    page = Markup(rendered["incidents/incidentgone/index.html"].body.decode())
    assert page.faults == []
    assert ("content", "0; url=../incidentopen/") in page.attributes
    assert ("name", "robots") in page.attributes
    assert page.links.count("../incidentopen/") == 2
    assert "UDP ingestion: datapoints lost in Europe" in page.text
    for name, document in rendered.items():
        assert b"incidentgone" not in document.body, name
    assert "incidents/incidentgone/index.html" not in render(sites.outage(), rendered)


def test_an_open_incident_leaves_room_for_the_components() -> None:
    site = sites.outage()
    told = tuple(
        sites.update(at, sites.NOW - at, IncidentState.IDENTIFIED, f"said {at}") for at in range(300)
    )
    counts = tuple(site.incidents[0].impacts[0]._replace(name=f"Part {at}") for at in range(60))
    open_ = site.incidents[0]._replace(updates=told, impacts=counts)
    rendered = render(site._replace(incidents=(open_, *site.incidents[1:])))
    index = Markup(rendered["index.html"].body.decode()).text
    assert index.count("said ") == 5
    assert "All 300 updates" in index
    assert "and 54 more components" in index
    own = Markup(rendered[f"incidents/{open_.id}/index.html"].body.decode()).text
    assert own.count("said ") == 300
    assert own.count("86,120 of 86,400 datapoints lost") == 60


def test_counts_of_a_part_say_so() -> None:
    site = sites.outage()
    part = site.incidents[0].impacts[0]._replace(is_whole=False)
    rendered = render(site._replace(incidents=(site.incidents[0]._replace(impacts=(part,)),)))
    said = "86,120 of 86,400 datapoints of the affected part lost"
    for name in (
        "index.html",
        "history/index.html",
        "incidents/incidentopen/index.html",
        "history.atom",
    ):
        assert said in rendered[name].body.decode(), name


def test_what_is_not_measured_is_not_said_to_be_well() -> None:
    site = sites.well()
    silent = sites.component("Silent", 1, its_days=sites.days()[:-2] + sites.days(known=0)[-2:])
    for part, said in (
        (silent, "No figures"),
        (silent._replace(status=ComponentStatus.MAJOR_OUTAGE), "Major outage"),
        (silent._replace(days=sites.days()[:-1] + sites.days(known=0)[-1:]), "Operational"),
    ):
        page = render(site._replace(components=(part,)))["index.html"].body.decode()
        assert re.findall(r'<p class="state[^>]*>.*?</svg>\s*([^<]+)</p>', page, re.S) == [said]


def test_what_an_update_did_to_many_components_is_one_line() -> None:
    site = sites.outage()
    change = site.incidents[0].updates[-1].changes[0]
    many = (
        change,
        change._replace(name="TCP"),
        change._replace(name="TLS", new=ComponentStatus.PARTIAL_OUTAGE),
    )
    update = site.incidents[0].updates[-1]._replace(changes=many)
    page = Markup(
        render(site._replace(incidents=(site.incidents[0]._replace(updates=(update,)),)))[
            "incidents/incidentopen/index.html"
        ].body.decode()
    )
    text = " ".join(page.text.split())
    assert "UDP Europe, TCP: Operational became→ Major outage TLS: Operational became→ Partial" in text


def test_since_when_is_said_where_it_is_known() -> None:
    site = sites.outage()
    known = site.components[0]
    for part, said in (
        (known, "since 28 November 2026, 11:38 UTC"),
        (known._replace(is_since_known=False), "for more than an hour"),
    ):
        page = render(site._replace(components=(part,)))["index.html"].body.decode()
        assert said in Markup(page).text
