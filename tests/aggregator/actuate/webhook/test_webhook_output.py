"""The webhook that is told who is out, verified by the library that Standard Webhooks publishes."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from standardwebhooks import Webhook as Verifier

from coalmine_aggregator.actuate.webhook.settings import StateWebhookSettings
from coalmine_aggregator.actuate.webhook.webhook_output import WebhookOutput
from coalmine_aggregator.model.withdrawal import Mode
from coalmine_runtime.settings import ConfigError, loads
from tests.aggregator.actuate.running import running, until_out, until_trouble
from tests.aggregator.actuate.words import word
from tests.servers.hook import Hook, Message
from tests.servers.waiting import until

SECRET = "whsec_" + base64.b64encode(b"r" * 32).decode()


@pytest.fixture
async def hook() -> AsyncIterator[Hook]:
    """An endpoint, running."""
    async with Hook() as running_hook:
        yield running_hook


def output(hook: Hook, more: str = "") -> WebhookOutput:
    text = f"url: {hook.url}\nsecret: {SECRET}\n{more}"
    return WebhookOutput(loads(StateWebhookSettings, text, {}), "prod")


def withdrawn(message: Message) -> dict[str, list[str]]:
    """Verifies it, and reads who is out by service."""
    headers = {key.lower(): value for key, value in message.headers.items()}
    Verifier(SECRET).verify(message.body, headers)
    body: dict[str, Any] = json.loads(message.body)
    assert body["data"]["fleet"] == "prod"
    return {
        each["service"]: [out["node"] for out in each["withdrawn"]] for each in body["data"]["services"]
    }


async def test_it_is_told_at_every_change_and_signed(hook: Hook) -> None:
    told = output(hook)
    async with running(told, word()) as say:
        await until_out(told)
        say(word("web-3"))
        await until_out(told, "web-3")
        say(word("web-3", mode=Mode.STOPPED))
        await until_out(told)
    assert [withdrawn(each) for each in hook.messages] == [
        {"ingest": []},
        {"ingest": ["web-3"]},
        {"ingest": []},
    ]
    assert len({each.headers["webhook-id"] for each in hook.messages}) == 3


async def test_while_nothing_changes_it_is_told_again_in_a_third_of_a_lease(hook: Hook) -> None:
    told = output(hook)
    async with running(told, word("web-3", lease_s=0.9)):
        messages = await hook.until(4)
    assert all(withdrawn(each) == {"ingest": ["web-3"]} for each in messages)


async def test_what_failed_is_told_later_by_what_is_wanted_then(hook: Hook) -> None:
    hook.answers.extend([(503, {}), (503, {"Retry-After": "1"})])
    told = output(hook)
    async with running(told, word("web-3")) as say:
        await until_trouble(told, "503")
        say(word("web-2"))
        await until_out(told, "web-2")
        await until_trouble(told, "")
    assert withdrawn(hook.messages[-1]) == {"ingest": ["web-2"]}


async def test_in_standby_it_is_told_nothing(hook: Hook) -> None:
    told = output(hook)
    async with running(told, word("web-3", mode=Mode.STANDBY)) as say:
        say(word("web-3", mode=Mode.STANDBY), word("db-1", service="db", nodes=("db-1", "db-2")))
        await until_out(told, "db-1", service="db")
    assert [withdrawn(each) for each in hook.messages] == [{"db": ["db-1"]}]


async def test_a_stop_is_told_for_a_lease(hook: Hook) -> None:
    told = output(hook, "every: 1s")
    async with running(told, word("web-3", mode=Mode.STOPPED, lease_s=1.0)) as say:
        await until_out(told)

        async def silent() -> bool:
            return told.standing().out is None

        await until(silent, deadline_s=15.0, what="it has been stopped for a lease")
        say(word("web-3"))
        await until_out(told, "web-3")


async def test_gone_is_gone(hook: Hook) -> None:
    hook.status = 410
    told = output(hook)
    async with running(told, word()) as say:
        await until_trouble(told, "no messages any more")
        say(word("web-3"))
        await until_trouble(told, "no messages any more")
    assert len(hook.messages) == 1
    assert told.standing().out is None


async def test_redirects_are_not_followed(hook: Hook) -> None:
    hook.answers.append((307, {"Location": f"http://127.0.0.1:{hook.port}/elsewhere"}))
    told = output(hook)
    async with running(told, word()):
        await until_trouble(told, "307")
        await until_out(told)
    assert {each.path for each in hook.messages} == {"/hook"}


async def test_clear_needs_no_aggregator_and_says_whether_it_was_taken(hook: Hook) -> None:
    await output(hook).clear()
    (message,) = hook.messages
    assert withdrawn(message) == {}
    assert json.loads(message.body)["type"] == "remediation.cleared"
    hook.status = 500
    with pytest.raises(OSError, match="did not take it: 500"):
        await output(hook).clear()


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("secret: nothing\nurl: https://hooks.example/x", "whsec_"),
        (f"secret: {SECRET}\nurl: http://hooks.example/x", "unencrypted"),
        (f"secret: {SECRET}\nurl: https://10.1.2.3/x", "private"),
        (f"secret: {SECRET}\nurl: https://169.254.169.254/x", "metadata"),
        (f"secret: {SECRET}\nurl: https://hooks.example/x\nevery: 10m", "1s to 5m"),
        ("url: https://hooks.example/x", "secret"),
    ],
)
def test_bad_settings(text: str, what: str) -> None:
    with pytest.raises(ConfigError, match=what) as caught:
        loads(StateWebhookSettings, text, {})
    assert SECRET not in str(caught.value)
