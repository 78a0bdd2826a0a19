"""The paths of remediation in the API's description. Pure."""

from __future__ import annotations

from typing import Final

from coalmine_aggregator.web import parameters
from coalmine_aggregator.web.openapi_operations import Operation, get, post
from coalmine_aggregator.web.remediation_answers import (
    ControlsAnswer,
    RemediationAnswer,
    RemediationLog,
)
from coalmine_aggregator.web.remediation_bodies import PinBody, ReleaseBody, StopBody

REMEDIATION_SHAPES: Final = (
    RemediationAnswer,
    RemediationLog,
    ControlsAnswer,
    PinBody,
    ReleaseBody,
    StopBody,
)
"""What these paths are answered with, and sent."""

_ROOT: Final = "/api/v1/remediation"


def remediation_paths() -> dict[str, Operation]:
    """All of them."""
    return {
        _ROOT: get("Which nodes are out, and why", RemediationAnswer, parameters.REMEDIATION),
        f"{_ROOT}/log": get(
            "Pages of what was done, the newest first", RemediationLog, parameters.REMEDIATION_LOG
        ),
        f"{_ROOT}/pins": post(
            "Keep a node in or out, until it is released", ControlsAnswer, [], PinBody, who="operators"
        ),
        f"{_ROOT}/release": post(
            "Take a pin off a node", ControlsAnswer, [], ReleaseBody, who="operators"
        ),
        f"{_ROOT}/stop": post(
            "Stop all of it: whoever is out comes back", ControlsAnswer, [], StopBody, who="operators"
        ),
        f"{_ROOT}/resume": post("Let it go on", ControlsAnswer, [], who="operators"),
    }
