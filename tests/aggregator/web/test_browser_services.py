"""The page in a real browser where there are several services, more than a snapshot has room for."""

from __future__ import annotations

from tests.aggregator.web.conftest import OpenSite, Site
from tests.aggregator.web.fake_view import Trouble, fleet, make_alert
from tests.aggregator.web.test_browser import GREEN, address, beating
from tests.browser.chromium import Tab


async def test_the_service_on_show_is_in_its_link_and_the_way_back_leads_to_it(
    site: Site, tab: Tab
) -> None:
    """Whoever opens the link sees what was seen, whatever else is in trouble by then."""
    site.view.series = [*fleet("ingest"), *fleet("logs")]
    shown = "document.querySelector('#services input:checked').value"
    async with beating(site):
        await tab.page.goto(address(site))
        await tab.until(f"{GREEN} && {shown} === 'ingest'")
        site.view.alerts = [make_alert(1, service="logs")]
        await tab.until("document.querySelectorAll('.alert').length === 1")
        assert await tab.value(shown) == "ingest", "nothing jumps while somebody looks"
        await tab.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        await tab.page.locator("#copy").click()
        await tab.until("document.querySelector('#copy').textContent === 'Copied'")
        assert "/?service=ingest&at=" in await tab.value("navigator.clipboard.readText()")
        await tab.page.locator("#services label", has_text="logs").click()
        await tab.until("location.search === '?service=logs'")
        await tab.page.go_back()
        await tab.until(f"location.search === '' && {shown} === 'ingest'", within_s=5)
        # A link may name one that is no more.
        await tab.page.goto(address(site, "/?service=gone"))
        note = "document.querySelector('#grid-note').textContent"
        await tab.until(f"{note} === 'No canary is known here.'", within_s=5)


async def test_services_that_a_snapshot_has_no_room_for_are_shown_all_the_same(
    open_site: OpenSite, tab: Tab
) -> None:
    site = await open_site(max_groups=100)
    site.view.series = [*fleet("ingest"), *fleet("logs")]
    row = "document.querySelector('#rates-key tbody tr')?.textContent"
    async with beating(site):
        await tab.page.goto(address(site, "/?service=logs"))
        await tab.until(f"{GREEN} && {row} === 'tcp13 of 1300'")
        began = site.view.settled + 1
        site.view.troubles = [Trouble(where={"service": "logs", "protocol": "udp"}, first=began)]
        down = "document.querySelectorAll('#grid td[data-status=\"down\"]')"
        await tab.until(f"{down}.length === 12")
        # Now those of the other one have none.
        await tab.page.locator("#services label", has_text="ingest").click()
        await tab.until(f"{GREEN} && {row} === 'tcp13 of 1300'")
