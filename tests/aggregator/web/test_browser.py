"""The page in a real browser: it goes red, stays text, fits a phone, owns up to being stale."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Route

from coalmine_aggregator.model.alerts import AlertClass, Cause, Severity
from coalmine_aggregator.model.counts import NOTHING, Counts
from coalmine_aggregator.model.explanation import ScopeScore, Statistic
from coalmine_aggregator.model.fates import Fate
from coalmine_aggregator.reading.readers import Readers
from coalmine_aggregator.store.store import Store
from coalmine_aggregator.web import reader_tasks
from coalmine_aggregator.web.keys import PULSE
from tests.aggregator.web.conftest import OpenSite, Site, by_token
from tests.aggregator.web.fake_view import (
    QUIET,
    FakeSlo,
    Trouble,
    carries,
    fleet,
    make_alert,
    make_history,
)
from tests.browser import chromium
from tests.browser.chromium import Tab
from tests.servers.waiting import until

MARKUP = "<img src=x onerror=alert(1)><script>alert(2)</script>"

GREEN = "document.querySelectorAll('#grid td[data-status=\"ok\"]').length === 72"


@pytest.fixture
async def readers(tmp_path: Path) -> AsyncIterator[Readers]:
    """Readers of a history in which nothing is."""
    url = f"sqlite:///{tmp_path}/history.db"
    await (await Store.open(url)).close()
    readers = Readers(reader_tasks.MODULE, url)
    readers.start()
    yield readers
    await readers.close()


@pytest.fixture
async def site(open_site: OpenSite, readers: Readers) -> Site:
    return await open_site(readers=readers)


@contextlib.asynccontextmanager
async def beating(site: Site) -> AsyncIterator[None]:
    """The page's seconds pass, faster than ours."""

    async def beat() -> None:
        while True:
            site.beat()
            await asyncio.sleep(0.1)

    task = asyncio.create_task(beat())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def address(site: Site, path: str = "/") -> str:
    return str(site.server.make_url(path))


async def test_green_then_red_within_five_seconds_without_a_complaint(site: Site, tab: Tab) -> None:
    async with beating(site):
        await tab.page.goto(address(site))
        await tab.until(GREEN)
        assert await tab.value("document.querySelector('#headline span').textContent") == (
            "Every datapoint arrives."
        )
        await tab.until("document.querySelectorAll('#rates-key tbody tr').length === 6")
        began = site.view.settled + 1
        where = {"protocol": "udp", "region": "eu-west-1"}
        site.view.troubles = [Trouble(where=where, first=began)]
        site.view.alerts = [make_alert(1, since=began)]
        down = "document.querySelectorAll('#grid td[data-status=\"down\"]')"
        await tab.until(f"{down}.length === 3")
        assert "lost" in await tab.value(f"{down}[0].textContent")
        assert await tab.value("document.querySelector('.alert .tags').textContent") == (
            "protocol udpregion eu-west-1"
        )
        await tab.until("/udp [0-9]+ bad/.test(document.querySelector('#rates').ariaLabel)")
        assert "udp" in await tab.value(
            "document.querySelector('#rates-key tr[data-bad] th').textContent"
        )
        assert await tab.value("document.title") == "1 open: Coalmine"
    tab.must_be_quiet(address(site))
    origin = address(site)
    assert [url for url in tab.requests if not url.startswith(origin)] == []


async def test_other_lines_are_chosen_with_the_keyboard(site: Site, tab: Tab) -> None:
    async with beating(site):
        await tab.page.goto(address(site))
        await tab.until(GREEN)
        await press_until(tab, "document.activeElement.name === 'lines'")
        await tab.page.keyboard.press("ArrowRight")
        await tab.until("document.querySelectorAll('#rates-key tbody tr').length === 4")
        await tab.page.keyboard.press("ArrowRight")
        await tab.until("document.querySelectorAll('#rates-key tbody tr').length === 24")
        focused = await tab.value("document.activeElement.value")
        assert await tab.value("location.search") == "?lines=both"
    assert focused == "both", "updates leave the focus where it is"
    tab.must_be_quiet(address(site))


