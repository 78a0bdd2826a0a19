"""What people send about remediation: pins, and the big switch. Pure."""

from __future__ import annotations

from typing import Annotated

import msgspec

from coalmine_aggregator.model.pin import PinState
from coalmine_aggregator.web.bodies import Body

MAX_WHY = 400

Why = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_WHY)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]


class PinBody(Body):
    """Keeps a node of a service `in` or `out`, whatever is seen, until it is released. `why` is for the
    others, and stays in the log."""

    service: Name
    node: Name
    state: PinState
    why: Why


class ReleaseBody(Body):
    """Takes a pin off: what is seen of the node counts again."""

    service: Name
    node: Name


class StopBody(Body):
    """Stops all of remediation: whoever is out comes back. `why` is for the others."""

    why: Why
