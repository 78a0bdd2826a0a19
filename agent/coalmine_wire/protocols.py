"""The six protocols, named once. Pure."""

from __future__ import annotations

from enum import StrEnum


class Protocol(StrEnum):
    """How a datapoint travels. The order is the order in which people read them."""

    TCP = "tcp"
    TLS = "tls"
    UDP = "udp"
    PICKLE = "pickle"
    PICKLE_TLS = "pickle_tls"
    HTTPS = "https"

    @property
    def over_tls(self) -> bool:
        """Whether an attempt has a `tls` step."""
        return self in (Protocol.TLS, Protocol.PICKLE_TLS, Protocol.HTTPS)

    @property
    def pickled(self) -> bool:
        """Whether the datapoint travels as a length-prefixed pickle."""
        return self in (Protocol.PICKLE, Protocol.PICKLE_TLS)
