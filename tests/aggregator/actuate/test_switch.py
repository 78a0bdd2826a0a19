"""The big switch of one aggregator: pulled whatever the disk does, never put back by a fault of it."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from coalmine_aggregator.actuate.stop_file import UNREADABLE, Stop, StopFile
from coalmine_aggregator.actuate.switch import Switch

ADA = Stop("ada", "they all look bad", 12.5)
BOB = Stop("bob", "again", 13.5)


class SlowFile(StopFile):
    """Nothing is done to it before `may_go` is set."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.is_asked = threading.Event()
        self.may_go = threading.Event()

    def write(self, stop: Stop) -> None:
        self._wait()
        super().write(stop)

    def remove(self) -> None:
        self._wait()
        super().remove()

    def _wait(self) -> None:
        self.is_asked.set()
        assert self.may_go.wait(20.0)


async def test_it_is_stopped_before_the_disk_says_anything(tmp_path: Path) -> None:
    file = SlowFile(tmp_path / "stop")
    switch = Switch(file)
    switch.pull(ADA)
    assert (switch.stop, switch.unwritten) == (ADA, "it is being written")
    keeping = asyncio.create_task(switch.keep())
    assert await asyncio.to_thread(file.is_asked.wait, 20.0)
    switch.pull(BOB)
    assert switch.stop == BOB
    file.may_go.set()
    await keeping
    assert (switch.stop, file.read()) == (BOB, ADA), "what was pulled meanwhile is still to be written"
    await switch.keep()
    assert (switch.unwritten, file.read()) == ("", BOB)


async def test_who_stops_it_while_it_is_resumed_has_the_last_word(tmp_path: Path) -> None:
    file = SlowFile(tmp_path / "stop")
    StopFile(file.path).write(ADA)
    switch = Switch(file)
    resuming = asyncio.create_task(switch.put_back())
    assert await asyncio.to_thread(file.is_asked.wait, 20.0)
    switch.pull(BOB)
    keeping = asyncio.create_task(switch.keep())
    file.may_go.set()
    await asyncio.gather(resuming, keeping)
    assert (switch.stop, file.read()) == (BOB, BOB)


async def test_looking_goes_on_trying_and_never_forgets(tmp_path: Path) -> None:
    file = StopFile(tmp_path / "later" / "stop")
    switch = Switch(file)
    assert await switch.look() == (None, None)
    switch.pull(ADA)
    for _ in range(2):
        with pytest.raises(FileNotFoundError):
            await switch.look()
        assert (switch.stop, switch.unwritten) == (ADA, f"{file.path}: No such file or directory")
    file.path.parent.mkdir()
    await switch.look()
    assert (switch.stop, switch.unwritten, file.read()) == (ADA, "", ADA)
    file.path.unlink()
    assert await switch.look() == (ADA, None), "whoever removes it resumes"


async def test_an_empty_file_takes_no_words_away(tmp_path: Path) -> None:
    file = StopFile(tmp_path / "stop")
    switch = Switch(file)
    switch.pull(ADA)
    await switch.keep()
    file.path.write_text("")
    assert await switch.look() == (ADA, ADA)
    file.path.unlink()
    await switch.look()
    file.path.touch()
    assert await switch.look() == (None, Stop(UNREADABLE, ""))


async def test_what_cannot_be_removed_stays_stopped(tmp_path: Path) -> None:
    path = tmp_path / "stop"
    path.mkdir()
    switch = Switch(StopFile(path))
    switch.pull(ADA)
    with pytest.raises(IsADirectoryError):
        await switch.keep()
    with pytest.raises(OSError, match=r"directory|permitted"):
        await switch.put_back()
    assert (switch.stop, switch.unwritten) == (ADA, f"{path}: Is a directory")
