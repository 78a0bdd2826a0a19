"""An OpenID Connect provider, oidc-provider-mock: real answers, and no passwords."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import aiohttp

from coalmine_aggregator.demo.ports import free_port
from tests.servers.process import Process


class OidcProvider(Process):
    """On `issuer`; `users` are people by their subject, with their claims."""

    def __init__(self, folder: Path, users: Mapping[str, Mapping[str, Any]]) -> None:
        self.port = free_port()
        self.issuer = f"http://127.0.0.1:{self.port}"
        claims: Sequence[str] = [json.dumps({"sub": sub, **more}) for sub, more in users.items()]
        super().__init__(
            [
                *(sys.executable, "-W", "ignore", "-m", "oidc_provider_mock"),
                *("--port", str(self.port), "--require-registration", "true"),
                *(part for each in claims for part in ("--user-claims", each)),
            ],
            log=folder / "provider.log",
        )

    async def register(self, redirect_url: str) -> tuple[str, str]:
        """A client's identifier and secret."""
        body = {"redirect_uris": [redirect_url], "token_endpoint_auth_method": "client_secret_basic"}
        async with aiohttp.ClientSession(self.issuer) as client:
            async with client.post("/oauth2/clients", json=body) as response:
                answer = await response.json()
        return answer["client_id"], answer["client_secret"]


async def sign_in(url: str, subject: str) -> str:
    """What a browser does at the provider's page at `url`: it chooses who it is, or (without a subject)
    refuses; the address that it is sent back to."""
    form = {"sub": subject} if subject else {"action": "deny"}
    async with aiohttp.ClientSession() as client:
        async with client.post(url, data=form, allow_redirects=False) as response:
            assert response.status in (302, 303), await response.text()
            return response.headers["Location"]
