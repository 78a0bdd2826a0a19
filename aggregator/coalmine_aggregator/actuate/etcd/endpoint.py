"""Where an etcd member listens, as settings have it. Pure."""

from __future__ import annotations

from typing import NamedTuple

from coalmine_runtime.quantities import Address
from coalmine_runtime.url import split_url

PORT = 2379


class Endpoint(NamedTuple):
    """`http://host[:port]` or `https://host[:port]`."""

    address: Address
    secure: bool

    @classmethod
    def parse(cls, text: str) -> Endpoint:
        """Raises ValueError. User and password are refused: they would show in logs."""
        url = split_url(text, schemes=("http", "https"), example="https://etcd-1.example:2379")
        if url.path not in ("", "/") or url.query:
            raise ValueError(f'expected only host and port in "{text}"')
        return cls(Address(url.host, url.port or PORT), url.scheme == "https")

    def __str__(self) -> str:
        return f"{'https' if self.secure else 'http'}://{self.address}"
