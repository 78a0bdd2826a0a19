"""Open alerts on the page: the first line names the worst; however many there are, the grid is seen."""

from __future__ import annotations

import pytest

from coalmine_aggregator.model.alerts import AlertClass, Severity
from tests.aggregator.web.conftest import Site
from tests.aggregator.web.fake_view import Trouble, make_alert
from tests.browser import chromium
from tests.browser.chromium import Tab

HEADLINE = "document.querySelector('#headline').innerText"
UDP_BOTTOM = (
    "Math.max(...[...document.querySelectorAll('#grid td[data-status=down]')]"
    ".map((cell) => cell.getBoundingClientRect().bottom))"
)
SHOWN = "[...document.querySelectorAll('.alert')].map((card) => card.dataset.open)"


def broken(site: Site, alerts: int) -> None:
    """All of udp is lost; the other alerts are narrower, but for the oldest, a ticket."""
    view = site.view
    view.troubles = [Trouble(where={"protocol": "udp"}, first=view.settled - 30)]
    view.alerts = [
        make_alert(1, scope={}, alert_class=AlertClass.SLOW, severity=Severity.TICKET),
        *(make_alert(n, scope={"zone": f"z{n}"}, ordinal=n) for n in range(2, alerts)),
        make_alert(alerts, scope={"protocol": "udp"}, since=view.settled - 30, ordinal=alerts),
    ]
    site.beat()


async def test_the_worst_is_named_and_unfolded_the_others_are_a_line_each(site: Site, tab: Tab) -> None:
    broken(site, 9)
    await tab.page.goto(str(site.server.make_url("/")))
    await tab.until("document.querySelectorAll('.alert').length === 4")
    said = await tab.value(HEADLINE)
    assert said.startswith("All UDP of ingest is lost, all regions, since ")
    assert said.endswith(" UTC, and 8 more.")
    assert await tab.value(SHOWN) == ["yes", "no", "no", "no"]
    assert await tab.value("document.querySelector('.alert .tags').textContent") == "protocol udp"
    lines = await tab.value("[...document.querySelectorAll('.alert')].map((card) => card.innerText)")
    assert "All traffic of ingest is lost in zone z2" in lines[1]
    assert "Compensate" not in lines[1]
    # With the keyboard: one is unfolded, and stays so while the page hears more.
    await tab.page.locator(".fold-card").nth(1).press("Enter")
    site.beat(2)
    assert await tab.value(SHOWN) == ["yes", "yes", "no", "no"]
    await tab.page.get_by_role("button", name="5 more open alerts").press("Enter")
    await tab.until("document.querySelectorAll('.alert').length === 9")
    assert await tab.value("document.querySelector('.alert:last-child').dataset.severity") == "ticket"


@pytest.mark.parametrize(
    "tab",
    [{"size": chromium.PHONE}, {"size": chromium.DESKTOP}, {"size": chromium.WALL}],
    ids=["phone", "desktop", "wall"],
    indirect=True,
)
@pytest.mark.parametrize("alerts", [1, 12])
async def test_the_grid_is_seen_at_first_glance(site: Site, tab: Tab, alerts: int) -> None:
    broken(site, alerts)
    if alerts == 1:
        site.view.alerts = site.view.alerts[-1:]
        site.beat()
    await tab.page.goto(str(site.server.make_url("/")))
    await tab.until("document.querySelectorAll('#grid td[data-status=down]').length === 12")
    height = await tab.value("innerHeight")
    first = "document.querySelector('#grid td[data-status=down]').getBoundingClientRect().bottom"
    assert await tab.value(first) < height
    if await tab.value("innerWidth") > 1000:
        assert await tab.value(UDP_BOTTOM) < height, "of every location"
        return
    # On a phone what is to be read comes after it, one press away.
    after = (
        "document.querySelector('#delivery').compareDocumentPosition(document.querySelector('#open'))"
    )
    assert await tab.value(after) & 4
    await tab.page.locator("#to-open a").tap()
    await tab.until("document.querySelector('#open').getBoundingClientRect().top < 100")


@pytest.mark.parametrize(
    "tab", [{"size": chromium.WALL}, {"size": chromium.PHONE}], ids=["wall", "phone"], indirect=True
)
@pytest.mark.parametrize("alerts", [2, 12])
async def test_a_wall_has_room_for_grid_and_graph(site: Site, tab: Tab, alerts: int) -> None:
    broken(site, alerts)
    await tab.page.goto(str(site.server.make_url("/wall")))
    await tab.until("document.querySelector('#rates canvas') !== null")
    assert await tab.value("document.documentElement.scrollWidth <= innerWidth")
    assert await tab.value("document.querySelector('#rates').clientHeight") >= 150
    assert (await tab.value(HEADLINE)).startswith("All UDP of ingest is lost, all regions, since ")