async def press_until(tab: Tab, condition: str) -> None:
    """Tabs on until what has the focus is it."""
    for _ in range(80):
        await tab.page.keyboard.press("Tab")
        if await tab.value(condition):
            return
    raise AssertionError(f"the keyboard never gets to {condition}")


async def test_why_is_unfolded_with_the_keyboard_and_stays_open(site: Site, tab: Tab) -> None:
    alert = make_alert(1)
    site.view.alerts = [alert]
    site.view.history = make_history(alert)[:1]
    async with beating(site):
        await tab.page.goto(address(site))
        await tab.until("document.querySelectorAll('.alert').length === 1")
        assert not [url for url in tab.requests if "explain" in url], "it is asked for when wanted"
        await press_until(tab, "document.activeElement.matches('.why > summary')")
        await tab.page.keyboard.press(" ")
        await tab.until("document.querySelectorAll('.change').length === 1")
        assert await tab.value("document.querySelector('.change h3').textContent") == (
            "opened at 15:11:44 UTC, from the slots 15:11:40 to 15:11:43"
        )
        tables = await tab.value(
            "[...document.querySelectorAll('.change tbody tr')].map("
            "(row) => [...row.cells].map((cell) => cell.textContent))"
        )
        assert tables == [
            ["cusum for 50 % loss", "all of ingest", "10 of 780", "31.5", "23.4"],
            ["all of ingest", "chosen", "40.1"],
        ]
        # A change is fetched; what was unfolded stays so, and the focus stays where it is.
        site.view.history = make_history(alert)
        site.view.alerts = [alert._replace(scope=(("protocol", "udp"),))]
        await tab.until("document.querySelectorAll('.change').length === 2")
        assert await tab.value("document.querySelector('.change:last-child .pairs').textContent") == (
            "external10 of 30 loston-machine4 of 4 lost"
        )
        assert await tab.value("document.activeElement.matches('.why[open] > summary')")
    tab.must_be_quiet(address(site))


async def test_an_explanation_that_cannot_be_had_is_told(site: Site, tab: Tab) -> None:
    site.view.alerts = [make_alert(1)]
    async with beating(site):
        await tab.page.goto(address(site))
        await tab.until("document.querySelectorAll('.alert').length === 1")
        await tab.value("document.querySelector('.why').open = true")
        told = "document.querySelector('.why .aside').textContent"
        await tab.until(f"{told}.startsWith('No explanation: There is no alert 1.')")
    # The browser logs every answer of 404 and above by itself.
    assert len(tab.complaints) == 1


async def test_classes_that_count_no_loss_read_well(site: Site, tab: Tab) -> None:
    nothing: dict[str, Any] = {
        "counts": NOTHING,
        "beside": NOTHING,
        "total": NOTHING,
        "equivalents": (),
        "effect": "",
    }
    site.view.alerts = [
        make_alert(
            1,
            service="_fleet",
            scope={"zone": "dc1-a"},
            alert_class=AlertClass.AGENTS_MISSING,
            cause=Cause.AGENT,
            note="2 of 2 agents silent: a1, a2",
            **nothing,
        ),
        make_alert(
            2,
            scope={},
            alert_class=AlertClass.BLIND,
            note="480 of 600 datapoints unknown in 10 s",
            **{**nothing, "counts": Counts(120, (120, 0, 0, 0, 0, 0, 480)), "cause": Cause.UNKNOWN},
        ),
        make_alert(
            3,
            severity=Severity.TICKET,
            alert_class=AlertClass.CERTIFICATE,
            cause=Cause.UNKNOWN,
            **nothing,
        ),
    ]
    async with beating(site):
        await tab.page.goto(address(site))
        await tab.until("document.querySelectorAll('.alert').length === 3")
        await tab.value(
            "document.querySelectorAll('.fold-card[aria-expanded=false]')"
            ".forEach((each) => each.click())"
        )
        cards = await tab.value(
            "[...document.querySelectorAll('.alert')].map((card) => card.innerText)"
        )
        shown = await tab.value(
            "[...document.querySelectorAll('.alert')].map((card) => card.dataset.severity)"
        )
    blind, missing, certificate = cards
    assert shown == ["page", "page", "ticket"]
    assert "the fleet: agents missing" in missing
    assert "2 of 2 agents silent: a1, a2" in missing
    assert "Cause: the agent, not the service" in missing
    assert "480 of 600 datapoints unknown in 10 s" in blind
    assert "80 % unknown: 120 delivered, 480 unknown" in blind
    assert blind.count("480 of 600") == 1
    assert "all of ingest" in blind
    for text in cards:
        assert "0 of 0" not in text
        assert "NaN" not in text
        assert "undefined" not in text
    for text in (blind, certificate):
        assert "Cause" not in text, "nobody asks whose fault it is"
    tab.must_be_quiet(address(site))


