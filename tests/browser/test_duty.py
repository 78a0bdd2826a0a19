"""People on duty at the page: they acknowledge, answer and silence; viewers see none of that."""

from __future__ import annotations

from pathlib import Path

from coalmine_aggregator.access.roles import Role
from tests.aggregator.web.conftest import OpenSite, Site, by_token, open_site, site, tab, view
from tests.aggregator.web.fake_view import FakeView, make_alert
from tests.browser import axe
from tests.browser.chromium import Tab

__all__ = ["open_site", "site", "tab", "view"]

TOKEN = "correct-horse-battery"


async def test_acknowledging_answering_and_silencing(site: Site, tab: Tab, tmp_path: Path) -> None:
    duty, fake = site.view.duty, site.view
    fake.alerts = [make_alert(1)]
    fake.closed = [make_alert(2, ordinal=2, closed_at=fake.now - 60)]
    site.beat()
    await tab.page.goto(str(site.server.make_url("/")))
    # With the keyboard, as on a phone at night: one press, and it is said who has it.
    button = tab.page.get_by_role("button", name="Acknowledge ingest-loss-1")
    await button.press("Enter")
    await tab.until("document.querySelector('.taken').innerText.startsWith('Acknowledged by local')")
    assert fake.alerts[0].acknowledged_by == "local"
    assert await tab.value("document.activeElement.className") == "taken"
    assert not await button.is_visible()
    site.beat(2)
    await tab.until("document.querySelector('.taken').innerText.startsWith('Acknowledged by local')")
    await tab.page.get_by_role("button", name="No: ingest-loss-2 was not actionable").press("Enter")
    await tab.until("document.querySelector('.answer[aria-pressed=true]') !== null")
    assert fake.closed[0].actionable is False
    await tab.page.get_by_text("Who is on call, silences, the week").press("Enter")
    await tab.until("document.querySelector('#duty').innerText.includes('Nothing is silenced.')")
    fake.now = await tab.value("Date.now() / 1000")
    await tab.page.get_by_label("Service", exact=True).fill("ingest")
    await tab.page.get_by_label("Labels").fill("region=eu-*")
    await tab.page.get_by_label("Why").fill("known <b>trouble</b>")
    await tab.page.get_by_label("Why").press("Enter")
    await tab.until("document.querySelector('#duty').innerText.includes('known <b>trouble</b>')")
    [silence] = duty.begun
    assert (silence.who, dict(silence.match.labels)) == ("local", {"region": "eu-*"})
    assert await axe.violations(tab, axe.source()) == []
    await tab.page.screenshot(path=tmp_path / "duty.png", full_page=True)
    await tab.page.get_by_role("button", name="End the silence of ingest").press("Enter")
    await tab.until("document.querySelector('#duty').innerText.includes('Nothing is silenced.')")
    assert [each.id for each in duty.ended] == [silence.id]


async def test_viewers_see_no_buttons(open_site: OpenSite, view: FakeView, tab: Tab) -> None:
    view.alerts = [make_alert(1)]
    view.closed = [make_alert(2, ordinal=2, closed_at=view.now - 60, actionable=True)]
    site = await open_site(access=by_token(TOKEN, role=Role.VIEWER))
    site.beat()
    await tab.page.goto(str(site.server.make_url("/login")))
    await tab.page.get_by_label("Token").fill(TOKEN)
    await tab.page.get_by_label("Token").press("Enter")
    await tab.until("document.querySelector('.asked')?.innerText.includes('Actionable: yes')")
    await tab.page.get_by_text("Who is on call, silences, the week").click()
    await tab.until("document.querySelector('#duty').innerText.includes('Nothing is silenced.')")
    for shown in (".acknowledge .button", ".answer", ".silence"):
        assert not await tab.page.locator(shown).first.is_visible(), shown
