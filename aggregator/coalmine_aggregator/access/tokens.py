"""The configured tokens, and which one somebody has. Pure."""

from __future__ import annotations

import hmac
from collections.abc import Sequence

from coalmine_aggregator.access.settings import MAX_TOKEN, TokenSettings


class Tokens:
    """Finds a token without telling by its time how much of it was right."""

    def __init__(self, tokens: Sequence[TokenSettings]) -> None:
        self._tokens = tuple((token.token.reveal().encode(), token) for token in tokens)
        self._by_name = {token.name: token for token in tokens}

    def __bool__(self) -> bool:
        return bool(self._tokens)

    def find(self, text: str) -> TokenSettings | None:
        """The token that this is, None for none."""
        if len(text) > MAX_TOKEN:
            return None
        given = text.encode("utf-8", "surrogatepass")
        found = None
        for secret, token in self._tokens:  # all of them
            if hmac.compare_digest(given, secret):
                found = token
        return found

    def named(self, name: str) -> TokenSettings | None:
        """The token of this name."""
        return self._by_name.get(name)
