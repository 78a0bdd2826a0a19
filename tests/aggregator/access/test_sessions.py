"""Sessions: until when they last, and what ends them."""

from __future__ import annotations

import dataclasses

import pytest

from coalmine_aggregator.access import sessions
from coalmine_aggregator.access.identity import Via
from coalmine_aggregator.access.roles import Role
from coalmine_aggregator.access.seal import MAX_SEALED
from coalmine_aggregator.access.sessions import Sessions
from coalmine_aggregator.access.settings import OidcSettings, ProviderUrl, TokenSettings
from coalmine_runtime.secret import Secret

TOKEN = TokenSettings(name="ada", token=Secret("correct-horse-battery"), role=Role.VIEWER)
OIDC = OidcSettings(
    issuer=ProviderUrl("https://id.example"),
    client_id="coalmine",
    client_secret=Secret("secret"),
    viewer=["staff"],
    operator=["sre"],
)


def make(tokens: tuple[TokenSettings, ...] = (TOKEN,), oidc: OidcSettings | None = OIDC) -> Sessions:
    return Sessions(tokens, oidc, length_s=10)


def test_a_session_says_who_it_is_of_until_it_ends() -> None:
    cookie = make().begin(Via.TOKEN, "ada", Role.VIEWER, 1000.0)
    other_process = make()
    opened = other_process.read(cookie, 1009.0)
    assert opened is not None
    assert (opened.session.name, opened.session.via) == ("ada", Via.TOKEN)
    assert len(opened.csrf) == 64
    assert other_process.read(cookie, 1010.0) is None
    for odd in ("", "x", cookie[:-4], cookie.swapcase(), "\udcff", "é", cookie + "A" * 8):
        assert other_process.read(odd, 1001.0) is None


def test_a_session_ends_with_what_it_was_made_from() -> None:
    by_token = make().begin(Via.TOKEN, "ada", Role.VIEWER, 1000.0)
    changed = dataclasses.replace(TOKEN, token=Secret("another-horse-battery"))
    renamed = dataclasses.replace(TOKEN, name="bob")
    for tokens in ((), (changed,), (renamed,)):
        assert make(tokens).read(by_token, 1001.0) is None

    by_oidc = make().begin(Via.OIDC, "eve", Role.OPERATOR, 1000.0)
    assert make().read(by_oidc, 1001.0) is not None
    for oidc in (
        None,
        dataclasses.replace(OIDC, client_secret=Secret("other")),
        dataclasses.replace(OIDC, operator=["few"]),
        dataclasses.replace(OIDC, issuer=ProviderUrl("https://other.example")),
    ):
        assert make(oidc=oidc).read(by_oidc, 1001.0) is None


def test_a_token_that_gets_a_role_keeps_its_sessions_for_the_gate_to_judge() -> None:
    cookie = make().begin(Via.TOKEN, "ada", Role.VIEWER, 1000.0)
    raised = dataclasses.replace(TOKEN, role=Role.OPERATOR)
    assert make((raised,)).read(cookie, 1001.0) is not None


def test_a_session_is_of_what_the_configuration_has() -> None:
    with pytest.raises(KeyError):
        make().begin(Via.TOKEN, "nobody", Role.VIEWER, 1000.0)
    with pytest.raises(KeyError):
        make(oidc=None).begin(Via.OIDC, "ada", Role.VIEWER, 1000.0)


def test_signing_out_ends_one_session_alone() -> None:
    made = make()
    first, second = (made.begin(Via.OIDC, "eve", Role.VIEWER, 1000.0) for _ in range(2))
    opened = made.read(first, 1001.0)
    assert opened is not None
    made.end(opened.session, 1001.0)
    assert made.read(first, 1002.0) is None
    assert made.read(second, 1002.0) is not None


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "MAX_ENDED", 2)
    made = make()
    cookies = [made.begin(Via.OIDC, "eve", Role.VIEWER, 1000.0 + i) for i in range(3)]
    for cookie in cookies:
        opened = made.read(cookie, 1003.0)
        assert opened is not None
        made.end(opened.session, 1003.0)
    assert [made.read(cookie, 1004.0) is None for cookie in cookies] == [False, True, True]


def test_the_longest_name_fits_a_cookie() -> None:
    cookie = make().begin(Via.OIDC, "\U0001f9ff" * 255, Role.OPERATOR, 1000.0)
    assert len(cookie) < MAX_SEALED / 2
    assert make().read(cookie, 1001.0) is not None
