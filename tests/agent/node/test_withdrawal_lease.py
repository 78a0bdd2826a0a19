"""A withdrawal on its node. Invariants, for any order of messages of any senders: nobody is out longer
than a lease after the last message that named it, nor for a moment after a `cleared`; clocks of others
decide nothing about when it ends."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from coalmine_agent.node.withdrawal_lease import WithdrawalLease
from coalmine_wire.withdrawals import Phase, Withdrawals, Withdrawn, Word

LEASE_S = 20.0


def said(
    serial: int,
    *out: str,
    sender: str = "a",
    at: float = 0.0,
    mode: Word = Word.ACTING,
    phase: Phase = Phase.DOWN,
    service: str = "s",
) -> Withdrawals:
    nodes = tuple(Withdrawn(node, phase, at) for node in out)
    return Withdrawals(
        service=service, sender=sender, serial=serial, at=at, lease_s=LEASE_S, mode=mode, nodes=nodes
    )


def lease() -> WithdrawalLease:
    return WithdrawalLease("s", "n")


def test_alone_it_is_in_service() -> None:
    assert lease().phase(0) is None
    assert not lease().heard(0)


def test_out_for_a_lease_and_not_a_moment_longer() -> None:
    held = lease()
    assert held.hear(said(1, "m", "n", phase=Phase.DRAIN), 100)
    assert held.phase(119.9) is Phase.DRAIN
    assert held.phase(120) is None
    assert held.hear(said(2, "n"), 130)
    assert held.phase(131) is Phase.DOWN


def test_whom_a_message_does_not_name_is_back() -> None:
    held = lease()
    held.hear(said(1, "n"), 0)
    held.hear(said(2, "m"), 1)
    assert held.phase(1) is None
    assert held.heard(1)


def test_another_service_says_nothing_here() -> None:
    held = lease()
    assert not held.hear(said(1, "n", service="t"), 0)
    assert held.phase(0) is None


def test_a_repetition_does_not_prolong_it() -> None:
    held = lease()
    held.hear(said(1, "n"), 0)
    assert not held.hear(said(1, "n"), 19)
    assert not held.hear(said(0, "n"), 19)
    assert held.phase(20) is None


def test_of_two_who_speak_the_later_one_counts() -> None:
    held = lease()
    held.hear(said(9, "n", sender="old", at=1000), 0)
    assert held.hear(said(1, sender="new", at=1005), 5)
    assert held.phase(5) is None
    assert not held.hear(said(10, "n", sender="old", at=1003), 6)  # it woke up, and says what it said
    assert held.phase(6) is None


def test_one_whose_clock_is_behind_is_heard_when_the_lease_ended() -> None:
    held = lease()
    held.hear(said(1, "n", sender="a", at=1000), 0)
    assert not held.hear(said(1, "n", sender="b", at=400), 10)
    assert held.hear(said(2, "n", sender="b", at=410), 20)
    assert held.phase(39) is Phase.DOWN


def test_a_sender_s_own_clock_may_be_set_back() -> None:
    held = lease()
    held.hear(said(1, at=1000), 0)
    assert held.hear(said(2, "n", at=10), 1)
    assert held.phase(1) is Phase.DOWN


def test_cleared_is_obeyed_whoever_says_it() -> None:
    held = lease()
    held.hear(said(5, "n", at=1000), 0)
    assert held.hear(said(1, sender="operator", at=3, mode=Word.CLEARED), 1)
    assert held.phase(1) is None
    assert not held.hear(said(4, "n", at=999), 2)  # it was on its way
    assert held.phase(2) is None
    assert held.hear(said(6, "n", at=1002), 3)
    assert held.phase(3) is Phase.DOWN


_steps = st.lists(
    st.tuples(
        st.floats(0, 30),  # seconds since the step before
        st.sampled_from("abc"),
        st.integers(0, 20),
        st.floats(0, 1e6),
        st.sampled_from(Word),
        st.sampled_from([(), ("n",), ("m",), ("m", "n")]),
    ),
    max_size=30,
)


@given(_steps)
def test_for_any_messages_it_expires(
    steps: list[tuple[float, str, int, float, Word, tuple[str, ...]]],
) -> None:
    held, now, named_at = lease(), 0.0, -1e9
    for pause, sender, serial, at, mode, out in steps:
        now += pause
        if held.hear(said(serial, *out, sender=sender, at=at, mode=mode), now):
            if mode is Word.CLEARED:
                assert held.phase(now) is None
            elif "n" in out:
                named_at = now
            else:
                assert held.phase(now) is None
        if held.phase(now) is not None:
            assert now - named_at < LEASE_S
    assert held.phase(now + LEASE_S) is None
