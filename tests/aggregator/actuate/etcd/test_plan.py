"""What must change in etcd.

Invariants: done, it says exactly what is wanted of the services that are for us to say; nothing else is
touched; done once more, nothing is left to do; deletes come before puts.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from coalmine_aggregator.actuate.etcd.keys import parse_node_key
from coalmine_aggregator.actuate.etcd.messages import KeyValue
from coalmine_aggregator.actuate.etcd.plan import Ours, Plan, plan, transactions
from coalmine_aggregator.actuate.etcd.record import decode, encode, record_of
from coalmine_aggregator.model.withdrawal import Mode, Phase, Wanted
from tests.aggregator.actuate.words import withdrawal, word, words

OURS = Ours("coalmine", "agg-a", 7)


def kv(path: str, value: bytes = b"", *, lease: int = 7, at: int = 3) -> KeyValue:
    return KeyValue(f"coalmine/withdrawn/{path}".encode(), value, at, lease)


def said(node: str, *, by: str = "agg-a", phase: Phase = Phase.DOWN) -> bytes:
    return encode(record_of(withdrawal(node, phase), by, 20.0))


def after(found: list[KeyValue], done: Plan, lease: int = 7) -> list[KeyValue]:
    """What etcd has once the plan is carried out."""
    kept = [each for each in found if each.key not in done.deletes and each.key not in done.puts]
    return kept + [KeyValue(key, value, 99, lease) for key, (value, _) in done.puts.items()]


def test_what_is_missing_is_put_and_what_is_not_wanted_deleted() -> None:
    found = [kv("ingest/web-1", said("web-1"))]
    done = plan(found, words(word("web-2")), OURS)
    assert done.puts == {b"coalmine/withdrawn/ingest/web-2": (said("web-2"), 0)}
    assert done.deletes == {b"coalmine/withdrawn/ingest/web-1": 3}
    assert done.out == {"ingest": ("web-2",)}


def test_what_is_as_wanted_is_let_alone() -> None:
    done = plan([kv("ingest/web-1", said("web-1"))], words(word("web-1")), OURS)
    assert (done.puts, done.deletes, done.out) == ({}, {}, {"ingest": ("web-1",)})


def test_another_lease_or_phase_is_put_anew() -> None:
    draining = withdrawal("web-1", Phase.DRAIN)
    for found in (kv("ingest/web-1", said("web-1"), lease=5), kv("ingest/web-1", said("web-1"))):
        wanted = words(word("web-1") if found.lease == 5 else word(draining))
        assert list(plan([found], wanted, OURS).puts) == [found.key]


def test_whoever_decides_takes_over_what_the_other_said() -> None:
    found = [kv("ingest/web-1", said("web-1", by="agg-b"), lease=9), kv("ingest/web-2", b"junk")]
    done = plan(found, words(word()), OURS)
    assert (list(done.deletes), done.others) == ([each.key for each in found], ("agg-b",))


def test_who_puts_what_we_want_under_another_lease_is_in_our_way_too() -> None:
    for lease, others in ((9, ("agg-a",)), (OURS.lease, ())):
        found = kv("ingest/web-1", said("web-1"), lease=lease)
        assert plan([found], words(word("web-1")), OURS).others == others
        assert plan([found], words(word()), OURS).others == others


def test_a_dry_run_and_a_stop_take_back_what_is_ours_alone() -> None:
    found = [
        kv("ingest/web-1", said("web-1"), lease=5),  # of an earlier run
        kv("ingest/web-2", b"junk"),  # by our lease
        kv("ingest/web-3", said("web-3", by="agg-b"), lease=9),
    ]
    for mode in (Mode.DRY_RUN, Mode.STOPPED):
        done = plan(found, words(word("web-4", mode=mode)), OURS)
        assert not done.puts
        assert list(done.deletes) == [found[0].key, found[1].key]
        assert done.out == {"ingest": ("web-3",)}


def test_other_services_and_other_keys_are_let_alone() -> None:
    found = [kv("other/web-1", said("web-1")), kv("ingest/deeper/web-1", said("web-1"))]
    done = plan([*found, KeyValue(b"elsewhere/x")], words(word()), OURS)
    assert (done.puts, done.deletes, done.out) == ({}, {}, {"ingest": (), "other": ("web-1",)})


NODES = tuple(f"web-{number}" for number in range(6))
SERVICES = ("ingest", "other", "third")
FOUND = st.lists(
    st.builds(
        kv,
        st.builds(
            "{}/{}".format, st.sampled_from(["ingest", "other", "third"]), st.sampled_from(NODES)
        ),
        st.one_of(
            st.builds(said, st.sampled_from(NODES), by=st.sampled_from(["agg-a", "agg-b"])),
            st.binary(max_size=10),
        ),
        lease=st.integers(0, 9),
    ),
    unique_by=lambda each: each.key,
    max_size=12,
)
WANTED = st.dictionaries(
    st.sampled_from(["ingest", "other"]),
    st.tuples(st.sets(st.sampled_from(NODES)), st.sampled_from(Mode)),
)


@given(FOUND, WANTED)
def test_done_it_is_as_wanted_and_nothing_else_is_touched(
    found: list[KeyValue], drawn: dict[str, tuple[set[str], Mode]]
) -> None:
    wanted: dict[str, Wanted] = {
        service: word(*sorted(nodes), service=service, mode=mode, nodes=NODES)
        for service, (nodes, mode) in drawn.items()
        if mode is not Mode.STANDBY  # is kept from it
    }
    done = plan(found, wanted, OURS)
    then = after(found, done)
    out: dict[str, set[str]] = {}
    for each in then:
        key = parse_node_key("coalmine", each.key)
        assert key is not None
        if decode(each.value) is not None:
            out.setdefault(key.service, set()).add(key.node)
        if key.service in wanted and wanted[key.service].mode is Mode.ACTING:
            assert each.lease == OURS.lease, "what we stand behind ends with us"
    assert {name: tuple(sorted(nodes)) for name, nodes in out.items()} == {
        name: nodes for name, nodes in done.out.items() if nodes
    }
    for service, each_word in wanted.items():
        if each_word.mode is Mode.ACTING:
            assert out.get(service, set()) == {each.node for each in each_word.out}
        else:
            assert not [key for key in done.puts if f"/{service}/".encode() in key]
    for each in found:
        key = parse_node_key("coalmine", each.key)
        if key is not None and key.service not in wanted:
            assert each in then
    again = plan(then, wanted, OURS)
    assert (again.puts, again.deletes) == ({}, {})


def test_transactions_are_bounded_and_guarded_and_deletes_stand_alone() -> None:
    found = [kv(f"ingest/old-{number}", at=number + 1) for number in range(3)]
    names = tuple(f"new-{number}" for number in range(3))
    done = plan(found, words(word(*names, nodes=names)), OURS)
    ends, begins = (list(transactions(steps, 2)) for steps in (done.ends(), done.begins(7)))
    kinds = [[next(iter(each)) for each in operations] for _, operations in (*ends, *begins)]
    end, begin = "request_delete_range", "request_put"
    assert kinds == [[end, end], [end], [begin, begin], [begin]]
    revisions = [guard["mod_revision"] for guards, _ in (*ends, *begins) for guard in guards]
    assert revisions == [1, 2, 3, 0, 0, 0]
