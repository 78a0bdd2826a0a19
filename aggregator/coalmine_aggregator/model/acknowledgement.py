"""What a provider's webhook says of an alert. Pure."""

from __future__ import annotations

from typing import NamedTuple


class Acknowledgement(NamedTuple):
    """Somebody works on an alert. `key` is what the provider knows it by, `by` who that is and by which
    provider, one line. `at` is when, in seconds since the epoch, `event` the provider's number of this
    message; None and empty where it tells neither."""

    key: str
    by: str
    at: float | None = None
    event: str = ""
