"""What people and the other aggregator of a pair say of remediation, over the time of a scenario."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from enum import StrEnum

from coalmine_aggregator.model.pin import Pin, PinState
from coalmine_aggregator.remediate.turn import Controls
from coalmine_aggregator.replay.timing import EPOCH
from coalmine_runtime.settings import Seconds, SettingError, setting

BY = "scenario"
"""Who says it."""


class Word(StrEnum):
    """What is said."""

    STOPPED = "stopped"  # the big switch
    STANDBY = "standby"  # the other aggregator acts
    PINNED_IN = "pinned_in"
    PINNED_OUT = "pinned_out"


_PINS = {Word.PINNED_IN: PinState.IN, Word.PINNED_OUT: PinState.OUT}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Control:
    """One thing that is said, and holds for a while."""

    say: Word = setting("stopped, standby, pinned_in or pinned_out")
    from_: Seconds = setting("From this second of fleet time on", 0.0)
    to: Seconds = setting("Until before this one")
    service: str = setting("Of a pin: its service", "")
    node: str = setting("Of a pin: its node", "")

    def __post_init__(self) -> None:
        if self.to <= self.from_:
            raise SettingError("to", f"expected more than from, {self.from_:g} s")
        for key in ("service", "node"):
            if (self.say in _PINS) != bool(getattr(self, key)):
                what = "is missing: what is pinned?" if self.say in _PINS else "only pins have one"
                raise SettingError(key, what)


def controls_at(controls: Sequence[Control], at: float) -> Controls:
    """All that holds at a fleet time; of two pins of a node the later one in the list."""
    said = [each for each in controls if each.from_ <= at < each.to]
    words = {each.say for each in said}
    pins = {
        (each.service, each.node): Pin(
            each.service, each.node, _PINS[each.say], BY, "as the scenario says", EPOCH + each.from_
        )
        for each in said
        if each.say in _PINS
    }
    return Controls(
        holder=Word.STANDBY not in words,
        stopped_by=BY if Word.STOPPED in words else "",
        stopped_why="as the scenario says" if Word.STOPPED in words else "",
        pins=tuple(pins.values()),
    )