async def test_objectives_and_noise_have_a_line_for_each_service(site: Site, tab: Tab) -> None:
    site.view.objectives = {
        "ingest": FakeSlo(),
        "logs": FakeSlo(left=-0.12, burn={"1h": 14.6, "5m": None}),
        "new": FakeSlo(judged=0, bad=0, allowed=0.0, left=1.0, burn={}),
    }
    site.view.learned = {"ingest": QUIET, "other": QUIET._replace(learned_slots=0, threshold=math.inf)}
    async with beating(site):
        await tab.page.goto(address(site))
        await tab.until("document.querySelectorAll('.service').length === 4")
        ingest, logs, new, other = await tab.value(
            "[...document.querySelectorAll('.service')].map((row) => row.innerText)"
        )
        marked = await tab.value(
            "[...document.querySelectorAll('dd[data-marked]')].map((cell) => cell.textContent)"
        )
    for text in ("99.9 % over 30 d", "60 % left (400 of 1,000 bad)", "0.4x in 1h, 1.2x in 6h"):
        assert text in ingest
    assert "0.01 % loss, dispersion 0.002, bursts of 12 % for 1 s" in ingest
    assert "23.4 over 118 patterns" in ingest
    assert "overspent by 12 %" in logs
    assert marked == ["overspent by 12 % (400 of 1,000 bad)", "15x in 1h"]
    assert "100 % left (0 of 0 bad)" in new
    assert "nothing yet" in other
    assert "not set" in other
    tab.must_be_quiet(address(site))


