"""Channels of the stand-ins."""

from __future__ import annotations

import pytest

from coalmine_aggregator.notify.chat.receiver import Chat
from coalmine_aggregator.notify.chat.settings import ChatSettings
from coalmine_runtime.settings import Secret
from tests.servers.chat import DISCORD_HOOK, MATTERMOST_HOOK, SLACK_HOOK, ChatServer

KINDS = ("slack", "discord", "mattermost", "matrix")


def channel(kind: str, server: ChatServer, monkeypatch: pytest.MonkeyPatch) -> Chat:
    """A receiver for a channel at the stand-in. Where Slack and Discord are is written in apprise."""
    from apprise.plugins.discord import NotifyDiscord
    from apprise.plugins.slack import NotifySlack

    monkeypatch.setattr(NotifySlack, "webhook_url", f"{server.base}/services")
    monkeypatch.setattr(NotifyDiscord, "notify_url", f"{server.base}/api/webhooks")
    url = {
        "slack": f"slack://{SLACK_HOOK}",
        "discord": f"discord://{DISCORD_HOOK}",
        "mattermost": f"mmost://127.0.0.1:{server.port}/{MATTERMOST_HOOK}",
        "matrix": f"matrix://syt_token@127.0.0.1:{server.port}/!room:localhost",
    }[kind]
    return Chat(ChatSettings(url=Secret(url)))
