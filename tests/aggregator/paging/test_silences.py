"""Silences and maintenance windows."""

from __future__ import annotations

import math

import pytest

from coalmine_aggregator.paging.match import Match
from coalmine_aggregator.paging.silence import LONGEST_S, Silence, SilenceKind
from coalmine_aggregator.paging.silences import MAX_SILENCES, Silences
from tests.aggregator.paging.alerts import NOW, alert


def silence(id_: str = "s1", first: float = NOW, end: float = NOW + 3_600, **match: str) -> Silence:
    return Silence(
        id_,
        SilenceKind.SILENCE,
        Match(services=("ingest",), labels=tuple(match.items())),
        "anna",
        "the disk is being replaced",
        first,
        end,
        NOW,
    )


def test_it_holds_from_its_beginning_until_before_its_end() -> None:
    hour = silence(first=NOW + 10, end=NOW + 20)
    assert [hour.holds(alert(), NOW + t) for t in (9.9, 10, 19.9, 20)] == [False, True, True, False]


def test_one_that_was_ended_by_hand_holds_no_longer() -> None:
    ended = silence()._replace(ended_at=NOW + 60, ended_by="ben")
    assert ended.holds(alert(), NOW + 59)
    assert not ended.holds(alert(), NOW + 60)
    assert ended.over_at == NOW + 60


def test_a_wider_alert_is_never_silenced_by_a_narrower_silence() -> None:
    narrow = silence(region="eu-*")
    assert narrow.holds(alert(region="eu-1", host="h1"), NOW)
    assert not narrow.holds(alert(), NOW)
    assert not narrow.holds(alert(host="h1"), NOW)


def test_services_may_be_globs() -> None:
    every = silence()._replace(match=Match(services=("ing*",)))
    assert every.holds(alert(service="ingest-eu"), NOW)
    assert not every.holds(alert(service="logs"), NOW)


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (silence()._replace(id=""), "id: is empty"),
        (silence()._replace(match=Match()), "match: is empty"),
        (silence(colour="red"), "labels: no label 'colour'"),
        (silence()._replace(who=" "), "who: is empty"),
        (silence()._replace(who="x" * 201), "who: longer than 200"),
        (silence()._replace(why=""), "why: is empty"),
        (silence()._replace(why="x" * 1_001), "why: longer than 1000"),
        (silence(end=NOW), "ends_at: is not after starts_at"),
        (silence(end=math.inf), "ends_at: starts_at and ends_at must be finite"),
        (silence(first=math.nan), "ends_at: starts_at and ends_at must be finite"),
        (silence(end=NOW + LONGEST_S + 1), "ends_at: more than 366 days"),
        (silence(first=NOW - 20, end=NOW - 10), "ends_at: is over already"),
    ],
)
def test_what_cannot_be_is_not_put(bad: Silence, error: str) -> None:
    silences = Silences([], NOW)
    with pytest.raises(ValueError) as caught:
        silences.put(bad, NOW)
    assert str(caught.value).startswith(error)
    assert silences.standing(NOW) == []


def test_there_is_room_for_so_many_until_some_are_over() -> None:
    silences = Silences([silence(f"s{n}", end=NOW + 10 + n) for n in range(MAX_SILENCES)], NOW)
    with pytest.raises(ValueError, match="1000 silences already"):
        silences.put(silence("one more"), NOW)
    silences.put(silence("s5", end=NOW + 50), NOW)  # replaces one
    silences.put(silence("one more"), NOW + 10)
    assert len(silences.standing(NOW + 10)) == MAX_SILENCES


def test_ending_tells_what_it_is_now_and_ends_once() -> None:
    future = silence("s2", first=NOW + 100, end=NOW + 200)
    silences = Silences([silence(), future], NOW)
    assert silences.end("s2", "ben", NOW + 1) == future._replace(ended_at=NOW + 1, ended_by="ben")
    assert silences.standing(NOW + 1) == [silence()]
    for gone, at in (("s2", NOW + 1), ("unknown", NOW), ("s1", NOW + 3_600)):
        with pytest.raises(KeyError):
            silences.end(gone, "ben", at)
    with pytest.raises(ValueError, match="who"):
        silences.end("s1", " ", NOW)


def test_what_was_over_before_a_restart_is_not_taken_over() -> None:
    ended = silence("s2")._replace(ended_at=NOW - 5, ended_by="ben")
    assert Silences([silence("s1", end=NOW), ended, silence("s3")], NOW).standing(NOW) == [
        silence("s3")
    ]
