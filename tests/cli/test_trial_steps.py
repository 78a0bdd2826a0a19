"""`coalmine alerts test` for mail, step by step before a real mail server, and for a chat."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import __ident__

from tests.cli.running import Done, run
from tests.conftest import Authority, Certificate
from tests.servers.chat import MATTERMOST_HOOK, ChatServer
from tests.servers.smtp import SmtpServer

USER, PASSWORD = "canary-user", "correct-horse-battery"
SECRETS = (USER, PASSWORD, "Y2FuYXJ5", "Y29ycmVjd", MATTERMOST_HOOK)
"""As they are, and as a sign-in has them in base64."""


async def trial(folder: Path, entry: dict[str, Any]) -> tuple[Done, list[tuple[str, str]]]:
    """How the command ended, and its steps: names and what they came to, each with a time."""
    file = folder / "aggregator.yaml"
    (receiver,) = entry
    whole = {
        "services": {"ingest": {}},
        "receive": {"tcp": "127.0.0.1:2003"},
        "store": f"sqlite:///{folder}/history.db",
        "notify": [entry],
        "paging": {"routes": [{"to": [receiver]}]},
    }
    file.write_text(json.dumps(whole))
    done = await run("alerts", "test", receiver, "--config", str(file))
    assert not [secret for secret in SECRETS if secret in done.out + done.err], done.out
    steps = []
    for line in done.out.splitlines()[:-1]:
        told = re.fullmatch(r" *\d+\.\d{3} s  (.{13,}?)  (.+)", line)
        assert told is not None, line
        steps.append((told[1].strip(), told[2]))
    return done, steps


def mail(server: SmtpServer, **more: Any) -> dict[str, Any]:
    given = {
        "server": f"127.0.0.1:{server.port}",
        "from": "coalmine@example.com",
        "to": ["anna@example.com"],
        "security": "none",
    }
    return {"mail": {**given, **more}}


def of(steps: list[tuple[str, str]], *names: str) -> list[tuple[str, str]]:
    return [each for each in steps if each[0] in names]


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_each_step_of_a_mail_is_told(
    tmp_path: Path, authority: Authority, loopback: Certificate, security: str
) -> None:
    starttls = security == "starttls"
    server = SmtpServer(tmp_path, certificate=loopback, starttls=starttls, login=(USER, PASSWORD))
    login = {"user": USER, "password": PASSWORD, "ca_file": str(authority.ca_file)}
    async with server:
        done, steps = await trial(tmp_path, mail(server, security=security, **login))
        opened, closed = server.taken()
    assert (done.code, done.err) == (0, "")
    assert done.out.endswith("Taken, and resolved.\n")
    assert opened.login == closed.login == USER
    at = f"127.0.0.1:{server.port}"
    asked = [("tls", "asking for STARTTLS"), ("tls", "STARTTLS: taken, 220 Ready to start TLS")]
    mails = [
        [
            (
                "connect",
                f"opening a connection to {at}{'' if starttls else ', with TLS from the start'}",
            ),
            ("connect", f"greeting: taken, 220 mail.example.com {__ident__}"),
            *(asked if starttls else []),
            ("tls", "TLSv1.3; the server's certificate is right"),
            ("sign-in", "giving user and password"),
            ("sign-in", "taken, 235"),
            ("sender", "coalmine@example.com: taken, 250 OK"),
            ("recipient", "anna@example.com: taken, 250 OK"),
            ("message", f"sending {len(taken.raw)} bytes"),
            ("message", "taken, 250 2.0.0 taken"),
        ]
        for taken in (opened, closed)
    ]
    told = of(steps, "connect", "tls", "sign-in", "sender", "recipient", "message")
    assert told == [*mails[0], *mails[1]]


async def test_a_refused_sign_in_is_the_last_step(tmp_path: Path) -> None:
    async with SmtpServer(tmp_path, login=(USER, "another")) as server:
        done, steps = await trial(tmp_path, mail(server, user=USER, password=PASSWORD))
        assert server.taken() == []
    assert done.code == 1
    assert [name for name, _ in steps[-4:]] == ["connect", "sign-in", "sign-in", "failed"]
    assert steps[-2] == ("sign-in", "refused, 535")
    assert "refuses this message for good: 535" in steps[-1][1]
    assert of(steps, "tls", "sender", "message") == []


async def test_a_refused_recipient_is_told_beside_those_who_are_taken(tmp_path: Path) -> None:
    unknown = ("recipient", "unknown@example.com: refused, 550 5.1.1 no such user")
    async with SmtpServer(tmp_path) as server:
        done, steps = await trial(tmp_path, mail(server, to=["unknown@example.com"]))
        assert (done.code, server.taken()) == (1, [])
        assert [*of(steps, "sender", "recipient", "message")][1:] == [unknown]
        assert steps[-1][0] == "failed"
        both = ["unknown@example.com", "anna@example.com"]
        done, steps = await trial(tmp_path, mail(server, to=both))
        assert done.code == 0
        anna = ("recipient", "anna@example.com: taken, 250 OK")
        assert of(steps, "recipient") == [unknown, anna] * 2
        assert [each.to for each in server.taken()] == [["anna@example.com"]] * 2


async def test_a_server_without_starttls_fails_there(tmp_path: Path, authority: Authority) -> None:
    async with SmtpServer(tmp_path) as server:
        secure = {"security": "starttls", "ca_file": str(authority.ca_file)}
        done, steps = await trial(tmp_path, mail(server, **secure))
    assert done.code == 1
    assert [name for name, _ in steps[-3:]] == ["connect", "tls", "failed"]
    assert "STARTTLS extension not supported" in steps[-1][1]


async def test_a_chat_says_that_its_steps_are_unseen(tmp_path: Path) -> None:
    async with ChatServer() as server:
        chat = {"chat": {"url": f"mmost://127.0.0.1:{server.port}/{MATTERMOST_HOOK}"}}
        done, steps = await trial(tmp_path, chat)
        assert (done.code, len(server.shown)) == (0, 2)
        (said,) = of(steps, "steps")
        assert "apprise tells nothing of its steps" in said[1]
        assert ("resolve", "chat has taken it") in steps
        server.answers.append((403, {}))
        done, steps = await trial(tmp_path, chat)
        assert (done.code, len(server.shown)) == (1, 2)
        assert "for good" in steps[-1][1]
