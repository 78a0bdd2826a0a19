"""Who of a pair of aggregators tells what: each cause by one of them, as long as one lives. Pure.

Both find the same causes by themselves and keep what they have to tell in their own outboxes. The
first, by name, tells at once; the second waits `PATIENCE_S`, and tells what the first has not told by
then. A notice that the other has told stays where it is while the other lives, has the alert open and
will go on telling of it: if that ends, it is told after all. An end is told by the last of those that
live to see it. All of it is judged for each receiver by itself: what one receiver of the first does not
take, the second brings to its own of that name.

Where they do not hear of each other both tell, and under the same de-duplication keys, if they have
opened the same causes in the same order.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from coalmine_aggregator.model.alerts import Alert, AlertClass, Change, Severity, Transition
from coalmine_aggregator.model.claims import Claim
from coalmine_aggregator.model.findings import Finding
from coalmine_aggregator.model.progress import Progress
from coalmine_aggregator.pair.word import (
    MAX_ALERTS,
    MAX_OVER,
    MAX_TOLD,
    Life,
    Open,
    Over,
    Telling,
    Word,
    open_of,
)

PATIENCE_S: Final = 10.0
"""How long the second waits for the first."""

HEARD_S: Final = 5.0
"""One that was not heard for so long may be dead."""

HELLO_S: Final = 5.0
"""After its start an aggregator tells nothing for so long, or until it has heard how the other is."""

SILENT_S: Final = 30.0
"""After so long that the other is not heard of, or not well, is told."""

SETTLE_IN_S: Final = 20.0
"""So long after its start an aggregator has found again what an earlier run found, if it is so."""

REMEMBER_S: Final = 300.0
"""For so long it is said of an alert that it is over."""

SAME_START_S: Final = 10
"""Alerts under one key that began within so many slots are of one cause."""

CLOCKS_S: Final = 5.0
"""By so much the other's clock may be ahead of ours, and the clock that alerts go by of the wall's."""

SAYING_S: Final = 1.0
"""So long it may take until what one says is heard by the other."""

_Key = tuple[str, AlertClass, int]


class Verdict(StrEnum):
    """Whether a notice leaves now, waits, or need not leave since the other has told it."""

    GO = "go"
    WAIT = "wait"
    TOLD = "told"


class Notice(NamedTuple):
    """Something that is to be told: what the outbox calls a delivery. `made_at` is when it was made,
    seconds since the epoch."""

    transition: Transition
    receiver: str
    person: str
    step: int
    repeat: int
    made_at: float


class Pair:
    """One of the two. All times are seconds since the epoch, by our clock but for those in words."""

    def __init__(self, name: str, peer: str, now: float) -> None:
        self.name = name
        self.peer = peer
        self._yields = name > peer
        self._begun = now
        self._mine: dict[int, Alert] = {}
        self._told: dict[int, list[Telling]] = {}
        self._spoke: dict[int, float] = {}  # when a notice of an alert last left here
        self._over: dict[_Key, Over] = {}
        self._outlived: dict[_Key, float] = {}  # ends here of what the other, away, still has open
        self._word: Word | None = None
        self._open: dict[_Key, Open] = {}
        self._ended: dict[_Key, Over] = {}
        self._heard_at = self._well_at = self._read_at = now
        self._was_heard = False

    # What we do.

    def restore(self, alerts: Iterable[Alert], told: Iterable[tuple[int, str, str]]) -> None:
        """Takes over the open alerts of an earlier run, and (number, receiver, person) of those who
        took a notice of them."""
        self._mine = {alert.number: alert for alert in alerts}
        for number, receiver, person in told:
            if number in self._mine:
                self._told.setdefault(number, []).append((receiver, person, 0, 0))

    def note(self, transition: Transition) -> None:
        """Something became of an alert of ours."""
        alert = transition.alert
        if transition.change is not Change.CLOSED:
            self._mine[alert.number] = alert
            return
        self._mine.pop(alert.number, None)
        self._told.pop(alert.number, None)
        self._end(alert, transition.at)
        if _key(alert) in self._open and not self.is_alive(transition.at):
            self._outlived[_key(alert)] = transition.at

    def told(self, notice: Notice, now: float, *, by_us: bool) -> None:
        """A notice was taken, or need not leave since the other has told it."""
        alert, change = notice.transition.alert, notice.transition.change
        if by_us:
            self._spoke[alert.number] = now
        if change is Change.CLOSED:
            over = self._over.get(_key(alert)) or self._end(alert, notice.transition.at)
            who = (notice.receiver, notice.person)
            # One that names more the other would not take at all.
            if who not in over.told and len(over.told) < MAX_TOLD:
                over.told.append(who)
        elif change is Change.OPENED and alert.number in self._mine:
            told = self._told.setdefault(alert.number, [])
            telling = (notice.receiver, notice.person, notice.step, notice.repeat)
            if telling not in told:
                told.append(telling)

    def word(self, progress: Progress) -> Word:
        """What the other is to know of us, silences aside."""
        now = progress.now
        self._over = {
            key: over for key, over in self._over.items() if now - over.closed_at < REMEMBER_S
        }
        self._spoke = {
            number: at
            for number, at in self._spoke.items()
            if number in self._mine or now - at < REMEMBER_S
        }
        mine = list(self._mine.values())[:MAX_ALERTS]
        return Word(
            aggregator=self.name,
            life=Life.RUNNING,
            sent_at=now,
            settled=progress.settled,
            counting=progress.counting,
            open=[open_of(alert, self._told.get(alert.number, [])) for alert in mine],
            over=list(self._over.values())[-MAX_OVER:],
        )

    def farewell(self, life: Life) -> Word:
        """What we leave behind: `stopped` when we end by order, `lost` as our last will."""
        return Word(aggregator=self.name, life=life)

    # What we hear.

    def hear(self, word: Word, now: float, *, kept: bool = False) -> None:
        """The other said something; `kept` by the broker, perhaps for long."""
        self._read(now)
        if word.aggregator != self.peer:
            return
        if word.life is Life.RUNNING and not kept:
            self._heard_at, self._was_heard = now, True
            if word.is_well:
                self._well_at = now
        if word.life is not Life.RUNNING:
            self._was_heard = True
            if self._word is not None and self._word.life is Life.RUNNING:
                # What it said while it lived stays true of what the receivers have taken.
                self._word = _with_life(self._word, word.life)
                return
        self._word = word
        self._open = {each.key: each for each in word.open}
        self._ended = {each.key: each for each in word.over}
        self._outlived = {key: at for key, at in self._outlived.items() if key in self._open}

    def is_alive(self, now: float) -> bool:
        """Whether the other was heard of lately, and well."""
        # A clock that was set back makes nobody dead.
        self._heard_at = min(self._heard_at, now)
        word = self._word
        return word is not None and word.is_well and now - self._heard_at <= HEARD_S

    def unheard_s(self, now: float) -> float:
        """Seconds since the other was last heard of, or since our start."""
        return max(0.0, now - self._heard_at)

    def claims(self) -> Sequence[Claim]:
        """What the other calls the alerts that it has, or had when it was last heard of."""
        return [each.claim for each in self._open.values()]

    def acknowledged(self) -> list[tuple[int, str]]:
        """Our alerts, by number, that somebody acknowledged at the other, and who."""
        found = []
        for alert in self._mine.values():
            theirs = self._open.get(_key(alert))
            if (
                theirs is not None
                and theirs.acknowledged_by
                and alert.acknowledged_at is None
                and theirs.severity is alert.severity
                and theirs.opened_at > self._outlived.get(theirs.key, -math.inf)
                and theirs.claim.is_same(*_trouble(alert))
            ):
                found.append((alert.number, theirs.acknowledged_by))
        return found

    def verdict(self, notice: Notice, now: float) -> Verdict:
        """Whether a notice of ours leaves now."""
        if not self._was_heard and 0 <= now - self._begun < HELLO_S:
            return Verdict.WAIT
        match notice.transition.change:
            case Change.CLOSED:
                return self._of_end(notice, now)
            case Change.OPENED:
                return self._of_opening(notice, now)
            case _:
                return self._of_change(notice, now)

    def findings(self, now: float) -> list[Finding]:
        """That the other is not well; to be asked every second."""
        self._read(now)
        if 0 <= now - self._well_at <= SILENT_S:
            return []
        life = None if self._word is None else self._word.life
        severity = Severity.PAGE
        if life is Life.STOPPED:
            note, severity = f"aggregator {self.peer} was stopped", Severity.TICKET
        elif life is Life.RUNNING and now - self._heard_at <= SILENT_S:
            note = f"aggregator {self.peer} settles no slots in time, or counts wrong"
        else:
            note = f"aggregator {self.peer} is not heard of"
        since = int(self._well_at)
        return [Finding(AlertClass.PEER, "_fleet", self.peer, severity, (), since, note=note)]

    def _read(self, now: float) -> None:
        """Time in which nobody looked, as this process stood still or its clock was set, does not count
        as silence of the other."""
        passed_s = now - self._read_at
        if not 0 <= passed_s <= HEARD_S:
            self._well_at += passed_s
        self._read_at = now

    def _of_opening(self, notice: Notice, now: float) -> Verdict:
        alert = notice.transition.alert
        alive, is_open = self.is_alive(now), alert.number in self._mine
        theirs, ended = self._open.get(_key(alert)), self._ended_as(alert)
        telling = (notice.receiver, notice.person, notice.step, notice.repeat)
        if theirs is not None and self._is_ended(theirs, notice):
            theirs = None
        if theirs is not None and telling in theirs.told and self._is_covered(theirs, alert):
            rose = self._rose(theirs, alert)
            if alive and is_open and not notice.step and not rose:
                return Verdict.WAIT
            # The ticket was told there; that it is a page here is told by a notice of its own.
            is_in_it = not rose or alert.severity is not Severity.PAGE
            if is_in_it and (alive or not self._may_have_ended_unsaid(alert)):
                return Verdict.TOLD
        if ended is not None and (notice.receiver, notice.person) in ended.told:
            if not is_open:
                return Verdict.TOLD
            if alert.opened_at < self._begun and 0 <= now - self._begun < SETTLE_IN_S:
                return Verdict.WAIT
        if alive and ended is not None and -CLOCKS_S <= now - ended.closed_at < PATIENCE_S:
            return Verdict.WAIT
        return Verdict.WAIT if alive and self._waits(notice, now) else Verdict.GO

    def _of_change(self, notice: Notice, now: float) -> Verdict:
        alert = notice.transition.alert
        theirs = self._open.get(_key(alert))
        if theirs is None or not self._yields or not self.is_alive(now):
            return Verdict.GO
        if self._rose(theirs, alert):
            # Who takes it for a ticket wakes nobody.
            return Verdict.WAIT if self._waits(notice, now) else Verdict.GO
        is_told = (notice.receiver, notice.person, 0, 0) in theirs.told
        return Verdict.TOLD if is_told and theirs.claim.is_same(*_trouble(alert)) else Verdict.GO

    def _of_end(self, notice: Notice, now: float) -> Verdict:
        alert = notice.transition.alert
        key, alive = _key(alert), self.is_alive(now)
        if any(_key(each) == key and each.number != alert.number for each in self._mine.values()):
            # It has begun again under the same key, where nothing was told of its end yet: to tell it
            # now would end what the other may have told of the new one. The incident goes on.
            return Verdict.TOLD
        if alive and key in self._open:
            return Verdict.WAIT
        ended = self._ended_as(alert)
        if ended is None:
            return Verdict.GO
        if (notice.receiver, notice.person) in ended.told:
            # What we told since then is for us to end.
            spoke = self._spoke.get(alert.number, -math.inf)
            return Verdict.TOLD if spoke < ended.closed_at - HEARD_S else Verdict.GO
        # Where ours waited for the end of the other's, the first has its time from then on.
        since = min(ended.closed_at, now)
        return Verdict.WAIT if alive and self._waits(notice, now, since) else Verdict.GO

    def _waits(self, notice: Notice, now: float, since: float = -math.inf) -> bool:
        """Whether the first is given time to tell this, since it was made and since `since`."""
        return self._yields and -CLOCKS_S <= now - max(notice.made_at, since) < PATIENCE_S

    def _is_covered(self, theirs: Open, alert: Alert) -> bool:
        return theirs.claim.covers(*_trouble(self._mine.get(alert.number, alert)))

    def _rose(self, theirs: Open, alert: Alert) -> bool:
        """Whether it is a page here, and a ticket there."""
        now = self._mine.get(alert.number, alert)
        return now.severity is Severity.PAGE and theirs.severity is not Severity.PAGE

    def _may_have_ended_unsaid(self, alert: Alert) -> bool:
        """Whether the other, dead now, can have told the end of what it took for open without having
        heard that we have it open too. Told twice under one key it is one incident still."""
        return alert.number in self._mine and alert.opened_at > self._heard_at - SAYING_S

    def _is_ended(self, theirs: Open, notice: Notice) -> bool:
        """Whether this receiver took from us the end of what the other, away at that time, takes for
        open: what it had told before counts no more."""
        over = self._over.get(theirs.key)
        if over is None or (notice.receiver, notice.person) not in over.told:
            return False
        return theirs.opened_at <= over.closed_at

    def _ended_as(self, alert: Alert) -> Over | None:
        """The end of the same cause at the other."""
        ended = self._ended.get(_key(alert))
        if ended is None or alert.opened_at > ended.closed_at:  # opened since: another one
            return None
        return ended if abs(ended.since - alert.since) <= SAME_START_S else None

    def _end(self, alert: Alert, at: float) -> Over:
        over = Over(alert.service, alert.alert_class, alert.ordinal, alert.since, at, [])
        self._over.pop(over.key, None)
        self._over[over.key] = over
        return over


def _key(alert: Alert) -> _Key:
    return (alert.service, alert.alert_class, alert.ordinal)


def _trouble(alert: Alert) -> tuple[AlertClass, tuple[tuple[tuple[str, str], ...], ...], str]:
    return alert.alert_class, (alert.scope, *alert.equivalents), alert.handle


def _with_life(word: Word, life: Life) -> Word:
    return Word(word.aggregator, life, word.sent_at, word.settled, word.counting, word.open, word.over)
