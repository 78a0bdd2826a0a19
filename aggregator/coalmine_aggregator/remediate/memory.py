"""What decisions on one service remember from turn to turn, and over restarts. Pure.

All times are seconds since the epoch. What is remembered is a value: nothing in it is ever changed in
place. All of it but `run` survives a restart, and goes to the other aggregator of a pair: `encode`,
`decode`, `adopt`.
"""

from __future__ import annotations

import math
from typing import Annotated, Final

import msgspec
from msgspec.structs import replace

from coalmine_wire.bad_json import BAD_JSON

Place = tuple[str, str]
"""Region and zone."""

MOST_TEXT: Final = 400
"""Characters of a reason."""

MOST_PAST: Final = 2_000
"""Nodes whose earlier withdrawals are remembered, those that came back last."""

_MOST_NODES: Final = 100_000
_IDLE_S: Final = 30.0  # the grain of `at` while nothing depends on it: not every second is news

_Text = Annotated[str, msgspec.Meta(max_length=1_000)]
_Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]


class Out(msgspec.Struct, frozen=True, omit_defaults=True):
    """A node that is out. `auto`: Coalmine decided so; `by` and `why` else of who pinned it out, and
    `by` is set, too, while one that Coalmine withdrew is pinned. `known_at` is when a settled slot last
    brought an opinion on it, `failed_at` when a quorum last held it failed."""

    since: float
    hold_until: float
    known_at: float
    failed_at: float
    region: _Text = ""
    zone: _Text = ""
    repeats: _Count = 0
    why: _Text = ""
    by: _Text = ""
    auto: bool = True

    @property
    def place(self) -> Place:
        """Where it stood when it was withdrawn."""
        return (self.region, self.zone)


class Gone(msgspec.Struct, frozen=True, omit_defaults=True):
    """A node that came back at `at`. What has not heard of it may still hold it out until the lease
    ends, so that it counts as out until then."""

    at: float
    region: _Text = ""
    zone: _Text = ""

    @property
    def place(self) -> Place:
        """Where it stood when it was withdrawn."""
        return (self.region, self.zone)


