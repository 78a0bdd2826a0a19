"""apprise, as far as it is used: one channel, one message, what came of it."""

from __future__ import annotations

import importlib
import logging
import re
from typing import NamedTuple

import apprise
from apprise.exception import AppriseImproperlyConfigured

from coalmine_aggregator.notify.chat.message import ChatMessage
from coalmine_aggregator.notify.chat.platforms import Platform

# Its log repeats keys from URLs. What it says of a message comes back with the result.
logging.getLogger("apprise").propagate = False
logging.getLogger("apprise").addHandler(logging.NullHandler())

_STATUS = re.compile(r"\berror=(\d{3})\b")


class Outcome(NamedTuple):
    """`status` is that of the HTTP answer, as far as apprise tells it; `what` is empty if it worked."""

    sent: bool
    status: int | None = None
    what: str = ""


class AppriseChannel:
    """Blocks. Raises ValueError, without the URL, where apprise does not understand it."""

    def __init__(self, url: str, platform: Platform) -> None:
        self._url = url.replace("/#", "/%23")  # as apprise does: a channel is no fragment
        # Asked by the URL alone, apprise would load all the plugins that it has, 45 MB.
        module = importlib.import_module(f"apprise.plugins.{platform.plugin}")
        self._kind: type[apprise.NotifyBase] = getattr(module, platform.plugin_class)
        self._asset = apprise.AppriseAsset(
            app_id="Coalmine",
            app_desc="Coalmine",
            app_url="",
            image_url_mask="",  # no pictures from apprise's own site
            http_redirects=False,
            storage_mode=apprise.PersistentStoreMode.MEMORY,
        )
        if len(self._plugin()) > 1:
            raise ValueError("names several channels; make each a receiver of its own")

    def send(self, message: ChatMessage, urgent: bool) -> Outcome:
        """Sends it as text; in red, where the chat has colours and it is urgent."""
        kind = apprise.NotifyType.FAILURE if urgent else apprise.NotifyType.INFO
        try:
            channel = apprise.Apprise(asset=self._asset)
            channel.add(self._plugin())
            result = channel.notify(
                body=message.body,
                title=message.title,
                notify_type=kind,
                body_format=apprise.NotifyFormat.TEXT,
            )
        except Exception as error:
            return Outcome(False, what=f"{type(error).__name__} in apprise")
        if result:
            return Outcome(True)
        told = " ".join(entry.message for entry in result.logs())[:500]
        status = _STATUS.search(told)
        return Outcome(False, int(status[1]) if status else None, told or "apprise does not say why")

    def _plugin(self) -> apprise.NotifyBase:
        """A new one for each message: Matrix's gives all its messages the same transaction identifier
        when it is let in by a token, and a server takes them for one."""
        parts = self._kind.parse_url(self._url)
        if parts is None:
            raise ValueError("apprise does not understand it")
        try:
            return self._kind(**parts, asset=self._asset)
        except AppriseImproperlyConfigured:
            raise ValueError("apprise does not understand it") from None
