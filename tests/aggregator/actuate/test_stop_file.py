"""The big switch: any file stops, and what was said is on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from coalmine_aggregator.actuate.stop_file import MAX_TEXT, UNREADABLE, Stop, StopFile
from tests.servers.disk import Disk


def test_what_is_written_is_read_by_everybody(tmp_path: Path) -> None:
    switch = StopFile(tmp_path / "remediation.stop")
    assert switch.read() is None
    switch.write(Stop("ada", 'they all\n look "bad"', 12.5))
    assert StopFile(switch.path).read() == Stop("ada", 'they all\n look "bad"', 12.5)
    assert switch.path.stat().st_mode & 0o777 == 0o644
    switch.write(Stop("bob", "again", 13.0))
    assert switch.read() == Stop("bob", "again", 13.0)
    switch.remove()
    switch.remove()
    assert switch.read() is None
    assert list(tmp_path.iterdir()) == []


_AT = b'{"by": "ada", "why": "w", "at": %s}'
"""Times that are none: no page could show them."""


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", ""),
        (b"see ticket 12\nmore\n", "see ticket 12"),
        (b'{"by": "ada"}', '{"by": "ada"}'),
        (b"\xff\x00", "\ufffd\x00"),
        (b"[" * 9_000, "[" * MAX_TEXT),
        (b"null", "null"),
        (_AT % b"1e999", (_AT % b"1e999").decode()),
        (_AT % b"NaN", (_AT % b"NaN").decode()),
        (_AT % (b"9" * 400), (_AT % (b"9" * 400)).decode()[:MAX_TEXT]),
        (_AT % b"253402300800", (_AT % b"253402300800").decode()),
    ],
)
def test_any_file_stops(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "remediation.stop"
    path.write_bytes(content)
    assert StopFile(path).read() == Stop(UNREADABLE, why)


def test_what_cannot_be_read_stops(tmp_path: Path) -> None:
    path = tmp_path / "remediation.stop"
    path.mkdir()
    stop = StopFile(path).read()
    assert stop is not None
    assert "Is a directory" in stop.why


def test_what_cannot_be_written_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "remediation.stop"
    path.mkdir()
    with pytest.raises(OSError, match="directory"):
        StopFile(path).write(Stop("ada", "why", 1.0))
    with pytest.raises(FileNotFoundError):
        StopFile(tmp_path / "nowhere" / "remediation.stop").write(Stop("ada", "why", 1.0))
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_no_text_is_told_as_far_as_it_is(tmp_path: Path) -> None:
    file = StopFile(tmp_path / "stop")
    file.write(Stop("ada", "see \udcff", 5.0))
    assert file.read() == Stop("ada", "see ?", 5.0)


def test_a_full_disk_has_room_for_an_empty_one_which_stops(disk: Disk) -> None:
    file = StopFile(disk.path / "remediation.stop")
    disk.fill()
    file.write(Stop("ada", "why", 1.0))
    assert file.read() == Stop(UNREADABLE, "")
    assert [each.name for each in disk.path.iterdir() if each.name != "ballast"] == [file.path.name]
    disk.free()
    file.write(Stop("ada", "why", 1.0))
    disk.fill()
    file.write(Stop("bob", "again", 2.0))
    assert file.read() == Stop("ada", "why", 1.0), "one that is there stops as it is"
    file.remove()
    assert file.read() is None


def test_what_is_not_there_is_removed_wherever_that_is(tmp_path: Path) -> None:
    file = StopFile(tmp_path / "nowhere" / "remediation.stop")
    file.remove()
    (tmp_path / "nowhere").write_text("no folder")
    with pytest.raises(NotADirectoryError):
        file.remove()
    with pytest.raises(NotADirectoryError):
        file.find()
