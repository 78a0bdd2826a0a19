"""Which of two aggregators acts: never both, and soon again one. Pure.

Both speak once a second on one topic of one broker, and each hears there itself and the other, in the
order in which the broker took the words. Nobody needs the other to live, and no two clocks need to
agree: times are seconds of one's own clock that never goes back.

- Whoever holds the lease says so in every word (a *claim*), and holds it for `FENCE_S` after the time
  at which it *sent* the newest claim that came back to it. Without the broker it stops by itself.
- Whoever does not hold it claims when it has listened on one connection for `TAKE_S`, and each that it
  heard claim was heard to let go since, or not heard to claim for so long. The claim takes effect when
  it has come back, if no claim of another was heard before that. Another is any other process: words
  of an earlier one of our own name may still be on their way, or it may run by mistake.
- A claim of the other, heard while holding, ends the lease unless a claim of ours came back that was
  sent less than `SURE_S` ago. Whatever ends a lease or a claim makes void what is on its way.

Why no two hold at once. Say that B holds from time T on, by a claim `c` that it sent after T - FENCE_S,
and that A holds at T or later by a claim `w`. Let the broker have taken `w` first. Then B heard it
before `c` came back: while it claimed, which made `c` void; or before it claimed, and then A let go
since, which made `w` void, or B sent `c` `TAKE_S` later, or it was taken before B began to listen, and
A's fence had ended by T. Or let the broker have taken
`c` first. Then A heard it before `w` came back, and let go or made `w` void; unless a claim of A that
was sent up to `SURE_S` before had come back. That one the broker took before `c`, so that B heard it
less than SURE_S + FENCE_S before T: while it claimed, or so shortly before that it did not claim. If A
was not connected when the broker took `c`, its claim before that was sent more than `TAKE_S` earlier,
and its fence had ended.
"""

from __future__ import annotations

import math
from typing import Final

EVERY_S: Final = 1.0
"""How often words are said."""

FENCE_S: Final = 5.0
"""So long after it was sent, a claim that came back counts."""

SURE_S: Final = 3.0

TAKE_S: Final = FENCE_S + SURE_S + 0.5
"""With room for clocks that do not run at the same speed."""

YIELD_S: Final = 2.0
"""The second by name gives the first so much longer, so that claims seldom meet."""

MAX_OUT: Final = 100
"""Words that may be on their way; of older ones it is not known when they were sent."""


class Lease:
    """One aggregator's part. `yields` says that it is the second by name."""

    def __init__(self, yields: bool) -> None:
        self._patience_s = TAKE_S + (YIELD_S if yields else 0.0)
        self._sent: dict[int, tuple[float, bool]] = {}  # when, and whether it claims still
        self._next = 1
        self._listens_since: float | None = None
        self._claims: dict[str, float] = {}  # when processes were last heard to claim
        self._claiming = self._holding = False
        self._proved_at = -math.inf  # when our newest claim that came back was sent
        self._heard_at = -math.inf  # when anything of ours last came back

    def connected(self, now: float) -> None:
        """We hear, from now on, all that the broker takes."""
        self._listens_since = now
        self._claims.clear()
        self._sent.clear()

    def disconnected(self) -> None:
        """We do not. What was not heard by then never comes back."""
        self._listens_since = None
        self._claiming = False
        self._sent.clear()

    def say(self, now: float) -> tuple[int, bool]:
        """Of the next word: its number, and whether it claims. To be called when it is sent."""
        self._look(now)
        number, self._next = self._next, self._next + 1
        claims = self._claiming or self._holding
        self._sent[number] = (now, claims)
        while len(self._sent) > MAX_OUT:
            del self._sent[next(iter(self._sent))]
        return number, claims

    def came_back(self, number: int, now: float) -> None:
        """We heard a word of ours, of this run."""
        self._look(now)
        sent = self._sent.pop(number, None)
        if sent is None:
            return
        sent_at, claims = sent
        self._heard_at = now
        if claims and now - sent_at < FENCE_S:
            self._proved_at = max(self._proved_at, sent_at)
            self._holding, self._claiming = True, False

    def heard(self, process: str, claims: bool, now: float) -> None:
        """We heard a word of another process."""
        self._look(now)
        if not claims:
            self._claims.pop(process, None)
            return
        self._claims[process] = now
        if self._claiming or (self._holding and now - self._proved_at >= SURE_S):
            self._end()

    def holds(self, now: float) -> bool:
        """Whether we act."""
        self._look(now)
        return self._holding

    def let_go(self) -> None:
        """We stop acting for good, by order; the next word says so."""
        self._patience_s = math.inf
        self._end()

    def trouble(self, now: float) -> str:
        """Why nothing can be done from here, in a sentence; empty where all is well, or it is the
        other's turn."""
        self._look(now)
        if self._listens_since is None:
            return "the broker is not reached: this aggregator may not act"
        if now - max(self._heard_at, self._listens_since) >= TAKE_S:
            return "the broker does not bring our own words back: this aggregator may not act"
        return ""

    def _look(self, now: float) -> None:
        """What time does."""
        if self._holding and not 0 <= now - self._proved_at < FENCE_S:
            self._end()
        if self._holding or self._claiming or self._listens_since is None:
            return
        for process, at in list(self._claims.items()):
            if now - at >= self._patience_s:
                del self._claims[process]
        self._claiming = not self._claims and now - self._listens_since >= self._patience_s

    def _end(self) -> None:
        self._claiming = self._holding = False
        self._sent = {number: (at, False) for number, (at, _) in self._sent.items()}
