"""The spool: in order, bounded in age and room, and alive after any crash."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coalmine_agent.segment import SEGMENT_BYTES, Kind, Record, decode
from coalmine_agent.spool import Spool

BIRTH = b'{"birth": 1}'
NOW = 1_000_000


@pytest.fixture(params=["memory", "disk"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return tmp_path / "spool" if request.param == "disk" else None


def make(folder: Path | None, *, max_bytes: int = 1 << 20, max_age_s: float = 1000) -> Spool:
    return Spool(max_bytes=max_bytes, max_age_s=max_age_s, folder=folder)


def drain(spool: Spool, now_s: float = NOW, max_reports: int = 7) -> list[bytes]:
    found: list[bytes] = []
    while (batch := spool.peek(now_s, max_reports=max_reports, max_bytes=1 << 20)).reports:
        found += batch.reports
        spool.drop(batch)
    return found


def test_reports_come_back_in_order_and_once(folder: Path | None) -> None:
    spool = make(folder)
    reports = [f"report {number}".encode() for number in range(50)]
    for number, report in enumerate(reports):
        spool.append(NOW - 50 + number, report, BIRTH)
    assert spool.records == 50
    assert list(spool.births()) == [BIRTH]
    assert drain(spool) == reports
    assert spool.records == 0
    assert spool.size_bytes == 0
    assert not list(spool.births())
    spool.close()


def test_what_was_peeked_stays_until_it_is_dropped(folder: Path | None) -> None:
    spool = make(folder)
    for number in range(3):
        spool.append(NOW, b"%d" % number, BIRTH)
    assert spool.peek(NOW, max_reports=2, max_bytes=1 << 20).reports == [b"0", b"1"]
    batch = spool.peek(NOW, max_reports=2, max_bytes=1 << 20)
    assert batch.reports == [b"0", b"1"]
    spool.append(NOW, b"3", BIRTH)
    spool.drop(batch)
    assert drain(spool) == [b"2", b"3"]
    spool.close()


def test_a_batch_is_bounded_in_bytes_but_never_empty(folder: Path | None) -> None:
    spool = make(folder)
    for _ in range(3):
        spool.append(NOW, bytes(100), BIRTH)
    assert len(spool.peek(NOW, max_reports=9, max_bytes=10).reports) == 1
    assert len(spool.peek(NOW, max_reports=9, max_bytes=200).reports) == 2
    spool.close()


def test_too_old_reports_are_given_up_and_counted(folder: Path | None) -> None:
    spool = make(folder, max_age_s=100)
    for slot in range(NOW - 200, NOW, 10):
        spool.append(slot, str(slot).encode(), BIRTH)
    assert drain(spool) == [str(slot).encode() for slot in range(NOW - 100, NOW, 10)]
    assert spool.dropped_for_age == 10
    spool.close()


def test_the_oldest_give_way_when_room_runs_out(folder: Path | None) -> None:
    spool = make(folder, max_bytes=3 * SEGMENT_BYTES)
    count = 6 * SEGMENT_BYTES // 10_000
    for number in range(count):
        spool.append(NOW, number.to_bytes(2, "big") + bytes(9_998), BIRTH)
        assert spool.size_bytes <= 3 * SEGMENT_BYTES + 11_000
    left = [int.from_bytes(report[:2], "big") for report in drain(spool)]
    assert left == list(range(count - len(left), count))
    assert spool.dropped_for_room == count - len(left) > 0
    spool.close()


def test_a_batch_whose_segment_gave_way_drops_nothing_else(folder: Path | None) -> None:
    spool = make(folder, max_bytes=1 << 20)
    spool.append(NOW, b"first", BIRTH)
    batch = spool.peek(NOW, max_reports=1, max_bytes=100)
    for number in range(2 * (1 << 20) // 60_000):
        spool.append(NOW, number.to_bytes(2, "big") + bytes(59_998), BIRTH)
    waiting = spool.records
    spool.drop(batch)
    assert spool.records == waiting
    spool.close()


def test_every_segment_names_the_births_of_its_reports(folder: Path | None) -> None:
    spool = make(folder, max_bytes=8 << 20)
    for number in range(2 * SEGMENT_BYTES // 50_000 + 1):
        spool.append(NOW, bytes(50_000), b"first" if number < 3 else b"second")
    assert list(spool.births()) == [b"first", b"second"]
    spool.close()


def test_another_process_goes_on_where_a_killed_one_stopped(tmp_path: Path) -> None:
    killed = make(tmp_path / "spool")  # never closed, as by kill -9
    for number in range(5):
        killed.append(NOW, b"%d" % number, BIRTH)
    spool = make(tmp_path / "spool")
    assert list(spool.births()) == [BIRTH]
    spool.append(NOW, b"5", b"another birth")
    assert drain(spool) == [b"0", b"1", b"2", b"3", b"4", b"5"]
    assert not list((tmp_path / "spool").iterdir())
    killed.close()


# Whatever a crash leaves of the last write, all whole records before it are read, and no other.
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.binary(max_size=60), min_size=1, max_size=8), st.data())
def test_a_torn_tail_costs_only_itself(
    tmp_path: Path, reports: list[bytes], data: st.DataObject
) -> None:
    records = [Record(Kind.REPORT, NOW, report) for report in reports]
    blobs = [record.encode() for record in records]
    whole = b"".join(blobs)
    cut = data.draw(st.integers(0, len(whole)))
    garbage = data.draw(st.binary(max_size=20))
    kept = sum(sum(map(len, blobs[: i + 1])) <= cut for i in range(len(blobs)))
    found, used = decode(whole[:cut] + garbage)
    assert found[:kept] == records[:kept]
    assert used >= sum(map(len, blobs[:kept]))
    if not garbage:
        assert found == records[:kept]
        folder = tmp_path / "spool"
        folder.mkdir(exist_ok=True)
        (folder / "0000000001.spool").write_bytes(whole[:cut])
        spool = make(folder)
        assert drain(spool) == reports[:kept]
        spool.append(NOW, b"after", BIRTH)
        assert drain(spool) == [b"after"]
        spool.close()


def test_a_full_disk_costs_nothing_that_is_reported_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = make(tmp_path / "spool")
    spool.append(NOW, b"before", BIRTH)

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("coalmine_agent.segment.os.write", full)
    spool.append(NOW, b"after", BIRTH)
    assert not spool.on_disk
    assert drain(spool) == [b"before", b"after"]
    spool.close()


def test_a_folder_that_cannot_be_used_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("a file")
    with pytest.raises(OSError, match="spool"):
        make(tmp_path / "spool")
