"""A real outage as those live it who work on it: from the live page to the incident, what customers are
told, its end, and what was learned."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from playwright.async_api import Browser

from coalmine_aggregator.demo.configs import FLEET_NAME
from coalmine_aggregator.demo.fleet import SERVICE
from tests.browser import chromium
from tests.browser.axe import source, violations
from tests.browser.chromium import Tab
from tests.browser.demo_site import DemoSite
from tests.browser.test_hostile_words import OVER, SPILT

STATE = "document.querySelector('#state-line .state')?.dataset.state"
LOST = "[...document.querySelectorAll('#facts div')].find((each) => each.innerText.startsWith('Lost'))"
CELLS = (
    "[...document.querySelectorAll('#impact tbody tr')]"
    ".map((row) => [...row.cells].slice(0, 2).map((cell) => cell.innerText).join(' '))"
)
REGIONS = ("ap-south-1", "dc1", "eu-west-1", "us-east-1")


def status_page(folder: Path) -> Path:
    """Customers know of UDP once somebody has said that they may."""
    file = folder / "status-page.yaml"
    tree = {
        "fleet": FLEET_NAME,
        "store": f"sqlite:///{folder}/none.db",
        "page": {"name": "Example"},
        "components": [
            {
                "id": "udp",
                "name": "UDP ingestion",
                "service": SERVICE,
                "protocols": ["udp"],
                "publish": "held",
            }
        ],
    }
    file.write_text(yaml.safe_dump(tree))
    return file


@pytest.mark.prove
@pytest.mark.timeout(300)
async def test_an_outage_from_the_first_look_to_the_post_mortem(
    tmp_path: Path, browser: Browser
) -> None:
    settings = {"incidents": {"status_page": str(status_page(tmp_path))}}
    async with DemoSite(tmp_path, settings=settings) as site, chromium.tab(browser) as tab:
        await site.break_("udp")
        await site.api.until_alert(scope={"protocol": "udp"})
        await tab.page.goto(site.url)
        await tab.until("document.querySelector('.ongoing a')?.innerText === 'Incident 1'")
        await tab.until("document.querySelector('.alert > header a')?.innerText === 'incident 1'")
        await tab.page.locator(".alert > header a").click()
        await work_on_it(site, tab)
        await site.break_()
        await site.api.until_quiet()
        await tab.until(f"{STATE} === 'monitoring'", within_s=60)
        await end_it(site, tab)
        tab.must_be_quiet(site.url)


async def work_on_it(site: DemoSite, tab: Tab) -> None:
    await tab.page.wait_for_url("**/incidents/1")
    await tab.until(f"{STATE} === 'investigating'")
    due = "document.querySelector('#due').innerText"
    await tab.until(rf"/^Next update due in (30:00|2\d:\d\d), at .* UTC$/.test({due})")
    first = "document.querySelector('.guide')?.innerText"
    await tab.until(
        f"{first}.includes('check the UDP decoder') && {first}.includes('Open the playbook')"
    )
    standing = "document.querySelector('.standing p').innerText"
    assert await tab.value(standing) == "It waits for approval on UDP ingestion."
    await tab.page.keyboard.press("u")
    await tab.page.keyboard.type("the decoder is stuck")
    words = "We have found the cause & are <b>rolling back</b>."
    await tab.page.get_by_label("For customers", exact=True).fill(words)
    await tab.page.get_by_role("radio", name="identified").check()
    await tab.page.get_by_role("button", name="Post the update").click()
    await tab.until(f"{STATE} === 'identified'")
    preview = "document.querySelector('.preview').innerText"
    await tab.until(f"{preview}.includes({words!r})")
    assert await tab.value("document.querySelector('.preview').dataset.seen") == "no"
    await tab.page.get_by_role("button", name="Publish").click()
    await tab.until(f"{standing} === 'Customers see it on UDP ingestion.'")
    # What was lost is counted exactly, by region, and of UDP alone.
    await tab.until(f"{LOST} !== undefined", within_s=60)
    await tab.until(f"{CELLS}.length === {len(REGIONS)}", within_s=60)
    assert sorted(await tab.value(CELLS)) == [f"udp {region}" for region in REGIONS]
    assert "decoder" not in await tab.value(preview), "what is for us is not for customers"
    # The moment of an entry, on the live page.
    moment = await tab.value("document.querySelector('.timeline li:last-child a').href")
    assert moment.startswith(f"{site.url}/?at=20")
    await must_be_fit(tab)
    # The picture of its beginning is made a minute after it.
    await tab.until("document.querySelector('.kept img')?.naturalWidth > 0", within_s=120)
    await tab.page.goto(f"{site.url}/incidents")
    await tab.until("document.querySelectorAll('#open .incident').length === 1")
    await tab.until("document.querySelector('#numbers-list tbody tr td')?.innerText === '1'")
    await must_be_fit(tab)
    await tab.page.locator("#open .incident a").click()
    await tab.until(f"{STATE} === 'identified'")


async def end_it(site: DemoSite, tab: Tab) -> None:
    await tab.page.get_by_label("For customers", exact=True).fill("All is well again.")
    await tab.page.get_by_role("radio", name="resolved").check()
    await tab.page.get_by_role("button", name="Post the update").click()
    await tab.until(f"{STATE} === 'resolved'")
    await tab.page.get_by_label("Summary").fill("A release stopped the decoder.")
    await tab.page.get_by_label("What caused it").fill("A change of ours.")
    await tab.page.get_by_role("button", name="Save the post-mortem").click()
    await tab.until(f"{STATE} === 'postmortem'")
    preview = "document.querySelector('.preview').innerText"
    await tab.until(f"{preview}.includes('A change of ours.')")
    status, text = await site.api.text("/api/v1/incidents/1/postmortem.md")
    assert (status, "A release stopped the decoder." in text) == (200, True)
    await tab.page.set_viewport_size({"width": 390, "height": 844})
    await must_be_fit(tab)
    await tab.page.goto(f"{site.url}/incidents")
    await tab.until("document.querySelectorAll('#history tbody tr').length === 1")
    assert await tab.value("document.querySelector('#headline').innerText") == "No incident is open."
    await must_be_fit(tab)


async def must_be_fit(tab: Tab) -> None:
    """For everybody, light and dark, without a sideways scroll."""
    for dark in (True, False):
        await tab.page.emulate_media(color_scheme="dark" if dark else "light")
        assert await violations(tab, source()) == [], f"dark: {dark}"
    assert await tab.value(OVER) <= 0
    assert await tab.value(SPILT) == []