class Past(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is known of a node that came back at `at`: how often it had been out before that one time,
    and until when it is held in, since it was returned for nothing."""

    at: float
    repeats: _Count = 0
    held_in_until: float = 0.0


class Check(msgspec.Struct, frozen=True, omit_defaults=True):
    """A withdrawal of `since` that must show: `loss` is the fraction that the balanced series lost
    before it."""

    since: float
    loss: float


class Reverted(msgspec.Struct, frozen=True, omit_defaults=True):
    """A withdrawal that did not help, undone at `at`."""

    at: float
    note: _Text = ""


class Told(msgspec.Struct, frozen=True):
    """Rails that the log has named for a node since it began to look bad; `at` is when it last did."""

    rails: frozenset[str]
    at: float


class Run(msgspec.Struct, frozen=True, omit_defaults=True):
    """What begins anew with every start. `at` is when the last turn was, `began_at` the first one;
    `acts_since` when this one of a pair took over (None while it stands by, or if it always held the
    lease), `stood_by` whether it stood by at the last turn. `slots` counts what settled, `slot` is the
    newest and `slot_at` when it came. `names` is the roster, `grew` the value of `slots` when it last
    grew. `balanced` has (slot, judged, bad), ascending. `trouble` says that what an earlier run left
    could not be read."""

    at: float | None = None
    began_at: float = 0.0
    acts_since: float | None = None
    stood_by: bool = False
    slots: int = 0
    slot: int | None = None
    slot_at: float = 0.0
    names: frozenset[str] = frozenset()
    grew: int = 0
    balanced: tuple[tuple[int, int, int], ...] = ()
    told: dict[str, Told] = {}
    trouble: str = ""


class Memory(msgspec.Struct, frozen=True, omit_defaults=True):
    """All of it. `at` is when the holder of the lease last decided, `dry_run` whether that was in
    earnest. `out`, `gone` and `past` are by node; `recent` are the times of the last withdrawals;
    `crowd_since` is since when more nodes are failed than may be out, `frozen_since` since when nobody
    is withdrawn for that, `calm_since` since when it is over. `checks` and `reverted` are by node."""

    at: float | None = None
    dry_run: bool = False
    out: Annotated[dict[_Text, Out], msgspec.Meta(max_length=_MOST_NODES)] = {}
    gone: Annotated[dict[_Text, Gone], msgspec.Meta(max_length=_MOST_NODES)] = {}
    past: Annotated[dict[_Text, Past], msgspec.Meta(max_length=_MOST_NODES)] = {}
    recent: Annotated[list[float], msgspec.Meta(max_length=_MOST_NODES)] = []
    crowd_since: float | None = None
    frozen_since: float | None = None
    calm_since: float | None = None
    checks: Annotated[dict[_Text, Check], msgspec.Meta(max_length=_MOST_NODES)] = {}
    reverted: Annotated[dict[_Text, Reverted], msgspec.Meta(max_length=_MOST_NODES)] = {}
    run: Run = Run()
    v: int = 1

    @property
    def idle(self) -> bool:
        """Whether nothing in it passes with time but what is remembered for long."""
        passing = (self.out, self.gone, self.recent, self.checks, self.reverted)
        return not any(passing) and self.crowd_since is None and self.frozen_since is None


def encode(memory: Memory) -> str:
    """JSON of what survives; the same text for as long as nothing happens."""
    at = memory.at
    if at is not None and memory.idle:
        at = math.floor(at / _IDLE_S) * _IDLE_S
    return msgspec.json.encode(replace(memory, at=at, run=Run())).decode()


def decode(text: str) -> Memory:
    """What `encode` gave, for a new run. Of an empty or a bad text, an empty memory; the first turn of
    the run tells of a bad one."""
    if not text:
        return Memory()
    try:
        memory = msgspec.json.decode(text, type=Memory)
    except BAD_JSON as error:
        return Memory(run=Run(trouble=str(error)[:MOST_TEXT]))
    if memory.v != 1:
        return Memory(run=Run(trouble=f"version {memory.v} is not known"))
    return replace(memory, run=Run())


def moved(memory: Memory, by: float) -> Memory:
    """The same, all its times but those of the run later by so many seconds."""

    def later(at: float | None) -> float | None:
        return None if at is None else at + by

    return replace(
        memory,
        at=later(memory.at),
        out={
            node: replace(
                out,
                since=out.since + by,
                hold_until=out.hold_until + by,
                known_at=out.known_at + by,
                failed_at=out.failed_at + by,
            )
            for node, out in memory.out.items()
        },
        gone={node: replace(gone, at=gone.at + by) for node, gone in memory.gone.items()},
        past={
            node: replace(past, at=past.at + by, held_in_until=past.held_in_until + by)
            for node, past in memory.past.items()
        },
        recent=[at + by for at in memory.recent],
        crowd_since=later(memory.crowd_since),
        frozen_since=later(memory.frozen_since),
        calm_since=later(memory.calm_since),
        checks={node: replace(each, since=each.since + by) for node, each in memory.checks.items()},
        reverted={node: replace(each, at=each.at + by) for node, each in memory.reverted.items()},
    )


def run_moved(run: Run, by: float) -> Run:
    """The same, all its times later by so many seconds."""
    return replace(
        run,
        at=None if run.at is None else run.at + by,
        began_at=run.began_at + by,
        acts_since=None if run.acts_since is None else run.acts_since + by,
        slot_at=run.slot_at + by,
        told={node: replace(told, at=told.at + by) for node, told in run.told.items()},
    )


def adopt(mine: Memory, theirs: Memory) -> Memory:
    """What the one that stands by remembers when it hears how the holder of the lease remembers it.
    One that does not stand by keeps its own. `theirs` must be of a word that was just heard.

    What the other decided after our last turn, by its clock, may have been then by ours: nothing of it
    is younger than it looks.
    """
    run = mine.run
    if not run.stood_by:
        return mine
    if theirs.at is not None and run.at is not None and theirs.at > run.at:
        theirs = moved(theirs, run.at - theirs.at)
    return replace(theirs, run=run)