@pytest.mark.parametrize(
    "tab",
    [{"size": chromium.PHONE}, {"size": chromium.DESKTOP}],
    ids=["phone", "desktop"],
    indirect=True,
)
async def test_markup_in_labels_is_text_and_long_labels_fit(site: Site, tab: Tab) -> None:
    view = site.view
    view.series = [
        series._replace(service=MARKUP, region="r" * 200, zone=MARKUP, host=MARKUP * 3)
        for series in fleet(regions=("eu-west-1",))
    ]
    view.troubles = [Trouble(where={"protocol": "udp"}, first=view.settled, fate=Fate.LATE)]
    view.odd = {MARKUP: 1}
    view.alerts = [
        make_alert(
            1,
            service=MARKUP,
            scope={"region": MARKUP, "host": "h" * 200},
            owner=MARKUP,
            playbook="javascript:alert(3)",
            note=MARKUP,
            equivalents=((("zone", "z" * 200), ("host", MARKUP)),),
        )
    ]
    view.history = [
        change._replace(
            explanation=change.explanation._replace(
                facts=((MARKUP, "f" * 300),),
                statistics=(Statistic(MARKUP, (("zone", "z" * 200),), 1.0, 2.0),),
                candidates=(ScopeScore(((("host", MARKUP), ("zone", "z" * 200)),), 1.0),),
            )
        )
        for change in make_history(view.alerts[0])
    ]
    view.objectives = {MARKUP: FakeSlo(burn={MARKUP: 2.0})}
    view.learned = {"s" * 200: QUIET}
    view.closed = [make_alert(2, service=MARKUP, scope={"zone": "z" * 200}, closed_at=view.now)]
    async with beating(site):
        await tab.page.goto(address(site))
        await tab.until("document.querySelectorAll('#rates-key tbody tr').length === 6")
        await tab.value("document.querySelector('.why').open = true")
        await tab.until("document.querySelectorAll('.change').length === 2")
        text = await tab.value("document.body.textContent")
        made = await tab.value(
            "document.querySelectorAll("
            "'[onerror], body script, img[src=x], a[href^=javascript]').length"
        )
        over = await tab.value(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
    assert text.count(MARKUP) >= 16
    assert made == 0
    assert over <= 0
    tab.must_be_quiet(address(site))


@pytest.mark.parametrize("tab", [{"size": chromium.PHONE}], ids=["phone"], indirect=True)
async def test_a_phone_needs_no_sideways_scrolling(site: Site, tab: Tab) -> None:
    site.view.alerts = [make_alert(1)]
    site.view.history = make_history(site.view.alerts[0])
    site.view.troubles = [Trouble(where={"protocol": "udp"}, first=site.view.settled)]
    async with beating(site):
        await tab.page.goto(address(site))
        await tab.until("document.querySelectorAll('#grid td[data-status=\"down\"]').length > 0")
        await tab.value("document.querySelector('.why').open = true")
        await tab.until("document.querySelectorAll('.change').length === 2")
        assert await tab.value("document.documentElement.scrollWidth") == 390
        hidden = "[...document.querySelectorAll('.alert *')].filter((each) => each.scrollWidth > 390)"
        assert await tab.value(f"{hidden}.length") == 0


async def test_a_page_that_hears_nothing_says_since_when(site: Site, tab: Tab) -> None:
    async with beating(site):
        await tab.page.goto(address(site))
        await tab.until(GREEN)
    # The beat has ended; the stream stays open and silent.
    text = "document.querySelector('#connection-text').textContent"
    await tab.until(f"/^Stale: nothing heard for [4-9] s$/.test({text})")
    assert await tab.value("document.title") == "(stale) Coalmine"
    assert await tab.value("document.querySelector('#content').dataset.fresh") == "no"
    async with beating(site):
        await tab.until(f"{text} === 'Live'")
    tab.must_be_quiet(address(site))


async def test_signing_in(open_site: OpenSite, tab: Tab) -> None:
    site = await open_site(access=by_token("correct-horse-battery"))
    async with beating(site):
        await tab.page.goto(address(site))
        await tab.until("document.querySelector('#token') !== null")
        for token, sign in (
            ("wrong", ".wrong:not([hidden])"),
            ("correct-horse-battery", '#connection[data-state="live"]'),
        ):
            await tab.page.locator("#token").fill(token)
            async with tab.page.expect_navigation():
                await tab.page.keyboard.press("Enter")
            await tab.until(f"document.querySelector('{sign}') !== null")
    feed = site.server.app[PULSE].feed

    async def watched() -> bool:
        return bool(feed.viewers)

    # The page comes with a snapshot; its feed opens a moment later.
    await until(watched, deadline_s=15, what="the feed is open")


async def test_older_alerts_come_page_by_page(open_site: OpenSite, tab: Tab) -> None:
    site = await open_site()  # what is closed is in memory alone here
    site.view.closed = [
        make_alert(number, closed_at=site.view.now - 100 + number) for number in range(80, 0, -1)
    ]
    rows = "document.querySelectorAll('#recent tbody tr').length"
    async with beating(site):
        await tab.page.goto(address(site))
        await tab.until(f"{rows} === 10")
        await press_until(tab, "document.activeElement.matches('#recent .more button')")
        await tab.page.keyboard.press("Enter")
        await tab.until(f"{rows} === 50")
        await tab.page.keyboard.press("Enter")
        await tab.until(f"{rows} === 80")
        more = "document.querySelector('#recent .more button')"
        await tab.until(f"{more}.hidden")
        # What closes from then on pushes none of them out.
        closed = 80
        for total in (86, 92, 98):
            close(site, range(closed + 1, total + 1))
            await tab.until(f"{rows} === {total}")
            closed = total
        # More than the page hears of at once: what is between is asked for, not passed over.
        close(site, range(99, 114))
        await tab.until(f"{rows} === 10 && !{more}.hidden")
        for total in (50, 100, 113):
            await tab.page.locator("#recent .more button").press("Enter")
            await tab.until(f"{rows} === {total}")


def close(site: Site, numbers: Iterable[int]) -> None:
    """Closes alerts of these numbers, all in the same second."""
    view = site.view
    for number in numbers:
        view.closed.insert(0, make_alert(number, closed_at=view.now))


@pytest.mark.parametrize("region", ["", "&region=us-east-1"], ids=["fed", "asked"])
async def test_what_is_no_more_leaves_the_graph_with_its_last_second(
    site: Site, tab: Tab, region: str
) -> None:
    """Hosts come and go: neither their lines nor the seconds that are over are kept for ever."""
    names = "[...document.querySelectorAll('#rates-key tbody th')].map((each) => each.textContent)"
    site.beat(10)
    await tab.page.goto(address(site, f"/?lines=place{region}"))
    gone = {"zone": "us-east-1b"} if region else {"region": "us-west-2"}
    gone_name = next(iter(gone.values()))
    await tab.until(f"{names}.includes('{gone_name}')")
    before = await tab.value(names)
    site.view.series = [each for each in site.view.series if not carries(each, gone)]
    async with beating(site):
        await tab.until("document.querySelector('#connection').dataset.state === 'live'")
        site.view.now += 400
        await tab.until(f"!{names}.includes('{gone_name}')")
        assert await tab.value(names) == [name for name in before if name != gone_name]
    tab.must_be_quiet(address(site))


async def test_what_is_of_elsewhere_never_passes_for_what_was_asked(site: Site, tab: Tab) -> None:
    """One drills while answers are slow, or do not come: nothing leads astray, no old cell stays."""
    site.beat(10)
    held: list[Route] = []

    async def hold(route: Route) -> None:
        held.append(route)

    below = "**/api/v1/rates?by=protocol%2Czone*"
    query = "Object.fromEntries(new URLSearchParams(location.search))"
    there = {"location": "external", "region": "ap-southeast-2", "protocol": "tcp"}
    cells = "document.querySelectorAll('#grid td[data-status]').length"
    numbers = "[...document.querySelectorAll('.fates .number')].map((each) => each.textContent)"
    async with beating(site):
        await tab.page.route(below, hold)
        await tab.page.goto(address(site))
        await tab.until(GREEN)
        await tab.page.locator("#grid button").first.click(click_count=2)
        await tab.page.locator("#grid button").nth(7).click(delay=1)
        assert await tab.value(query) == there
        while not held:  # noqa: ASYNC110 - bounded by the test's time
            await asyncio.sleep(0.01)
        # They cannot be told; nor can the fates of the place.
        await tab.page.route("**/api/v1/fates*", lambda route: route.fulfill(status=503, json={}))
        await held.pop().fulfill(status=503, json={"detail": "Too much is asked."})
        note = "document.querySelector('#grid-note').textContent"
        await tab.until(f"{note} === 'This level cannot be shown: Too much is asked.'")
        assert await tab.value(cells) == 0
        await tab.page.locator("#grid-title").click()
        await tab.value("history.replaceState(null, '', '/?region=us-east-1')")
        await tab.value("dispatchEvent(new PopStateEvent('popstate'))")
        await tab.until("document.querySelector('.identity span').textContent.startsWith('No answer')")
        assert set(await tab.value(numbers)) == {""}
        # Once they can be told, they are; and when they cannot any more, they turn grey.
        await tab.page.unroute(below)
        await held.pop().continue_()
        await tab.until(f"{cells} === 12", within_s=15)
        fresh = "document.querySelector('#grid').dataset.fresh"
        assert await tab.value(fresh) == "yes"
        await tab.page.route(below, lambda route: route.fulfill(status=503, json={}))
        await tab.until(f"{fresh} === 'no'", within_s=15)
