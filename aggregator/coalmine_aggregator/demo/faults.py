"""Faults: how the service under test misbehaves, as people write them. Pure.

`udp` loses all of UDP, `region=eu-west-1:50%` half of what comes from there, `tcp:refuse` closes the
TCP listener. Several labels stand beside each other with commas: `protocol=udp,zone=eu-west-1a:20%`.
What a lossy fault loses is a function of series and slot, so that it is the same share of every
series and the same datapoints however often it is asked.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from coalmine_runtime.config_error import nearest
from coalmine_wire.protocols import Protocol
from coalmine_wire.series import Series

LABELS = ("protocol", "location", "region", "zone", "host")
"""What a fault may match."""

_REFUSE = "refuse"


class FaultError(ValueError):
    """A fault that cannot be: says what is wrong with it."""


class Fault(NamedTuple):
    """What matches `where` is lost to `share` (0 to 1), or its listener is closed."""

    where: tuple[tuple[str, str], ...]
    share: float = 1.0
    refuse: bool = False

    def __str__(self) -> str:
        where = ",".join(f"{label}={value}" for label, value in self.where)
        return f"{where}:{_REFUSE}" if self.refuse else f"{where}:{self.share * 100:g}%"

    @property
    def words(self) -> str:
        """For people: `protocol=udp: all lost without a word`."""
        where = " ".join(f"{label}={value}" for label, value in self.where)
        if self.refuse:
            return f"{where}: connections refused"
        return f"{where}: {'all' if self.share == 1 else f'{self.share * 100:g} %'} lost without a word"

    def matches(self, series: Series) -> bool:
        """Whether datapoints of this series are hit."""
        return all(str(getattr(series, label)) == value for label, value in self.where)


def parse_fault(text: str, known: Mapping[str, Collection[str]]) -> Fault:
    """The fault that `text` describes; `known` has the values of each label. Raises `FaultError`."""
    target, colon, effect = text.strip().partition(":")
    where = tuple(_condition(part.strip(), known) for part in target.split(","))
    labels = [label for label, _ in where]
    for label in labels:
        if labels.count(label) > 1:
            raise FaultError(f"{text!r} names {label} twice")
    if not colon:
        return Fault(where)
    if effect == _REFUSE:
        if labels != ["protocol"]:
            raise FaultError(f"{text!r}: only a whole protocol can be refused, for example tcp:refuse")
        return Fault(where, refuse=True)
    return Fault(where, share=_share(effect, text))


def is_lost(faults: Iterable[Fault], series: Series, slot: int) -> bool:
    """Whether the service loses this datapoint."""
    for fault in faults:
        if not fault.refuse and fault.matches(series) and _draw(fault, series, slot) < fault.share:
            return True
    return False


def refused(faults: Iterable[Fault]) -> frozenset[Protocol]:
    """The protocols whose listeners are closed."""
    return frozenset(Protocol(fault.where[0][1]) for fault in faults if fault.refuse)


def _draw(fault: Fault, series: Series, slot: int) -> float:
    """A number in [0, 1), evenly spread over slots, series and faults."""
    text = f"{fault.where}|{series.name()}|{slot}"
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def _condition(text: str, known: Mapping[str, Collection[str]]) -> tuple[str, str]:
    label, equals, value = text.partition("=")
    if not equals:
        label, value = "protocol", text
    if label not in LABELS:
        raise FaultError(f"{label!r} is no label{nearest(label, LABELS)}")
    if value not in known[label]:
        raise FaultError(f"the demo has no {label} {value!r}{nearest(value, known[label])}")
    return label, value


def _share(text: str, whole: str) -> float:
    number, percent, rest = text.partition("%")
    try:
        share = float(number) / 100
    except ValueError:
        share = math.nan
    if not percent or rest or not 0 < share <= 1:
        raise FaultError(f"{whole!r}: expected {_REFUSE} or a share like 50%, not {text!r}")
    return share
