"""What is made once and kept."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from release.kept import kept


def test_of_many_that_want_it_one_makes_it_and_the_others_wait(tmp_path: Path) -> None:
    begun, go_on = threading.Event(), threading.Event()
    made: list[Path] = []

    def make(path: Path) -> None:
        made.append(path)
        begun.set()
        assert go_on.wait(60)
        path.mkdir()
        (path / "a").write_text("whole")

    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(kept, tmp_path / "of" / "it", make) for _ in range(4)]
        assert begun.wait(60)
        assert not (tmp_path / "of" / "it").exists()  # by halves it is not there
        go_on.set()
        found = {each.result(60) for each in asked}
    assert len(made) == 1
    assert [(path / "a").read_text() for path in found] == ["whole"]


def test_what_failed_is_made_anew_from_nothing(tmp_path: Path) -> None:
    def fails(path: Path) -> None:
        path.mkdir()
        (path / "half").touch()
        raise OSError("no disk")

    def works(path: Path) -> None:
        path.mkdir()

    with pytest.raises(OSError, match="no disk"):
        kept(tmp_path / "it", fails)
    assert not (tmp_path / "it").exists()
    assert list(kept(tmp_path / "it", works).iterdir()) == []


def test_a_file_is_kept_likewise(tmp_path: Path) -> None:
    def fails(path: Path) -> None:
        path.write_text("half")
        raise OSError("no disk")

    with pytest.raises(OSError, match="no disk"):
        kept(tmp_path / "it", fails)
    assert kept(tmp_path / "it", lambda path: path.touch(exist_ok=False)).read_text() == ""
    assert kept(tmp_path / "it", fails).is_file()  # it is there
