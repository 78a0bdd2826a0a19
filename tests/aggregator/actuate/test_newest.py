"""A word holds for its lease, and the newest wins."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from coalmine_aggregator.actuate.newest import Newest, gist, out_by_service
from coalmine_aggregator.model.withdrawal import Held, Mode, Phase
from tests.aggregator.actuate.words import LEASE_S, withdrawal, word, words


def out(newest: Newest, now: float) -> dict[str, tuple[str, ...]]:
    return out_by_service(newest.ours(now))


def test_only_what_changes_is_news() -> None:
    newest = Newest()
    assert newest.show(words(word("web-3", at=1.0)), 0.0)
    assert not newest.show(words(word("web-3", at=2.0)), 1.0)
    assert newest.show(words(word("web-3", "web-2", at=3.0)), 2.0)
    assert newest.show(words(word(withdrawal("web-3", Phase.DRAIN), at=4.0)), 3.0)
    assert newest.show(words(word(at=5.0)), 4.0)
    assert newest.show(words(word(at=6.0, mode=Mode.DRY_RUN)), 5.0)
    assert newest.show(words(word(at=7.0, mode=Mode.DRY_RUN, held=(Held("web-1", "many", "x"),))), 6.0)


def test_how_a_sentence_is_worded_is_no_news() -> None:
    first = word(withdrawal(why="12 of 18"), at=1.0, held=(Held("web-1", "many", "3"),), frozen="3 bad")
    second = word(
        withdrawal(why="13 of 19"), at=2.0, held=(Held("web-1", "many", "4"),), frozen="4 bad"
    )
    assert gist(first) == gist(second)
    assert gist(second) != gist(second._replace(frozen=""))


def test_a_withdrawal_ends_with_its_lease_and_a_later_word_renews_it() -> None:
    newest = Newest()
    newest.show(words(word("web-3", at=1.0)), 100.0)
    assert out(newest, 100.0 + LEASE_S - 0.1) == {"ingest": ("web-3",)}
    assert out(newest, 100.0 + LEASE_S) == {"ingest": ()}
    assert newest.alive("ingest", 100.0 + LEASE_S) is None
    assert newest.show(words(word("web-3", at=2.0)), 130.0)
    assert out(newest, 130.0) == {"ingest": ("web-3",)}


def test_an_old_word_that_is_repeated_does_not_live_on() -> None:
    newest = Newest()
    stale = words(word("web-3", at=1.0))
    for second in range(60):
        changed = newest.show(stale, float(second))
        assert changed == (second == 0)
        assert out(newest, float(second)) == {"ingest": ("web-3",) if second < LEASE_S else ()}


def test_a_service_that_is_missing_is_no_news() -> None:
    newest = Newest()
    newest.show(words(word("web-3", at=1.0), word("db-1", at=1.0, service="db", nodes=("db-1",))), 0.0)
    assert not newest.show(words(word("web-3", at=2.0)), 10.0)
    assert out(newest, 11.0) == {"ingest": ("web-3",), "db": ("db-1",)}
    assert out(newest, 21.0) == {"ingest": ("web-3",), "db": ()}
    assert not newest.show({}, 22.0)


def test_nobody_acts_on_no_nodes() -> None:
    newest = Newest()
    for mode in Mode:
        assert not newest.show(words(word(at=1.0, nodes=(), mode=mode)), 0.0)
    assert newest.ours(0.0) == {}
    assert not newest.long_stopped("ingest", 99.0)
    assert not newest.in_standby("ingest")


def test_in_standby_nothing_is_ours_and_our_last_word_runs_out() -> None:
    newest = Newest()
    newest.show(words(word("web-3", at=1.0)), 0.0)
    assert newest.show(words(word("web-2", at=2.0, mode=Mode.STANDBY)), 1.0)
    assert not newest.show(words(word("web-2", at=3.0, mode=Mode.STANDBY)), 2.0)
    assert newest.ours(2.0) == {}
    alive = newest.alive("ingest", 2.0)
    assert alive is not None
    assert [each.node for each in alive.effective] == ["web-3"]
    assert newest.alive("ingest", LEASE_S) is None
    assert newest.lease_s() == float("inf")
    assert newest.show(words(word("web-3", at=4.0)), 5.0)
    assert out(newest, 5.0) == {"ingest": ("web-3",)}


def test_dry_run_and_stop_take_everything_back() -> None:
    for mode in (Mode.DRY_RUN, Mode.STOPPED):
        newest = Newest()
        newest.show(words(word("web-3", at=1.0)), 0.0)
        assert newest.show(words(word("web-3", at=2.0, mode=mode)), 1.0)
        assert out(newest, 1.0) == {"ingest": ()}


def test_after_a_lease_the_big_switch_has_been_told() -> None:
    newest = Newest()
    for second in range(30):
        newest.show(words(word("web-3", at=float(second), mode=Mode.STOPPED)), float(second))
        assert newest.long_stopped("ingest", float(second)) == (second > LEASE_S)
    newest.show(words(word("web-3", at=99.0)), 99.0)
    assert not newest.long_stopped("ingest", 99.0)
    assert not newest.long_stopped("another", 99.0)


MODES = st.sampled_from(list(Mode))
STEPS = st.lists(
    st.tuples(
        st.floats(0.1, 30.0),  # seconds until the next step
        st.none() | st.tuples(MODES, st.sets(st.sampled_from(["web-1", "web-2", "web-3"]))),
        st.booleans(),  # whether it is told with the time of the last one
    ),
    max_size=30,
)


@given(STEPS)
def test_whatever_is_shown_nobody_is_out_longer_than_a_lease_after_somebody_acting_said_so(
    steps: list[tuple[float, tuple[Mode, set[str]] | None, bool]],
) -> None:
    """Invariant: who is out now was out in the newest word that is not standby's, whose `at` was first
    heard less than a lease ago."""
    newest, now, at = Newest(), 0.0, 0.0
    heard: dict[float, float] = {}
    last: tuple[Mode, set[str], float] | None = None
    for wait_s, said, again in steps:
        if said is not None:
            at = at if again else at + 1.0
            mode, gone = said
            newest.show(words(word(*sorted(gone), at=at, mode=mode)), now)
            if mode is not Mode.STANDBY:
                if last is None or last[2] != at:
                    heard[at] = now
                last = (mode, gone, at)
        now += wait_s
        for nodes in out(newest, now).values():
            assert last is not None
            if nodes:
                assert last[0] is Mode.ACTING
                assert set(nodes) <= last[1]
                assert now < heard[last[2]] + LEASE_S
