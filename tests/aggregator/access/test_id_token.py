"""ID tokens: right in everything, one proves who it is of; wrong in anything, it proves nothing."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, OKPKey

from coalmine_aggregator.access.id_token import (
    LEEWAY_S,
    Expected,
    IdTokenError,
    UnknownKeyError,
    groups_of,
    name_of,
    verify,
)
from tests.aggregator.access.provider import CLIENT_ID, NOW, StrictProvider, rsa_key

ISSUER = "https://id.example"
NONCE = "a-nonce"
EXPECTED = Expected(ISSUER, CLIENT_ID, NONCE)


@pytest.fixture(scope="module")
def provider() -> StrictProvider:
    made = StrictProvider()
    made.issuer = ISSUER
    return made


def token_with(provider: StrictProvider, **changes: Any) -> str:
    """A right token but for these claims; None takes one out."""

    def tamper(claims: dict[str, Any]) -> None:
        for name, value in changes.items():
            claims.pop(name) if value is None else claims.update({name: value})

    provider.tamper = tamper
    return provider.id_token(NONCE)


def check(provider: StrictProvider, token: str, now: float = NOW) -> dict[str, Any]:
    return verify(token, KeySet(provider.keys), EXPECTED, now, "access")


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"aud": [CLIENT_ID]},
        {"aud": [CLIENT_ID, "other"], "azp": CLIENT_ID},
        {"azp": CLIENT_ID},
        {"at_hash": None},
        {"nbf": int(NOW)},
        {"iat": int(NOW) + LEEWAY_S},
        {"exp": int(NOW) - LEEWAY_S + 1},
    ],
)
def test_a_right_token_proves_who_it_is_of(provider: StrictProvider, changes: dict[str, Any]) -> None:
    assert check(provider, token_with(provider, **changes))["sub"] == "17"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"iss": "https://evil.example"}, "iss"),
        ({"iss": f"{ISSUER}/"}, "iss"),
        ({"iss": None}, "iss"),
        ({"aud": "other"}, "aud"),
        ({"aud": ["other"]}, "aud"),
        ({"aud": []}, "aud"),
        ({"aud": None}, "aud"),
        ({"aud": [CLIENT_ID, "other"]}, "azp"),
        ({"aud": [CLIENT_ID, "other"], "azp": "other"}, "azp"),
        ({"azp": "other"}, "azp"),
        ({"exp": int(NOW) - LEEWAY_S}, "exp"),
        ({"exp": None}, "exp"),
        ({"exp": "tomorrow"}, "exp"),
        ({"iat": int(NOW) + LEEWAY_S + 1}, "in the future"),
        ({"iat": None}, "iat"),
        ({"nbf": int(NOW) + LEEWAY_S + 1}, "not yet valid"),
        ({"nonce": "other"}, "nonce"),
        ({"nonce": ""}, "nonce"),
        ({"nonce": None}, "nonce"),
        ({"nonce": [NONCE]}, "nonce"),
        ({"sub": None}, "sub"),
        ({"sub": ""}, "sub"),
        ({"sub": 17}, "sub"),
        ({"at_hash": "AAAA"}, "at_hash"),
    ],
)
def test_one_wrong_claim_is_enough(provider: StrictProvider, changes: dict[str, Any], why: str) -> None:
    with pytest.raises(IdTokenError, match=why):
        check(provider, token_with(provider, **changes))


def test_a_signature_of_anybody_else_is_none(provider: StrictProvider) -> None:
    right = token_with(provider)
    stranger = StrictProvider()
    stranger.issuer = ISSUER
    with pytest.raises(IdTokenError):  # under the name of a key that is known
        check(provider, stranger.id_token(NONCE))
    stranger.signs = rsa_key("unknown")
    with pytest.raises(UnknownKeyError):
        check(provider, stranger.id_token(NONCE))
    header, payload, signature = right.split(".")
    claims = json.loads(base64.urlsafe_b64decode(f"{payload}=="))
    forged = base64.urlsafe_b64encode(json.dumps(claims | {"sub": "1"}).encode()).decode().rstrip("=")
    for token in (f"{header}.{forged}.{signature}", f"{header}.{payload}.", f"{header}.{payload}"):
        with pytest.raises(IdTokenError):
            check(provider, token)


def test_no_secret_is_taken_for_a_signature(provider: StrictProvider) -> None:
    claims = {
        "iss": ISSUER,
        "aud": CLIENT_ID,
        "sub": "1",
        "iat": int(NOW),
        "exp": int(NOW) + 9,
        "nonce": NONCE,
    }
    (public,) = KeySet(provider.keys).as_dict()["keys"]
    shared = OctKey.import_key(json.dumps(public).encode(), {"kid": "first"})
    by_secret = jwt.encode({"alg": "HS256", "kid": "first"}, claims, shared, algorithms=["HS256"])

    def encoded(part: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")

    unsigned = f"{encoded({'alg': 'none', 'kid': 'first'})}.{encoded(claims)}."
    for token in (by_secret, unsigned):
        for keys in (KeySet(provider.keys), KeySet([shared])):
            with pytest.raises(IdTokenError):
                verify(token, keys, EXPECTED, NOW)


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [
        ("PS256", rsa_key("k")),
        ("ES256", ECKey.generate_key("P-256", {"kid": "k"})),
        ("ES384", ECKey.generate_key("P-384", {"kid": "k"})),
        ("Ed25519", OKPKey.generate_key("Ed25519", {"kid": "k"})),
    ],
)
def test_algorithms_of_public_keys(algorithm: str, key: Any) -> None:
    provider = StrictProvider()
    provider.issuer, provider.signs, provider.algorithm, provider.keys = ISSUER, key, algorithm, [key]
    assert verify(provider.id_token(NONCE), KeySet([key]), EXPECTED, NOW)["sub"] == "17"


@pytest.mark.parametrize("text", ["", ".", "..", "a.b.c", "\ud800", "{}", "é.é.é", "x" * 100_000])
def test_what_is_no_token_proves_nothing(provider: StrictProvider, text: str) -> None:
    with pytest.raises(IdTokenError):
        check(provider, text)


def test_names() -> None:
    assert name_of({"preferred_username": "ada", "email": "a@example", "sub": "17"}) == "ada"
    assert name_of({"preferred_username": " ", "email": "a@example", "sub": "17"}) == "a@example"
    assert name_of({"preferred_username": "a\nb", "email": 3, "sub": "17"}) == "17"
    assert name_of({"preferred_username": "x" * 256, "sub": "17"}) == "17"
    with pytest.raises(IdTokenError):
        name_of({"sub": "\x00"})


@pytest.mark.parametrize(
    ("claims", "claim", "groups"),
    [
        ({"groups": ["a", "b"]}, "groups", ("a", "b")),
        ({"groups": "a"}, "groups", ("a",)),
        ({"groups": ["a", 3, None, ["b"]]}, "groups", ("a",)),
        ({"groups": {"a": 1}}, "groups", ()),
        ({"groups": None}, "groups", ()),
        ({}, "groups", None),
        ({"realm_access": {"roles": ["a"]}}, "realm_access.roles", ("a",)),
        ({"realm_access": ["roles"]}, "realm_access.roles", None),
        ({"https://a.example/groups": ["a"]}, "https://a.example/groups", ("a",)),
        ({"email": "a@example", "email_verified": True}, "email", ("a@example",)),
        ({"email": "a@example", "email_verified": False}, "email", ()),
        ({"email": "a@example", "email_verified": "true"}, "email", ()),
        ({"email": "a@example"}, "email", ()),
        ({}, "email", None),
    ],
)
def test_groups(claims: dict[str, Any], claim: str, groups: tuple[str, ...] | None) -> None:
    assert groups_of(claims, claim) == groups
