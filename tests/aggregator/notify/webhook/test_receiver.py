"""Webhooks, verified by the library that Standard Webhooks publishes."""

from __future__ import annotations

import base64
import json

import pytest
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from coalmine_aggregator.model.alerts import Cause
from coalmine_aggregator.model.counts import Counts
from coalmine_aggregator.notify.http import Client
from coalmine_aggregator.notify.message_id import message_id
from coalmine_aggregator.notify.notice import Notice
from coalmine_aggregator.notify.receiver import GoneError, RefusedError, TryLaterError
from coalmine_aggregator.notify.web_url import WebUrl
from coalmine_aggregator.notify.webhook.message import body_of
from coalmine_aggregator.notify.webhook.receiver import Webhook
from coalmine_aggregator.notify.webhook.settings import WebhookSettings
from coalmine_runtime.settings import ConfigError, Secret, loads
from tests.aggregator.store.samples import alert, changed, closed, opened
from tests.servers.hook import Hook

NEW = "whsec_" + base64.b64encode(b"n" * 32).decode()
OLD = "whsec_" + base64.b64encode(b"o" * 32).decode()
FOREIGN = "whsec_" + base64.b64encode(b"f" * 32).decode()


def receiver(hook: Hook, client: Client, secret: str = NEW) -> Webhook:
    return Webhook(WebhookSettings(url=WebUrl.parse(hook.url), secret=Secret(secret)), client)


async def test_the_signature_is_verified_by_the_published_library(hook: Hook, client: Client) -> None:
    await receiver(hook, client).deliver(Notice((opened(),)))
    (message,) = hook.messages
    body = Verifier(NEW).verify(message.body, {k.lower(): v for k, v in message.headers.items()})
    assert body == json.loads(message.body)
    with pytest.raises(WebhookVerificationError):
        Verifier(FOREIGN).verify(message.body, {k.lower(): v for k, v in message.headers.items()})
    spoilt = message.body.replace(b"44", b"45")
    with pytest.raises(WebhookVerificationError):
        Verifier(NEW).verify(spoilt, {k.lower(): v for k, v in message.headers.items()})


async def test_while_a_secret_is_rotated_either_verifies(hook: Hook, client: Client) -> None:
    await receiver(hook, client, f"{NEW}\n{OLD}\n").deliver(Notice((opened(),)))
    (message,) = hook.messages
    headers = {k.lower(): v for k, v in message.headers.items()}
    for secret in (NEW, OLD):
        Verifier(secret).verify(message.body, headers)
    with pytest.raises(WebhookVerificationError):
        Verifier(FOREIGN).verify(message.body, headers)


async def test_the_message_tells_everything(hook: Hook, client: Client) -> None:
    await receiver(hook, client).deliver(Notice((closed(),)))
    body = json.loads(hook.messages[0].body)
    assert body["type"] == "alert.closed"
    assert body["timestamp"] == "2025-11-13T02:13:50Z"
    data = body["data"]
    assert data["id"] == "ingest-loss-1"
    assert data["dedup_key"] == "prod/ingest/loss/1"
    assert data["scope"] == {"protocol": "udp"}
    assert data["counts"]["fates"]["lost"] == data["counts"]["bad"] == data["counts"]["judged"] == 44
    assert data["beside"]["expected"] == 222
    assert data["closed_at"] == "2025-11-13T02:13:50Z"
    assert data["owner"] == "ingest-oncall"
    assert data["playbook"] == "https://wiki.example/ingest"


def test_the_message_says_whose_fault_it_is_and_what_it_cost() -> None:
    blamed = alert()._replace(
        cause=Cause.RECEIPT_PATH,
        effect="lost",
        note="nothing is connected to tcp any more",
        equivalents=((("region", "eu"),), (("zone", "eu-a"),)),
        total=Counts(1, (1, 0, 0, 99, 0, 0, 0)),
        folded_into="ingest-loss-2",
    )
    data = json.loads(body_of(Notice((opened()._replace(alert=blamed),))))["data"]
    assert data["cause"] == "receipt_path"
    assert data["effect"] == "lost"
    assert data["note"] == "nothing is connected to tcp any more"
    assert data["equivalents"] == [{"region": "eu"}, {"zone": "eu-a"}]
    assert (data["total"]["bad"], data["total"]["judged"]) == (99, 100)
    assert data["folded_into"] == "ingest-loss-2"


async def test_tries_of_one_transition_share_their_id_and_no_others_do(
    hook: Hook, client: Client
) -> None:
    hook.answers.append((503, {}))
    sender = receiver(hook, client)
    with pytest.raises(TryLaterError):
        await sender.deliver(Notice((opened(),)))
    await sender.deliver(Notice((opened(),)))
    first, again = hook.messages
    assert first.headers["webhook-id"] == again.headers["webhook-id"]
    assert first.body == again.body
    others = [changed(), closed(), opened(2), opened(1, "logs"), opened(1, at=5.0)]
    ids = {message_id(Notice((transition,))) for transition in (opened(), *others)}
    assert len(ids) == 6
    assert all("." not in name for name in ids)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, RefusedError),
        (401, RefusedError),
        (404, RefusedError),
        (408, TryLaterError),
        (410, GoneError),
        (429, TryLaterError),
        (500, TryLaterError),
    ],
)
async def test_answers(hook: Hook, client: Client, status: int, error: type[Exception]) -> None:
    hook.status = status
    with pytest.raises(error, match=str(status)):
        await receiver(hook, client).deliver(Notice((opened(),)))


async def test_redirects_are_not_followed(hook: Hook, client: Client) -> None:
    hook.answers.append((307, {"Location": f"http://127.0.0.1:{hook.port}/elsewhere"}))
    with pytest.raises(RefusedError, match="307"):
        await receiver(hook, client).deliver(Notice((opened(),)))
    assert [message.path for message in hook.messages] == ["/hook"]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("secret: nothing", "whsec_"),
        ("secret: whsec_$$$", "base64"),
        ("secret: whsec_c2hvcnQ=", "5 bytes"),
        (f"secret: {NEW}\nurl: http://hooks.example/x", "unencrypted"),
        (f"secret: {NEW}\nurl: https://me:pw@hooks.example/x", "show in logs"),
        (f"secret: {NEW}\nurl: ftp://hooks.example/x", "https://host"),
    ],
)
def test_bad_settings_are_told_without_the_secret(text: str, what: str) -> None:
    whole = text if "url:" in text else f"{text}\nurl: https://hooks.example/x"
    with pytest.raises(ConfigError, match=what) as caught:
        loads(WebhookSettings, whole, {})
    assert NEW not in str(caught.value)
    assert "pw" not in str(caught.value)


def test_plain_http_can_be_allowed() -> None:
    text = f"secret: {NEW}\nurl: http://hooks.example/x\nallow_http: true"
    assert loads(WebhookSettings, text, {}).url.text == "http://hooks.example/x"


def test_markup_and_control_characters_stay_text() -> None:
    nasty = opened()._replace(alert=alert()._replace(owner="<!here>\n\x1b[31m</script>"))
    body = body_of(Notice((nasty,)))
    assert b"\n" not in body
    assert b"\x1b" not in body
    assert json.loads(body)["data"]["owner"] == "<!here>\n\x1b[31m</script>"
