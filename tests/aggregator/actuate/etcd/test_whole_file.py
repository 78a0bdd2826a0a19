"""A file that is always whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from coalmine_aggregator.actuate.etcd.whole_file import write_whole


def test_who_holds_it_open_reads_the_old_text_and_who_opens_it_the_new(tmp_path: Path) -> None:
    path = tmp_path / "targets.json"
    write_whole(path, b"old")
    with path.open("rb") as held:
        write_whole(path, b"new, and longer")
        assert held.read() == b"old"
    assert path.read_bytes() == b"new, and longer"
    assert path.stat().st_mode & 0o777 == 0o644
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_written_leaves_what_was(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError):
        write_whole(tmp_path / "folder", b"x")
    with pytest.raises(FileNotFoundError):
        write_whole(tmp_path / "nowhere" / "file", b"x")
    assert [each.name for each in tmp_path.iterdir()] == ["folder"]
