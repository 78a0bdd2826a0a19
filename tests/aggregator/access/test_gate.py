"""Who a request is from, where it could be from several."""

from __future__ import annotations

import pytest
from multidict import CIMultiDict

from coalmine_aggregator.access.gate import BEARERS, BEARERS_S, Gate, Refused
from coalmine_aggregator.access.identity import Identity, Via
from coalmine_aggregator.access.roles import Role, Scope
from coalmine_aggregator.access.settings import (
    AccessSettings,
    OidcSettings,
    ProviderUrl,
    ProxySettings,
    TokenSettings,
)
from coalmine_runtime.quantities import parse_network
from coalmine_runtime.secret import Secret

SECRET = "correct-horse-battery"
PROXY = "10.0.0.7"
SETTINGS = AccessSettings(
    tokens=[TokenSettings(name="ci", token=Secret(SECRET), role=Role.RESPONDER)],
    proxy=ProxySettings(addresses=[parse_network(PROXY)], user_header="X-User", viewer=["*"]),
)


def ask(
    gate: Gate,
    *headers: tuple[str, str],
    peer: str = PROXY,
    cookie: str = "",
    now: float = 1000.0,
    boottime: float = 50.0,
) -> Identity | Refused:
    return gate.identify(peer, CIMultiDict(headers), cookie, now, boottime)


def known(answer: Identity | Refused) -> tuple[str, Via]:
    assert isinstance(answer, Identity), answer
    return answer.name, answer.via


def test_a_token_goes_before_the_proxys_word_and_that_before_a_session() -> None:
    gate = Gate(SETTINGS)
    token, person = ("Authorization", f"Bearer {SECRET}"), ("X-User", "ada")
    cookie = gate.sessions.begin(Via.TOKEN, "ci", Role.RESPONDER, 1000.0)
    assert known(ask(gate, token, person, cookie=cookie)) == ("ci", Via.TOKEN)
    assert known(ask(gate, person, cookie=cookie)) == ("ada", Via.PROXY)
    assert known(ask(gate, cookie=cookie)) == ("ci", Via.TOKEN)
    assert isinstance(ask(gate), Refused)
    foreign = ("Authorization", "Bearer eyJ.of.the-proxy")
    assert known(ask(gate, foreign, person)) == ("ada", Via.PROXY)
    assert isinstance(ask(gate, foreign, person, peer="8.8.8.8"), Refused)


@pytest.mark.parametrize(
    ("header", "right"),
    [
        (f"Bearer {SECRET}", True),
        (f"bearer  {SECRET} ", True),
        (f"Basic {SECRET}", False),
        (SECRET, False),
        ("Bearer", False),
        ("Bearer ", False),
        (f"Bearer {SECRET}x", False),
        (f"Bearer {SECRET[:-1]}", False),
        ("Bearer \udcff", False),
        (f"Bearer {'x' * 100_000}", False),
    ],
)
def test_bearers(header: str, right: bool) -> None:
    assert isinstance(ask(Gate(SETTINGS), ("Authorization", header)), Identity) is right


def test_two_authorizations_are_none() -> None:
    header = ("Authorization", f"Bearer {SECRET}")
    assert isinstance(ask(Gate(SETTINGS), header, header), Refused)


def test_a_session_may_what_its_token_may_now() -> None:
    def gate(role: Role, *scopes: Scope) -> Gate:
        token = TokenSettings(name="ci", token=Secret(SECRET), role=role, scopes=list(scopes))
        return Gate(AccessSettings(tokens=[token]))

    cookie = gate(Role.OPERATOR).sessions.begin(Via.TOKEN, "ci", Role.OPERATOR, 1000.0)
    answer = ask(gate(Role.VIEWER, Scope.METRICS), cookie=cookie)
    assert isinstance(answer, Identity)
    assert answer.scopes == {Scope.METRICS}
    assert not answer.may(Scope.READ)


def test_clients_of_a_proxy_are_slowed_down_one_by_one() -> None:
    gate, wrong = Gate(SETTINGS), ("Authorization", "Bearer wrong")
    for _ in range(BEARERS):
        ask(gate, wrong, ("X-Forwarded-For", "6.6.6.6"))
    right = ("Authorization", f"Bearer {SECRET}")
    answer = ask(gate, right, ("X-Forwarded-For", "6.6.6.6"))
    assert isinstance(answer, Refused)
    assert answer.wait_s > 0
    assert known(ask(gate, right, ("X-Forwarded-For", "1.2.3.4"))) == ("ci", Via.TOKEN)
    assert known(ask(gate, right)) == ("ci", Via.TOKEN)


def test_a_clock_that_was_ahead_keeps_nobody_out_for_longer_than_was_said() -> None:
    gate, day = Gate(SETTINGS), 86_400.0
    for _ in range(BEARERS):
        ask(gate, ("Authorization", "Bearer wrong"), now=1000.0 + day)
    right = ("Authorization", f"Bearer {SECRET}")
    answer = ask(gate, right, now=1000.0)
    assert isinstance(answer, Refused)
    assert 0 < answer.wait_s <= BEARERS_S / BEARERS
    assert known(ask(gate, right, now=1000.0, boottime=50.0 + answer.wait_s)) == ("ci", Via.TOKEN)


def test_somebody_without_a_role_is_known() -> None:
    proxy = ProxySettings(addresses=[parse_network(PROXY)], user_header="X-User", operator=["sre"])
    answer = ask(Gate(AccessSettings(proxy=proxy)), ("X-User", "ada"))
    assert answer == Refused("ada is in no group that has a role here.", known=True)


def test_loopback_is_open_only_while_nothing_says_who_may_come_in() -> None:
    assert known(ask(Gate(), peer="127.0.0.1")) == ("local", Via.LOCAL)
    assert isinstance(ask(Gate(SETTINGS), peer="127.0.0.1"), Refused)


def test_cookies_are_secure_where_browsers_come_over_tls() -> None:
    oidc = OidcSettings(
        issuer=ProviderUrl("https://id.example"),
        client_id="coalmine",
        client_secret=Secret("secret"),
        redirect_url=ProviderUrl("https://coalmine.example/login/oidc/callback"),
        viewer=["*"],
    )
    assert Gate(AccessSettings(oidc=oidc)).cookie == "__Host-coalmine", "a proxy in front ends TLS"
    assert Gate(SETTINGS, secure=True).cookie == "__Host-coalmine"
    assert Gate(SETTINGS).cookie == "coalmine"


def test_roles_grow() -> None:
    assert Role.VIEWER.scopes < Role.RESPONDER.scopes < Role.OPERATOR.scopes == frozenset(Scope)
