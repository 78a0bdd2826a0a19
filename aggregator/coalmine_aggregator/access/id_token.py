"""What a provider's ID token proves, and of whom. Pure: keys and time are arguments.

OpenID Connect Core 1.0, section 3.1.3.7, by Authlib and joserfc: signature by one of the provider's own
keys with a public-key algorithm, issuer, audience, authorised party, times, nonce, and the hash of the
access token that came with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from coalmine_aggregator.access.identity import MAX_NAME, is_name

ALGORITHMS = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "Ed25519"),
)
"""None by a shared secret, and never `none`."""

LEEWAY_S = 60
"""How far a provider's clock may be off."""

MAX_GROUPS = 10_000


class IdTokenError(Exception):
    """The token proves nothing; one line that says why."""


class UnknownKeyError(IdTokenError):
    """It is signed by a key that is not among these: perhaps by one that is new."""


class Expected(NamedTuple):
    """What must stand in the token."""

    issuer: str
    client_id: str
    nonce: str


def verify(
    token: str, keys: KeySet, expected: Expected, now: float, access_token: str = ""
) -> dict[str, Any]:
    """The token's claims, all of it proven. Raises `IdTokenError`."""
    try:
        decoded = jwt.decode(token, keys, algorithms=list(ALGORITHMS))
        claims = CodeIDToken(
            decoded.claims,
            decoded.header,
            {
                "iss": {"essential": True, "value": expected.issuer},
                "aud": {"essential": True, "value": expected.client_id},
                "sub": {"essential": True},
                "exp": {"essential": True},
                "iat": {"essential": True},
                "nonce": {"essential": True, "value": expected.nonce},
            },
            {
                "client_id": expected.client_id,
                "nonce": expected.nonce,
                "access_token": access_token,
            },
        )
        claims.validate(int(now), LEEWAY_S)
    except InvalidKeyIdError:
        raise UnknownKeyError("the ID token is signed by an unknown key") from None
    except JoseError as error:
        raise IdTokenError(f"the ID token is not valid: {error}") from None
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        raise IdTokenError(f"the ID token cannot be read: {type(error).__name__}") from None
    return dict(claims)


def name_of(claims: Mapping[str, Any]) -> str:
    """What to call somebody: as they are known where they sign in, or else the provider's number."""
    for claim in ("preferred_username", "email", "sub"):
        name = claims.get(claim)
        if isinstance(name, str) and is_name(name.strip()):
            return name.strip()[:MAX_NAME]
    raise IdTokenError("the ID token names nobody")


def groups_of(claims: Mapping[str, Any], claim: str) -> Sequence[str] | None:
    """The groups that a claim lists; None where there is no such claim.

    A dot leads inside, unless a claim has that very name. A single text is a list of one. An e-mail
    address that the provider has not verified is no group.
    """
    if claim == "email" and claims.get("email_verified") is not True:
        return () if "email" in claims else None
    found: Any = claims
    for part in [claim] if claim in claims else claim.split("."):
        if not isinstance(found, Mapping) or part not in found:
            return None
        found = found[part]
    if isinstance(found, str):
        return (found,)
    if not isinstance(found, list):
        return ()
    return tuple(each for each in found[:MAX_GROUPS] if isinstance(each, str))
