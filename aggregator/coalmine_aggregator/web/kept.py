"""What people did is on disk before they are told that it is done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from coalmine_aggregator.web.duty import NotKeptError
from coalmine_aggregator.web.problems import ProblemError


@contextmanager
def kept(what: str) -> Iterator[None]:
    """Around what changes something; `what` says that it is done, as in "It is acknowledged"."""
    try:
        yield
    except NotKeptError:
        raise ProblemError(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "not-kept",
            f"{what}, but the store has not written it yet: a restart now would forget it.",
            hint="see the store at /readyz, then look again",
        ) from None
