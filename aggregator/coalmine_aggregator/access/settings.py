"""Settings under `web.access`: who may come in, and as what."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from coalmine_aggregator.access.identity import is_name
from coalmine_aggregator.access.roles import Role, Scope
from coalmine_runtime.quantities import Address
from coalmine_runtime.settings import Network, Seconds, Secret, SettingError, setting
from coalmine_runtime.tls import TlsClientSettings, client_context, readable
from coalmine_runtime.url import split_url

MIN_TOKEN = 16
MAX_TOKEN = 512
MAX_TOKENS = 100

CALLBACK = "/login/oidc/callback"
"""Where a provider sends people back to."""

EVERYBODY = "*"


class ProviderUrl(NamedTuple):
    """`https://`, a host, perhaps a port and a path; `http://` on loopback alone."""

    text: str

    @classmethod
    def parse(cls, text: str) -> ProviderUrl:
        """Raises ValueError."""
        url = split_url(text, schemes=("http", "https"), example="https://id.example/realm")
        if url.scheme == "http" and not Address(url.host, url.port or 0).loopback:
            raise ValueError("http:// is for loopback alone; take https://")
        if "?" in text or "#" in text:
            raise ValueError("expected neither a query nor a fragment")
        return cls(text)

    @property
    def host(self) -> str:
        """Its host, as people know it."""
        return urlsplit(self.text).hostname or ""

    @property
    def secure(self) -> bool:
        """Whether it is reached over TLS."""
        return self.text.startswith("https:")

    def __str__(self) -> str:
        return self.text


@dataclasses.dataclass(frozen=True, kw_only=True)
class TokenSettings:
    """A secret that lets in whoever sends it: machines as a bearer token, people at /login."""

    name: str = setting("Who has it, for the audit log")
    token: Secret = setting(f"The secret itself, {MIN_TOKEN} characters or more")
    role: Role = setting(
        "viewer looks, responder answers pages, operator changes settings", Role.VIEWER
    )
    scopes: list[Scope] = setting(
        "Only these of what the role may: read, metrics, respond, operate", []
    )

    def __post_init__(self) -> None:
        if not is_name(self.name):
            raise SettingError("name", "expected up to 255 printable characters")
        secret = self.token.reveal()
        if not MIN_TOKEN <= len(secret) <= MAX_TOKEN or not all("!" <= each <= "~" for each in secret):
            raise SettingError(
                "token",
                f"expected {MIN_TOKEN} to {MAX_TOKEN} ASCII characters without white space, "
                "as `openssl rand -hex 32` prints",
            )
        for scope in self.scopes:
            if scope not in self.role.scopes:
                raise SettingError("scopes", f"{scope} is more than a {self.role} may")

    @property
    def granted(self) -> frozenset[Scope]:
        """What it lets its bearer do."""
        return frozenset(self.scopes) if self.scopes else self.role.scopes


@dataclasses.dataclass(frozen=True, kw_only=True)
class GroupSettings:
    """Which groups make whom of somebody."""

    viewer: list[str] = setting('Groups whose members may look; "*" is everybody who signs in', [])
    responder: list[str] = setting("Groups whose members answer pages", [])
    operator: list[str] = setting("Groups whose members change settings", [])

    def __post_init__(self) -> None:
        if not (self.viewer or self.responder or self.operator):
            raise ValueError("nobody could come in: name groups as viewer, responder or operator")
        for key in Role:
            if not all(getattr(self, key)):
                raise SettingError(key, "holds an empty name")

    def role_of(self, groups: Iterable[str]) -> Role | None:
        """The highest role of a member of these groups; None for somebody of no role."""
        member = {EVERYBODY, *groups}
        for role in reversed(Role):
            if not member.isdisjoint(getattr(self, role)):
                return role
        return None


@dataclasses.dataclass(frozen=True, kw_only=True)
class OidcSettings(GroupSettings):
    """Sign-in by an OpenID Connect provider."""

    issuer: ProviderUrl = setting("The provider, exactly as it calls itself: https://id.example/realm")
    client_id: str = setting("Our name there")
    client_secret: Secret = setting("Our secret there")
    redirect_url: ProviderUrl | None = setting(
        f"Where people come back to, ending in {CALLBACK}; from the request where absent", None
    )
    scopes: list[str] = setting("What to ask the provider for besides openid", ["profile", "email"])
    claim: str = setting(
        "Which claim names somebody's groups; dots lead inside, as in realm_access.roles", "groups"
    )
    ca_file: Path | None = setting(
        "Certificates to trust for the provider, PEM; the system's where absent", None
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        for key in ("client_id", "claim"):
            if not getattr(self, key).strip():
                raise SettingError(key, "is empty")
        for key, text in (
            ("client_id", self.client_id),
            ("client_secret", self.client_secret.reveal()),
        ):
            if not text.isascii():
                raise SettingError(key, "has other characters than ASCII")
        for scope in self.scopes:
            if not scope or any(each.isspace() for each in scope):
                raise SettingError("scopes", f'"{scope}" is no scope')
        if self.redirect_url is not None and urlsplit(self.redirect_url.text).path != CALLBACK:
            raise SettingError("redirect_url", f"expected a path of {CALLBACK}")
        readable(self.ca_file, "ca_file")
        if self.ca_file is not None:
            client_context(TlsClientSettings(ca_file=self.ca_file))


@dataclasses.dataclass(frozen=True, kw_only=True)
class ProxySettings(GroupSettings):
    """Trust in what a proxy in front says of whom it let through."""

    addresses: list[Network] = setting(
        "Networks that the proxy's requests come from; nobody else's count"
    )
    user_header: str = setting("Header with the person's name, such as X-Forwarded-User")
    groups_header: str = setting(
        "Header with the person's groups, separated by commas, such as X-Forwarded-Groups", ""
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.addresses:
            raise SettingError("addresses", "no network is listed")
        for network in self.addresses:
            if network.prefixlen == 0:
                raise SettingError("addresses", f"{network} is everybody, who could claim any name")
        for key in ("user_header", "groups_header"):
            name = getattr(self, key)
            if not _is_header(name) and (name or key == "user_header"):
                raise SettingError(key, f'"{name}" is no name of a header')


@dataclasses.dataclass(frozen=True, kw_only=True)
class AccessSettings:
    """Who may come in. Without any of it all on loopback are operators, and nobody else is let in."""

    tokens: list[TokenSettings] = setting("Secrets for machines, and for people without a provider", [])
    oidc: OidcSettings | None = setting("Sign-in by an OpenID Connect provider", None)
    proxy: ProxySettings | None = setting("Trust in a proxy's word", None)
    session: Seconds = setting("How long a browser stays signed in, 1m to 7d", 12 * 3600.0)

    def __post_init__(self) -> None:
        if len(self.tokens) > MAX_TOKENS:
            raise SettingError("tokens", f"{len(self.tokens)} are too many; at most {MAX_TOKENS}")
        for what in ("name", "token"):
            twice = [
                each for each, n in Counter(getattr(t, what) for t in self.tokens).items() if n > 1
            ]
            if twice:
                raise SettingError("tokens", f"two have the same {what}, {twice[0]}")
        if not 60 <= self.session <= 7 * 86_400:
            raise SettingError("session", "expected 1m to 7d")

    @property
    def required(self) -> bool:
        """Whether anything says who may come in."""
        return bool(self.tokens) or self.oidc is not None or self.proxy is not None


def _is_header(name: str) -> bool:
    return name.isascii() and name.replace("-", "").replace("_", "").isalnum()
