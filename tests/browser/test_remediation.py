"""The page of remediation: withdrawn, frozen, stopped and in a dry run, at a desk and on a phone; what
operators do on it; whatever is told is text."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.async_api import Browser

from coalmine_aggregator.access.roles import Role
from coalmine_aggregator.actuate.output import Standing
from coalmine_aggregator.actuate.stop_file import Stop
from coalmine_aggregator.model.node_view import NodeView, Opinion, Sight, Verdict
from coalmine_aggregator.model.pin import PinState
from coalmine_aggregator.model.remediation_event import RemediationKind
from coalmine_aggregator.model.remediation_policy import RemediationPolicy
from coalmine_aggregator.model.withdrawal import Held, Mode, Phase
from tests.aggregator.web.conftest import OpenSite, Site, by_token, open_site, tab, view
from tests.aggregator.web.fake_remediation import FakeRemediation
from tests.aggregator.web.fake_view import FakeView
from tests.aggregator.web.test_browser import beating, readers, site
from tests.browser import axe, chromium
from tests.browser.chromium import Tab
from tests.browser.test_hostile_words import EVIL, MADE, OVER, SPILT
from tests.browser.test_incident_pages import TOKEN, show, sign_in, unfold

pytestmark = pytest.mark.prove

__all__ = ["open_site", "readers", "site", "tab", "view"]

HEAD = "document.querySelector('#headline').innerText"
ROWS = "[...document.querySelectorAll('#services [data-node]')]"
BUTTONS = "[...document.querySelectorAll('main .button')].filter((each) => each.checkVisibility())"


@pytest.fixture
def desk(view: FakeView) -> FakeRemediation:
    view.remediation = FakeRemediation(view.now)
    return view.remediation


def failed(node: NodeView) -> NodeView:
    """The same, as two see it who find it broken."""
    bad = (
        Sight(node.node, True, Opinion.BAD, 18, 12, 3, ("udp",)),
        Sight("web-3", False, Opinion.BAD, 30, 30, 3, ("udp", "tcp-ipv6")),
        Sight("web-4", False, Opinion.DOUBTFUL, 30, 2, 3),
    )
    since = node.since + 2_990  # ten seconds ago
    return node._replace(
        verdict=Verdict.FAILED, since=since, good_since=None, sights=bad, text="failed"
    )


def withdrawn(desk: FakeRemediation) -> str:
    """One is out, one is held; the sentence that stands at the head."""
    out = desk.withdraw(phase=Phase.DRAIN)
    desk.checks = {"ingest02": desk.now - 10}
    nodes = desk.nodes["ingest"]
    desk.nodes = {"ingest": (*nodes[:2], failed(nodes[2]), nodes[3])}
    held = Held("ingest03", "many", "1 of 4 nodes is out, and no more may be")
    desk.decide(out=(out,), held=(held,))
    desk.say(RemediationKind.HELD, node="ingest03", rail="many", text=held.text)
    return "Acting: 1 of 4 ingest nodes is out: ingest02, since 15:12:20 UTC"


def frozen(desk: FakeRemediation) -> str:
    """Three of four have failed."""
    nodes = desk.nodes["ingest"]
    desk.nodes = {"ingest": (*map(failed, nodes[:3]), nodes[3])}
    why = "3 of 4 nodes have failed, and at most 1 may be out: nobody is withdrawn"
    held = tuple(Held(node.node, "many", why) for node in nodes[:3])
    desk.decide(frozen=why, held=held)
    desk.outputs = [Standing("etcd", {"ingest": ()}, desk.now - 1, "")]
    desk.say(RemediationKind.FROZEN, rail="many", text=why, evidence=("ingest01: failed",))
    return f"ingest is frozen: {why}"


def stopped(desk: FakeRemediation) -> str:
    """Somebody pulled the big switch."""
    desk.stopped = Stop("anna", "it flaps", desk.now - 300)
    desk.decide(mode=Mode.STOPPED)
    desk.outputs = [Standing("etcd", {"ingest": ("ingest02",)}, desk.now - 1, "")]
    desk.say(RemediationKind.STOPPED, service="", text="it flaps", by="anna")
    return "Stopped by anna, since 15:08:20 UTC"


def unwritten(desk: FakeRemediation) -> str:
    """The same, and the disk is full."""
    stopped(desk)
    desk.unwritten = "/var/lib/coalmine/remediation.stop: No space left on device"
    return "Stopped by anna, only until a restart, since 15:08:20 UTC"


def dry_run(desk: FakeRemediation) -> str:
    """It only says what it would do."""
    desk.rules = {"ingest": RemediationPolicy()}
    desk.withdraw()
    desk.outputs = [Standing("etcd", {"ingest": ()}, desk.now - 1, "")]
    return "Dry run: 1 of 4 ingest nodes would be out: ingest02, since 15:12:20 UTC"


@pytest.mark.parametrize("state", [withdrawn, frozen, stopped, unwritten, dry_run])
async def test_each_state_is_told_at_a_desk_and_on_a_phone(
    site: Site, desk: FakeRemediation, browser: Browser, state: Callable[[FakeRemediation], str]
) -> None:
    sentence = state(desk)
    for size, dark in ((chromium.DESKTOP, False), (chromium.PHONE, True)):
        async with chromium.tab(browser, size=size, dark=dark) as tab:
            await show(site, tab, "/remediation")
            await tab.until(f"{HEAD}.startsWith({sentence!r})")
            await tab.until("document.querySelectorAll('#log .entry').length >= 1")
            await unfold(tab)
            assert await tab.value(f"{ROWS}.length") == 4
            assert await axe.violations(tab, axe.source()) == [], f"{size}, dark: {dark}"
            assert await tab.value(OVER) <= 0
            assert await tab.value(SPILT) == []
            tab.must_be_quiet(str(site.server.make_url("/")))


async def test_evidence_wanted_and_in_force_stand_beside_each_other(
    site: Site, desk: FakeRemediation, tab: Tab
) -> None:
    withdrawn(desk)
    desk.outputs.append(Standing("webhook", None, desk.now - 2, ""))
    await show(site, tab, "/remediation")
    await tab.until(f"{ROWS}.length === 4")
    rows = f"{ROWS}.slice(0, 2).map((row) => [...row.cells].map((cell) => cell.innerText))"
    first, second = await tab.value(rows)
    assert first[0].split("\n") == ["ingest02", "eu-west-1a"]
    assert first[1].split("\n")[0] == "failed"
    assert first[2].split("\n") == [
        "ingest02 (its own agent): bad, 12 of 18 bad in 3 s, failing udp",
        "web-3: bad, 20 of 30 bad in 3 s, failing udp, tcp",
        "web-4: no opinion",
    ]
    assert first[3].startswith("out: no new work\n")
    assert "not back before 15:14:20 UTC, out 2 times of late; must help by 15:14:10 UTC" in first[3]
    assert first[4].split("\n") == ["nodes: out", "etcd: not known", "webhook: not known"]
    assert second[3].split("\n") == [
        "in, held by many",
        "1 of 4 nodes is out, and no more may be",
    ]
    summary = "document.querySelector('.well > summary').innerText"
    assert await tab.value(summary) == "2 nodes that are well"
    outputs = "[...document.querySelectorAll('#outputs tbody tr')].map((row) => row.innerText)"
    nodes, etcd, webhook = await tab.value(outputs)
    assert "as it is wanted" in nodes
    assert "in trouble" in etcd
    assert "Connection refused" in etcd
    assert "not known" in webhook
    await tab.until("document.querySelectorAll('#log .entry').length === 2", within_s=4)
    log = await tab.value("document.querySelector('#log .timeline').innerText")
    assert "ingest ingest03" in log
    assert "rail many" in log
    assert "ingest02 (own): bad" in log
    assert await tab.value("document.title") == "Acting: 1 of 4 ingest nodes is out: ingest02: Coalmine"


async def test_with_the_keyboard_operators_overrule_it(
    site: Site, desk: FakeRemediation, tab: Tab
) -> None:
    withdrawn(desk)
    await show(site, tab, "/remediation")
    await tab.page.get_by_role("button", name="Pin in: ingest02").press("Enter")
    assert await tab.value("document.activeElement.tagName") == "TEXTAREA"
    await tab.page.get_by_role("button", name="Pin it in").press("Enter")
    await tab.until("document.querySelector('#sure .wrong').innerText.startsWith('Say why')")
    await tab.page.keyboard.type("the probe is wrong")
    await tab.page.get_by_role("button", name="Pin it in").press("Enter")
    await tab.until("!document.querySelector('#sure').open")
    (pin,) = desk.pins
    assert (pin.node, pin.state, pin.by, pin.why) == (
        "ingest02",
        PinState.IN,
        "local",
        "the probe is wrong",
    )
    await tab.until(f"{ROWS}[0].innerText.includes('pinned in by local: the probe is wrong')")
    await tab.page.get_by_role("button", name="Release ingest02").press("Enter")
    await tab.page.get_by_role("button", name="Release it").press("Enter")
    await tab.until(f"!{ROWS}[0].innerText.includes('pinned in')")
    assert desk.pins == ()
    # The big switch has a key of its own.
    await tab.page.locator("body").press("s")
    await tab.page.keyboard.type("it flaps")
    assert await axe.violations(tab, axe.source()) == []
    await tab.page.get_by_role("button", name="Stop it").press("Enter")
    await tab.until(f"{HEAD}.startsWith('Stopped by local, since')")
    assert await tab.value(HEAD + ".endsWith(': it flaps')")
    await tab.page.get_by_role("button", name="Resume").press("Enter")
    await tab.page.get_by_role("button", name="Resume it").press("Enter")
    await tab.until(f"{HEAD}.startsWith('Acting: ')")
    await tab.page.locator("body").press("s")
    await tab.page.keyboard.press("Escape")
    assert desk.stopped is None
    tab.must_be_quiet(str(site.server.make_url("/")))


async def test_what_is_refused_is_said_where_it_was_asked(
    site: Site, desk: FakeRemediation, tab: Tab
) -> None:
    desk.broken = True
    await show(site, tab, "/remediation")
    await tab.page.get_by_role("button", name="Stop all of it").click()
    await tab.page.get_by_label("Why").fill("it flaps")
    await tab.page.get_by_role("button", name="Stop it").click()
    await tab.until("document.querySelector('#sure').innerText.includes('Read-only file system')")
    assert await tab.page.get_by_label("Why").input_value() == "it flaps"
    said = "document.querySelector('#sure').innerText"
    assert "It is stopped, but the stop file is not written" in await tab.value(said)
    await tab.page.get_by_role("button", name="Cancel").click()
    await tab.until(f"{HEAD}.startsWith('Stopped by local, only until a restart')")
    await tab.page.get_by_role("button", name="Resume").click()
    await tab.page.get_by_role("button", name="Resume it").click()
    await tab.until(f"{said}.includes('The stop file cannot be removed')")
    assert desk.stopped is not None


@pytest.mark.parametrize("role", [Role.VIEWER, Role.RESPONDER])
async def test_who_is_no_operator_sees_no_buttons(
    open_site: OpenSite, desk: FakeRemediation, tab: Tab, role: Role
) -> None:
    withdrawn(desk)
    site = await open_site(access=by_token(TOKEN, role=role))
    await sign_in(site, tab, "/remediation")
    await tab.until(f"{ROWS}.length === 4")
    await unfold(tab)
    assert await tab.value(f"{BUTTONS}.length") == 0
    await tab.page.locator("body").press("s")
    assert not await tab.value("document.querySelector('#sure').open")


async def test_the_live_page_leads_to_it(site: Site, desk: FakeRemediation, tab: Tab) -> None:
    line = "document.querySelector('#remediation')"
    async with beating(site):
        await show(site, tab, "/")
        await tab.until("document.querySelector('#headline').dataset.status === 'ok'")
        assert not await tab.value(f"{line}.checkVisibility()")
        withdrawn(desk)
        await tab.until(f"{line}.checkVisibility()")
        said = await tab.value(f"{line}.innerText")
        assert said.startswith("Remediation. Acting: 1 of 4 ingest nodes is out: ingest02, for ")
        await tab.until(f"{line}.checkVisibility()")
        assert await axe.violations(tab, axe.source()) == []
    await tab.page.locator("#remediation a").press("Enter")
    await tab.until("location.pathname === '/remediation'")
    await tab.until(f"{ROWS}.length === 4")


@pytest.mark.parametrize("size", [chromium.DESKTOP, chromium.PHONE])
async def test_whatever_is_told_is_text(
    site: Site, desk: FakeRemediation, browser: Browser, size: tuple[int, int]
) -> None:
    out = desk.withdraw(why=EVIL, by=EVIL, node=EVIL)
    evil = Sight(EVIL, False, Opinion.BAD, 3, 3, 3, (EVIL,))
    desk.nodes = {
        "ingest": tuple(
            each._replace(node=name, zone=EVIL, text=EVIL, sights=(evil,), verdict=Verdict.FAILED)
            for each, name in zip(desk.nodes["ingest"], (EVIL, "b", "c", "d"), strict=True)
        )
    }
    desk.decide(out=(out,), held=(Held("b", EVIL, EVIL),), frozen=EVIL)
    desk.outputs = [Standing(EVIL, {"ingest": (EVIL,)}, desk.now, EVIL)]
    desk.say(RemediationKind.PINNED, text=EVIL, by=EVIL, node=EVIL, rail=EVIL, evidence=(EVIL,))
    await desk.pin("ingest", "c", PinState.OUT, EVIL, EVIL, desk.now)
    async with chromium.tab(browser, size=size) as tab:
        for path in ("/remediation", "/"):
            await show(site, tab, path)
            await tab.until(
                "[...document.querySelectorAll('#services [data-node], #remediation a')]"
                ".some((each) => each.checkVisibility())"
            )
            if path == "/remediation":
                await tab.until("document.querySelectorAll('#log .entry').length === 3")
            await unfold(tab)
            assert await tab.value(MADE) == 0
            assert await tab.value(SPILT) == []
            assert await tab.value(OVER) <= 0
        tab.must_be_quiet(str(site.server.make_url("/")))
