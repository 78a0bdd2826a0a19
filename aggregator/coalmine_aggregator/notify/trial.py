"""A test page to one receiver, on the way that all pages go, and then its end: nothing is left open."""

from __future__ import annotations

import aiohttp

from coalmine_aggregator.model.alerts import Alert, AlertClass, Change, Severity, Transition
from coalmine_aggregator.model.counts import NOTHING
from coalmine_aggregator.notify.links import Links
from coalmine_aggregator.notify.notice import Notice
from coalmine_aggregator.notify.page import page_text
from coalmine_aggregator.notify.receiver import GoneError, RefusedError, TryLaterError
from coalmine_aggregator.notify.registry import receiver_of
from coalmine_aggregator.notify.settings import NotifySettings
from coalmine_aggregator.notify.trace import Say, tracing


async def send_test(
    entry: NotifySettings, fleet: str, contact: str, links: Links, now: float, say: Say
) -> bool:
    """Tells the receiver that a test opened, and that it is over. Whether both were taken; every step
    is told to `say`. Tries once: what a real page would be tried again for is told as it is."""
    async with aiohttp.ClientSession(
        cookie_jar=aiohttp.DummyCookieJar(), trace_configs=[tracing(say)]
    ) as session:
        receiver = receiver_of(entry, session, say=say)
        receiver.start(())
        if entry.chat is not None:
            say(
                "steps",
                "apprise tells nothing of its steps: only whether the chat took it",
            )
        try:
            alert = _alert(entry.known_as, fleet, now)
            say("dedup key", alert.dedup_key)
            over = alert._replace(closed_at=now)
            changes = [Transition(Change.OPENED, now, alert)]
            if Change.CLOSED in entry.traits.hears:
                changes.append(Transition(Change.CLOSED, now, over))
            for transition in changes:
                what = "page" if transition.change is Change.OPENED else "resolve"
                say(what, page_text(transition, links).subject)
                try:
                    await receiver.deliver(Notice((transition,), contact, links))
                except TryLaterError as error:
                    say("failed", f"{error}; a real page would be tried again")
                    return False
                except GoneError as error:
                    say("failed", f"it wants no messages any more: {error}")
                    return False
                except RefusedError as error:
                    say("failed", f"it refuses this message for good: {error}")
                    return False
                say(what, f"{entry.known_as} has taken it")
            return True
        finally:
            await receiver.close()


def _alert(receiver: str, fleet: str, now: float) -> Alert:
    """Of a class that counts nothing; a ticket, so that it wakes nobody where severities matter."""
    return Alert(
        number=0,
        fleet=fleet,
        service="TEST",
        alert_class=AlertClass.PEER,
        ordinal=1,
        severity=Severity.TICKET,
        scope=(),
        since=int(now),
        opened_at=now,
        closed_at=None,
        counts=NOTHING,
        beside=NOTHING,
        window_s=0,
        acceptable_loss=0.0,
        owner="",
        playbook="",
        note=f"This is a TEST of the receiver {receiver}, sent by hand. Nothing is wrong.",
        handle="TEST: nothing is wrong",
        steps=("do nothing: this TEST ends by itself",),
    )
