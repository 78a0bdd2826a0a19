"""Tells every peer of an Alertmanager cluster, and tells it again until it is over.

Alertmanager keeps an alert as long as it is told of it. The state is therefore sent, not the change:
what a peer missed while it was down, it hears at the next round. A delivery counts once one peer has
taken it, since the peers share notifications.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec

from coalmine_aggregator.model.alerts import Transition
from coalmine_aggregator.notify.alertmanager.alert import alert_of, is_over
from coalmine_aggregator.notify.alertmanager.settings import AlertmanagerSettings
from coalmine_aggregator.notify.alertmanager.watchdog import Watchdog
from coalmine_aggregator.notify.http import Client
from coalmine_aggregator.notify.links import Links
from coalmine_aggregator.notify.notice import Notice
from coalmine_aggregator.notify.receiver import RefusedError, TryLaterError
from coalmine_runtime import clock
from coalmine_runtime.logs import get_logger

PEER_TIMEOUT_S = 5.0

_ACCEPTED = (200,)

log = get_logger("notify.alertmanager")


class Alertmanager:
    """One cluster. `watchdog` is told in every round."""

    takes_groups = False
    address = ""

    def __init__(
        self, settings: AlertmanagerSettings, client: Client, watchdog: Watchdog | None = None
    ) -> None:
        self._peers = [_Peer(f"{url.text.rstrip('/')}/api/v2/alerts", client) for url in settings.urls]
        self._resend_s = settings.resend
        self._watchdog = watchdog
        self._standing: dict[str, Transition] = {}
        self._links = Links()
        self._resending: asyncio.Task[None] | None = None

    def start(self, standing: Sequence[Transition]) -> None:
        """Tells of these from now on, again and again."""
        self._standing.update((transition.alert.dedup_key, transition) for transition in standing)
        if self._resending is None:
            self._resending = asyncio.create_task(self._resend(), name="alertmanager-resend")

    async def deliver(self, notice: Notice) -> None:
        """See `Receiver.deliver`."""
        key = notice.transition.alert.dedup_key
        self._standing[key] = notice.transition
        self._links = notice.links
        errors = [error for error in await self._tell([key]) if error is not None]
        if len(errors) < len(self._peers):
            return
        what = "; ".join(str(error) for error in errors)
        if all(isinstance(error, RefusedError) for error in errors):
            raise RefusedError(what)
        waits = [error.after_s for error in errors if isinstance(error, TryLaterError)]
        raise TryLaterError(what, min((wait for wait in waits if wait is not None), default=None))

    async def close(self) -> None:
        """Ends the rounds."""
        if self._resending is not None:
            self._resending.cancel()
            await asyncio.wait([self._resending])

    async def _resend(self) -> None:
        while True:
            try:
                await self._round()
            except Exception as error:
                # A fault of ours in one round must not end the others: what stands would end.
                log.exception("notify.alertmanager.fault", error)
            await asyncio.sleep(self._resend_s)

    async def _round(self) -> None:
        now = clock.wall()
        self._standing = {
            key: transition
            for key, transition in self._standing.items()
            if not is_over(transition, now)
        }
        watchdog = None if self._watchdog is None else self._watchdog.alert(now, self._resend_s)
        if self._standing or watchdog is not None:
            await self._tell(list(self._standing), () if watchdog is None else (watchdog,))

    async def _tell(
        self, keys: Sequence[str], beside: Sequence[dict[str, Any]] = ()
    ) -> list[TryLaterError | RefusedError | None]:
        """Tells all peers at once how these alerts stand, and what goes beside them; returns each one's
        error."""
        return await asyncio.gather(
            *(peer.tell(self._standing, keys, beside, self._links) for peer in self._peers)
        )


class _Peer:
    """One peer: its requests go one after the other, so that an older state never comes last."""

    def __init__(self, url: str, client: Client) -> None:
        self._url = url
        self._client = client
        self._turn = asyncio.Lock()
        self._failing = ""

    async def tell(
        self,
        standing: dict[str, Transition],
        keys: Sequence[str],
        beside: Sequence[dict[str, Any]],
        links: Links,
    ) -> TryLaterError | RefusedError | None:
        async with self._turn:
            error: TryLaterError | RefusedError | None = None
            try:
                # Built in turn: what stood when the turn was asked for may have changed since.
                now = clock.wall()
                alerts = [alert_of(standing[key], now, links) for key in keys if key in standing]
                alerts += beside
                await self._client.post(
                    self._url,
                    msgspec.json.encode(alerts),
                    accept=_ACCEPTED,
                    timeout_s=PEER_TIMEOUT_S,
                )
            except (TryLaterError, RefusedError) as failure:
                error = failure
            except Exception as fault:
                # A fault of ours with one peer must not have refused what the others took.
                log.exception("notify.alertmanager.peer.fault", fault, url=self._url)
                error = RefusedError(f"fault: {type(fault).__name__}")
            what = "" if error is None else str(error)
            if what and not self._failing:
                log.warning("notify.alertmanager.peer.failed", url=self._url, error=what)
            elif self._failing and not what:
                log.info("notify.alertmanager.peer.recovered", url=self._url)
            self._failing = what
            return error
