"""The pages of incidents over the real rules: what people write is sent, kept, or refused where it is
wrong; viewers see no forms; whatever is told is text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from coalmine_aggregator.access.roles import Role
from coalmine_aggregator.incidents.policy import IncidentPolicy
from coalmine_aggregator.model.alerts import Change, Transition
from coalmine_aggregator.model.incident import (
    ActionItem,
    CellImpact,
    EntryKind,
    Impact,
    Incident,
    IncidentState,
    Participant,
    Postmortem,
)
from coalmine_aggregator.model.incident_snapshot import Snapshot, SnapshotName
from coalmine_aggregator.status.site import ComponentImpact, Grade, PublicIncident, PublicUpdate
from tests.aggregator.web.conftest import OpenSite, Site, by_token, open_site, tab, view
from tests.aggregator.web.fake_view import FakeView, make_alert, make_history
from tests.aggregator.web.test_browser import beating, readers, site
from tests.browser import axe, chromium
from tests.browser.chromium import Tab
from tests.browser.test_hostile_words import EVIL, MARKUP, OVER, SPILT

__all__ = ["open_site", "readers", "site", "tab", "view"]

TOKEN = "correct-horse-battery"
SIZES = [{"size": chromium.DESKTOP}, {"size": chromium.PHONE}]
FORMS = (
    "[...document.querySelectorAll('form, #acts, #update')].filter((each) => each.checkVisibility())"
)
MADE = (
    "document.querySelectorAll('[onerror], body script, a[href^=javascript],"
    ' img:not([src^="/static/"]):not([src^="/api/v1/incidents/"])\').length'
)
GRAPH = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 80 30"><path d="M0 9H80"/></svg>'


def opened(view: FakeView, number: int = 1, **changes: Any) -> Incident:
    """An alert opens, and so does its incident."""
    alert = make_alert(number, ordinal=number, since=int(view.now) - 300, **changes)
    view.alerts.append(alert)
    view.history += make_history(alert)
    return happens(view, Change.OPENED, number)


def happens(view: FakeView, change: Change, number: int) -> Incident:
    """Something happens to an alert; the incident as it stands then."""
    alert = next(each for each in view.alerts if each.number == number)
    if change is Change.CLOSED:
        view.alerts.remove(alert)
        alert = alert._replace(closed_at=view.now)
    view.incidents.changed(Transition(change, view.now, alert), now=view.now)
    return view.incidents.every[view.incidents.desk.of_alert(number)]


def public_record(incident: Incident, words: str = "We are looking into it.") -> PublicIncident:
    """What customers read."""
    update = PublicUpdate("u1", incident.opened_at, IncidentState.INVESTIGATING, words)
    return PublicIncident(
        id="abc",
        name=words,
        state=incident.state,
        grade=Grade.MAJOR,
        started_at=incident.since,
        created_at=incident.opened_at,
        updated_at=incident.updated_at,
        updates=(update,),
        components=("udp",),
        impacts=(ComponentImpact("udp", words, 40, 80),),
        cause=incident.postmortem.cause,
        affected=incident.postmortem.affected,
        resolution=incident.postmortem.resolution,
    )


def change(view: FakeView, number: int, **changes: Any) -> None:
    """The incident is otherwise, whatever it came of."""
    view.incidents.every[number] = view.incidents.every[number]._replace(**changes)


async def unfold(tab: Tab) -> None:
    """Everything that is folded away is seen."""
    for summary in await tab.page.locator("details > summary").all():
        if await summary.is_visible():
            await summary.click()


async def show(site: Site, tab: Tab, path: str) -> None:
    await tab.page.goto(str(site.server.make_url(path)))
    await tab.until("document.querySelector('#connection').dataset.state === 'live'")


async def sign_in(site: Site, tab: Tab, path: str) -> None:
    await tab.page.goto(str(site.server.make_url(path)))
    await tab.page.get_by_label("Token").fill(TOKEN)
    await tab.page.get_by_label("Token").press("Enter")
    await tab.until(f"location.pathname === '{path}'")
    await tab.until("document.querySelector('#connection').dataset.state === 'live'")


async def test_from_the_live_page_to_an_update_with_the_keyboard(site: Site, tab: Tab) -> None:
    view = site.view
    view.incidents.has_page = True
    incident = opened(view)
    view.incidents.records[1] = public_record(incident)
    await show(site, tab, "/")
    line = "document.querySelector('.ongoing').innerText"
    async with beating(site):
        await tab.until("document.querySelector('.ongoing') !== null")
        said = (await tab.value(line)).split("\n")
        assert said[:2] == ["investigating", "Incident 1"]
        assert said[2].startswith("Next update due in 29:"), said
        assert await tab.value("document.querySelector('.alert > header a').innerText") == "incident 1"
    await tab.page.locator(".ongoing a").press("Enter")
    await tab.until("document.querySelector('#update')?.checkVisibility()")
    assert await tab.value("location.pathname") == "/incidents/1"
    assert (await tab.value("document.querySelector('#due').innerText")).startswith(
        "Next update due in "
    )
    await tab.page.keyboard.press("u")
    await tab.page.keyboard.type("the decoder is stuck")
    await tab.page.get_by_label("For customers", exact=True).fill("We know why.\nWe are at it.")
    # What customers will read is seen while it is written.
    await tab.until("document.querySelector('[data-draft]').innerText.includes('We are at it.')")
    await tab.page.get_by_role("radio", name="identified").press(" ")
    await tab.page.get_by_role("button", name="Post the update").press("Enter")
    await tab.until("document.querySelector('.entry .state[data-state=identified]') !== null")
    entry = view.incidents.timelines[1][-1]
    assert (entry.kind, entry.who, entry.state) == (EntryKind.STATE, "local", IncidentState.IDENTIFIED)
    assert (entry.text, entry.public) == ("the decoder is stuck", "We know why.\nWe are at it.")
    shown = await tab.value("document.querySelector('.entry').innerText")
    assert "by local" in shown
    assert "the decoder is stuck" in shown
    assert "to customers\nWe know why.\nWe are at it." in shown
    assert await tab.page.get_by_label("For those who work on it").input_value() == ""
    assert not await tab.value("document.querySelector('[data-draft]').checkVisibility()")
    await tab.page.get_by_role("button", name="Publish").press("Enter")
    await tab.until(
        "document.querySelector('.standing').innerText.startsWith('Customers see it on UDP')"
    )
    await tab.page.get_by_role("button", name="Withhold").press("Enter")
    await tab.until("document.querySelector('.standing').innerText.startsWith('Withheld')")
    kinds = [each.kind for each in view.incidents.timelines[1]]
    assert kinds[-2:] == [EntryKind.PUBLISHED, EntryKind.WITHHELD]
    tab.must_be_quiet(str(site.server.make_url("/")))


async def test_what_is_written_outlives_refreshes_and_loading_anew(site: Site, tab: Tab) -> None:
    view = site.view
    opened(view)
    await show(site, tab, "/incidents/1")
    text = tab.page.get_by_label("For those who work on it")
    await text.fill("half a sen")
    await tab.page.get_by_role("radio", name="monitoring").check()
    # Others work on it, too; the focus stays where it is.
    await text.focus()
    await view.incidents.note(1, "somebody else", "ben", view.now)
    await tab.until("document.querySelector('.timeline').innerText.includes('somebody else')")
    assert await text.input_value() == "half a sen"
    assert await tab.value("document.activeElement.tagName") == "TEXTAREA"
    assert await tab.page.get_by_role("radio", name="monitoring").is_checked()
    await tab.page.reload()
    await tab.until("document.querySelector('#update')?.checkVisibility()")
    assert await text.input_value() == "half a sen"
    assert await tab.page.get_by_role("radio", name="monitoring").is_checked()
    # Sent, it is no draft any more.
    await tab.page.get_by_role("button", name="Post the update").click()
    await tab.until("document.querySelector('.timeline').innerText.includes('half a sen')")
    await tab.page.reload()
    await tab.until("document.querySelector('#update')?.checkVisibility()")
    assert await text.input_value() == ""
    assert view.incidents.every[1].state is IncidentState.MONITORING


async def test_what_the_api_refuses_is_told_at_its_field_and_kept(site: Site, tab: Tab) -> None:
    view = site.view
    opened(view)
    await show(site, tab, "/incidents/1")
    await tab.page.get_by_role("button", name="Post the update").click()
    wrong = "document.querySelector('#update .field .wrong:not([hidden])')"
    await tab.until(f"{wrong}?.innerText.includes('say something')")
    text = tab.page.get_by_label("For those who work on it")
    assert await text.get_attribute("aria-invalid") == "true"
    assert await tab.value(f"document.activeElement.parentElement.contains({wrong})")
    view.incidents.writes = False
    await text.fill("the store is away")
    await tab.page.get_by_role("button", name="Post the update").click()
    await tab.until(
        "document.querySelector('#update [role=status]').innerText.startsWith('Not done: It is')"
    )
    assert await text.input_value() == "the store is away"
    assert await text.get_attribute("aria-invalid") is None
    # A merge into what is not there.
    view.incidents.writes = True
    await tab.page.get_by_text("Merge it into another").click()
    await tab.page.get_by_label("Number of the incident").fill("99")
    await tab.page.get_by_role("button", name="Merge", exact=True).click()
    await tab.until("document.querySelector('#acts').innerText.includes('There is no incident 99.')")


async def test_a_post_mortem_is_written_and_no_one_s_words_are_lost(site: Site, tab: Tab) -> None:
    view = site.view
    view.incidents.policy = IncidentPolicy(resolve_after_s=0.0)
    opened(view)
    happens(view, Change.CLOSED, 1)
    view.now += 1
    view.incidents.passed(view.now)
    await show(site, tab, "/incidents/1")
    await tab.page.get_by_label("Summary").fill("A release stopped the decoder.")
    await tab.page.get_by_role("button", name="Add a person").press("Enter")
    await tab.page.keyboard.type("ann")
    await tab.page.get_by_role("button", name="Add an action").press("Enter")
    await tab.page.keyboard.type("a canary stage")
    await tab.page.get_by_label("Owner").fill("platform")
    await tab.page.get_by_label("Due").fill("2026-12-24")
    await tab.page.get_by_label("What caused it").fill("A change of ours.")
    # Somebody else is faster: nothing is lost, and it is said.
    other = Postmortem(summary="theirs", factors=("no canary",))
    await view.incidents.write_up(1, other, "ben", view.now)
    await tab.until("document.querySelector('#postmortem').innerText.includes('Somebody else saved')")
    assert await tab.page.get_by_label("Summary").input_value() == "A release stopped the decoder."
    await tab.page.get_by_role("button", name="Put mine in its place").press("Enter")
    await tab.until("document.querySelector('#postmortem form').innerText.includes('Saved.')")
    assert view.incidents.every[1].state is IncidentState.POSTMORTEM
    assert view.incidents.every[1].postmortem == Postmortem(
        people=(Participant("ann"),),
        summary="A release stopped the decoder.",
        actions=(ActionItem("a canary stage", "platform", "2026-12-24"),),
        cause="A change of ours.",
    )
    async with tab.page.expect_download() as download:
        await tab.page.get_by_text("Download as Markdown").click()
    assert (await download.value).suggested_filename == "incident-1.md"
    # What is refused is told where it is wrong, and stays.
    await tab.page.get_by_label("Owner").fill("")
    await tab.page.get_by_role("button", name="Save the post-mortem").click()
    await tab.until("document.querySelector('fieldset .wrong:not([hidden])') !== null")
    assert await tab.value("document.activeElement.ariaLabel") == "Owner"
    assert await tab.page.get_by_label("Owner").get_attribute("aria-invalid") == "true"
    await tab.page.get_by_role("button", name="Discard what is not saved").click()
    assert await tab.page.get_by_label("Owner").input_value() == "platform"


async def test_opening_by_hand_and_reopening(site: Site, tab: Tab) -> None:
    site.view.now = await tab.value("Date.now() / 1000")
    await show(site, tab, "/incidents")
    await tab.until("document.querySelector('#headline').innerText === 'No incident is open.'")
    await tab.page.get_by_text("Open an incident by hand").press("Enter")
    await tab.page.get_by_label("What is wrong").fill("Certificates are wrong")
    await tab.page.get_by_label("Service", exact=True).first.fill("ingest")
    await tab.page.get_by_label("Labels of what is hit").fill("protocol=tls, regio=eu")
    await tab.page.get_by_role("button", name="Open it").click()
    await tab.until(
        "document.querySelector('#opening .wrong:not([hidden])')?.innerText.includes('regio')"
    )
    await tab.page.get_by_label("Labels of what is hit").fill("protocol=tls, region=eu-west-1")
    await tab.page.get_by_label("Began, minutes ago").fill("5")
    await tab.page.get_by_role("button", name="Open it").click()
    await tab.page.wait_for_url("**/incidents/1")
    await tab.until("document.querySelector('#incident')?.checkVisibility()")
    [affected] = site.view.incidents.every[1].affected
    assert dict(affected.scope) == {"protocol": "tls", "region": "eu-west-1"}
    by_now = await tab.value("Date.now() / 1000")
    assert site.view.now - 301 <= affected.first <= by_now - 299
    await tab.page.get_by_role("radio", name="resolved").check()
    await tab.page.get_by_role("button", name="Post the update").click()
    await tab.until("document.querySelector('#state-line .state').dataset.state === 'resolved'")
    await tab.page.get_by_text("Reopen it").click()
    await tab.page.get_by_label("Why it goes on").fill("still wrong in one zone")
    await tab.page.get_by_role("button", name="Reopen", exact=True).click()
    await tab.until("document.querySelector('#state-line .state').dataset.state === 'investigating'")
    await tab.page.goto(str(site.server.make_url("/incidents")))
    await tab.until("document.querySelectorAll('#open .incident').length === 1")
    assert await tab.value("document.querySelector('#opening form').checkVisibility()") is False


@pytest.mark.parametrize("role", [Role.VIEWER, Role.RESPONDER])
async def test_who_may_not_sees_no_forms(
    open_site: OpenSite, view: FakeView, tab: Tab, role: Role
) -> None:
    view.incidents.has_page = True
    view.incidents.records[1] = public_record(opened(view))
    written = Postmortem(summary="What we know so far.")
    change(view, 1, postmortem=written)
    site = await open_site(access=by_token(TOKEN, role=role))
    # After signing in one is where one wanted to go.
    await sign_in(site, tab, "/incidents/1")
    buttons = tab.page.get_by_role("button", name="Publish")
    if role is Role.RESPONDER:
        await tab.until("document.querySelector('#update').checkVisibility()")
        assert not await buttons.is_visible(), "operators publish"
        return
    await tab.until("document.querySelector('#postmortem').innerText.includes('What we know so far.')")
    assert await tab.value(f"{FORMS}.length") == 0
    assert not await buttons.is_visible()
    await tab.page.goto(str(site.server.make_url("/incidents")))
    await tab.until("document.querySelectorAll('#open .incident').length === 1")
    assert await tab.value(f"{FORMS}.length") == 0


async def test_history_comes_page_by_page_and_by_service(site: Site, tab: Tab) -> None:
    view = site.view
    incident = opened(view)
    for number in range(2, 81):
        view.incidents.every[number] = incident._replace(
            number=number,
            service="logs" if number % 2 else "ingest",
            state=IncidentState.RESOLVED,
            resolved_at=view.now,
            merged_into=0,
        )
    rows = "document.querySelectorAll('#history tbody tr').length"
    await show(site, tab, "/incidents")
    await tab.until(f"{rows} === 50")
    assert await tab.value("document.querySelectorAll('#open .incident').length") == 1
    more = tab.page.get_by_role("button", name="Older incidents")
    await more.press("Enter")
    await tab.until(f"{rows} === 79")
    assert not await more.is_visible()
    await tab.page.get_by_label("Service").last.select_option("logs")
    await tab.until(f"{rows} === 39")
    assert await tab.value("location.search") == "?service=logs"
    await tab.page.go_back()
    await tab.until(f"{rows} === 50")


@pytest.mark.parametrize("tab", SIZES, ids=["desktop", "phone"], indirect=True)
async def test_it_is_for_everybody(site: Site, tab: Tab) -> None:
    view, script = site.view, axe.source()
    view.incidents.has_page = True
    for number, closes in ((1, True), (2, False)):
        incident = opened(view, number, scope={"protocol": "udp"} if closes else {"protocol": "tls"})
        cells = tuple(CellImpact("udp", f"region-{n}", n, 5000, 6000) for n in range(20))
        impact = Impact(incident.since, incident.since + 100, cells, view.now)
        change(view, number, impact=impact)
        view.incidents.records[number] = public_record(incident)
        graph = Snapshot(number, SnapshotName.OPENED, view.now, GRAPH)
        view.incidents.graphs[number, SnapshotName.OPENED] = graph
        if closes:
            happens(view, Change.CLOSED, number)
            view.incidents.passed(view.now + 700)
    async with beating(site):
        for path in ("/incidents", "/incidents/1", "/incidents/2", "/"):
            await show(site, tab, path)
            await unfold(tab)
            for dark in (False, True):
                await tab.page.emulate_media(color_scheme="dark" if dark else "light")
                assert await axe.violations(tab, script) == [], f"{path}, dark: {dark}"
            assert await tab.value(OVER) <= 0, path
            assert await tab.value(SPILT) == [], path
    await show(site, tab, "/incidents/2")
    await tab.until("document.querySelectorAll('#impact tbody tr').length === 12")
    await tab.page.get_by_role("button", name="All 20 rows").press("Enter")
    assert await tab.value("document.querySelectorAll('#impact tbody tr').length") == 20
    assert await tab.value(
        "document.querySelector('#impact tfoot').innerText.trim().split(/\\s+/).join(' ')"
    ) == ("in all 190 100,000 0.19 %")
    assert await tab.value("document.querySelector('.kept img').naturalWidth > 0")


@pytest.mark.parametrize("tab", SIZES, ids=["desktop", "phone"], indirect=True)
async def test_hostile_words_are_text(site: Site, tab: Tab) -> None:
    view = site.view
    view.incidents.has_page = True
    incident = opened(view, 1, owner=EVIL, playbook="javascript:alert(3)", steps=(EVIL,))
    view.incidents.records[1] = public_record(incident, EVIL)
    change(
        view,
        1,
        title=EVIL,
        service=EVIL,
        acknowledged_by=EVIL,
        acknowledged_at=view.now,
        public_title=EVIL,
        impact=Impact(incident.since, incident.since, (CellImpact(EVIL, EVIL, 1, 2, 3),), view.now),
        affected=tuple(each._replace(scope=(("region", EVIL),)) for each in incident.affected),
        postmortem=Postmortem(
            (Participant(EVIL, EVIL),), EVIL, (EVIL,), (ActionItem(EVIL, EVIL),), EVIL, EVIL, EVIL
        ),
    )
    entries = view.incidents.timelines[1]
    said = entries[0]._replace(who=EVIL, text=EVIL, public=EVIL, kind=EntryKind.UPDATE)
    entries.append(said._replace(sequence=len(entries) + 1))
    pages = (
        ("/incidents", ".incident, #history tbody tr", 2),
        ("/incidents/1", ".affected", 10),
        ("/", ".alert", 0),
    )
    for state in (IncidentState.INVESTIGATING, IncidentState.RESOLVED):
        change(view, 1, state=state)
        for path, shown, least in pages:
            await show(site, tab, path)
            await tab.until(f"document.querySelector('{shown}') !== null")
            await unfold(tab)
            assert await tab.value(MADE) == 0
            assert await tab.value(OVER) <= 0
            assert await tab.value(SPILT) == []
            assert (await tab.value("document.body.textContent")).count(MARKUP) >= least, path
    tab.must_be_quiet(str(site.server.make_url("/")))


async def test_what_is_not_there_is_said(site: Site, tab: Tab) -> None:
    await tab.page.goto(str(site.server.make_url("/incidents/7")))
    await tab.until("document.querySelector('#problem').innerText === 'There is no incident 7.'")
    assert not await tab.value("document.querySelector('#incident').checkVisibility()")


async def test_closed_alerts_lead_to_their_incident_too(site: Site, tab: Tab, tmp_path: Path) -> None:
    view = site.view
    opened(view)
    (alert,) = view.alerts
    happens(view, Change.CLOSED, 1)
    view.closed = [
        alert._replace(closed_at=view.now),
        make_alert(2, ordinal=2, closed_at=view.now - 60),  # a ticket has none
    ]
    site.beat()
    await show(site, tab, "/")
    links = (
        "[...document.querySelectorAll('table.list td a:not([hidden])')].map((each) => each.innerText)"
    )
    await tab.until(f"{links}.filter((text) => text.startsWith('incident')).join() === 'incident 1'")
    for width in (1280, 390):
        await tab.page.set_viewport_size({"width": width, "height": 900})
        await tab.page.screenshot(path=tmp_path / f"closed-{width}.png", full_page=True)
    await tab.page.get_by_role("link", name="incident 1", exact=True).click()
    await tab.page.wait_for_url("**/incidents/1")


async def test_one_that_was_resolved_says_that_its_alert_goes_on(site: Site, tab: Tab) -> None:
    view = site.view
    opened(view)
    await view.incidents.update(
        1, state=IncidentState.RESOLVED, text="known", public="", who="anna", now=view.now
    )
    site.beat()
    line = "document.querySelector('#state-line').innerText"
    await show(site, tab, "/incidents/1")
    await tab.until(f"{line}.includes('its alert is open still')")
    happens(view, Change.CLOSED, 1)
    site.beat()
    await tab.page.reload()
    await tab.until(f"{line}.includes('loss ended at')")
    assert "open still" not in await tab.value(line)
