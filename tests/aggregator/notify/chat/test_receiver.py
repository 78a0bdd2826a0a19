"""What arrives at chats when apprise has spoken to them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from coalmine_aggregator.notify.chat import receiver
from coalmine_aggregator.notify.links import Links
from coalmine_aggregator.notify.notice import Notice
from coalmine_aggregator.notify.page import page_text
from coalmine_aggregator.notify.receiver import RefusedError, TryLaterError
from tests.aggregator.notify.chat.channels import KINDS, channel
from tests.aggregator.store.samples import closed, opened
from tests.servers.chat import ChatServer

LINKS = Links("https://coalmine.example")


@pytest.fixture
async def server() -> AsyncIterator[ChatServer]:
    """The stand-in, running."""
    async with ChatServer() as running:
        yield running


@pytest.mark.parametrize("kind", KINDS)
async def test_a_page_arrives_as_text(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    chat = channel(kind, server, monkeypatch)
    await chat.deliver(Notice((opened(),), links=LINKS))
    (shown,) = server.shown
    in_code = kind in ("discord", "mattermost")
    assert shown.syntax == ([LINKS.view(opened().alert)] if in_code else [])
    page = page_text(opened(), LINKS)
    lines = shown.text.splitlines()
    assert lines == [page.subject, *page.body.splitlines()]


@pytest.mark.parametrize("kind", KINDS)
async def test_several_are_one_message_and_two_messages_are_two(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    chat = channel(kind, server, monkeypatch)
    assert chat.takes_groups
    await chat.deliver(Notice((opened(1), opened(2, "logs"))))
    await chat.deliver(Notice((closed(1),)))
    first, second = server.shown
    assert "Restore ingest UDP" in first.text
    assert "Restore logs UDP" in first.text
    assert second.text.startswith("Restored ingest UDP")


async def test_no_picture_is_fetched_from_elsewhere(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind in KINDS:
        await channel(kind, server, monkeypatch).deliver(Notice((opened(),)))
    assert "github" not in str(server.payloads)


async def test_slack_is_told_one_message_a_second(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = channel("slack", server, monkeypatch)
    await asyncio.gather(*(chat.deliver(Notice((opened(number),))) for number in (1, 2, 3)))
    assert server.refused == 0
    assert len(server.shown) == 3
    assert min(b - a for a, b in zip(server.at, server.at[1:], strict=False)) >= 1.0


@pytest.mark.parametrize("kind", ["slack", "mattermost"])
async def test_429_asks_for_patience(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    chat = channel(kind, server, monkeypatch)
    server.answers.append((429, {"Retry-After": "3"}))
    with pytest.raises(TryLaterError) as caught:
        await chat.deliver(Notice((opened(),)))
    assert caught.value.after_s == 30
    await chat.deliver(Notice((opened(),)))
    assert len(server.shown) == 1


@pytest.mark.parametrize("kind", ["discord", "matrix"])
async def test_apprise_itself_waits_out_the_429_of_some(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    chat = channel(kind, server, monkeypatch)
    server.answers.append((429, {"Retry-After": "1"}))
    await chat.deliver(Notice((opened(),)))
    assert (server.refused, len(server.shown)) == (1, 1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("status", "error"), [(403, RefusedError), (503, TryLaterError)])
async def test_refusals(
    server: ChatServer,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    status: int,
    error: type[Exception],
) -> None:
    chat = channel(kind, server, monkeypatch)
    server.answers.append((status, {}))
    with pytest.raises(error):
        await chat.deliver(Notice((opened(),)))
    assert server.shown == []


async def test_no_server_is_tried_later(monkeypatch: pytest.MonkeyPatch) -> None:
    async with ChatServer() as gone:
        chat = channel("slack", gone, monkeypatch)
    with pytest.raises(TryLaterError):
        await chat.deliver(Notice((opened(),)))


async def test_redirects_are_not_followed(server: ChatServer, monkeypatch: pytest.MonkeyPatch) -> None:
    chat = channel("slack", server, monkeypatch)
    server.answers.append((307, {"Location": f"{server.base}/hooks/x"}))
    with pytest.raises(RefusedError):
        await chat.deliver(Notice((opened(),)))
    assert server.shown == []


async def test_what_took_too_long_is_not_said_twice(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = channel("slack", server, monkeypatch)
    monkeypatch.setattr(receiver, "TIMEOUT_S", 0.2)
    server.hold = asyncio.Event()
    with pytest.raises(TryLaterError, match="no answer"):
        await chat.deliver(Notice((opened(),)))
    with pytest.raises(TryLaterError, match="no answer"):  # it still waits: nothing else is begun
        await chat.deliver(Notice((opened(2),)))
    monkeypatch.setattr(receiver, "TIMEOUT_S", 10.0)
    server.hold.set()
    await chat.deliver(Notice((opened(),)))
    assert len(server.shown) == 1
