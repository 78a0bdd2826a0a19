"""When a peer's certificate ends, remembered by its bytes.

Decoding one takes longer than looking it up.
"""

from __future__ import annotations

import ssl

_KEPT = 4096

_ends: dict[bytes, int] = {}


def expiry(tls: ssl.SSLObject) -> int:
    """The end of the peer's (verified) certificate, seconds since the epoch; 0 where there is none."""
    der = tls.getpeercert(binary_form=True)
    if der is None:
        return 0
    end = _ends.get(der)
    if end is None:
        if len(_ends) >= _KEPT:
            _ends.clear()
        decoded = tls.getpeercert()
        text = decoded.get("notAfter") if decoded else None
        end = ssl.cert_time_to_seconds(text) if isinstance(text, str) else 0
        _ends[der] = end
    return end
