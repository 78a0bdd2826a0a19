"""Programs of all kinds of manners, run for real."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from coalmine_aggregator.actuate.command.program import ENVIRONMENT, ProgramError, run_program
from coalmine_runtime import clock
from tests.servers.waiting import until, within


def python(code: str) -> list[str]:
    """A program."""
    return [sys.executable, "-I", "-c", code]


async def test_it_gets_its_input_in_full_and_nothing_of_our_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COALMINE_SECRET", "not for children")
    code = (
        "import os, sys, json\n"
        "open(sys.argv[1], 'wb').write(sys.stdin.buffer.read())\n"
        "found = [dict(os.environ), os.getcwd(), os.getpid() == os.getsid(0)]\n"
        "json.dump(found, open(sys.argv[2], 'w'))"
    )
    given = os.urandom(1 << 20)
    await run_program([*python(code), str(tmp_path / "in"), str(tmp_path / "env")], given, 20.0)
    assert (tmp_path / "in").read_bytes() == given
    text = (tmp_path / "env").read_text()
    assert "COALMINE_SECRET" not in text
    assert ENVIRONMENT["PATH"] in text
    assert text.endswith('"/", true]')


async def test_arguments_are_never_a_shell(tmp_path: Path) -> None:
    argument = f"$(touch {tmp_path}/x); touch {tmp_path}/x | `touch {tmp_path}/x` > {tmp_path}/x"
    await run_program([*python("import sys; assert len(sys.argv) == 2"), argument], b"", 20.0)
    assert not (tmp_path / "x").exists()


async def test_a_status_is_told_with_what_it_says() -> None:
    with pytest.raises(ProgramError, match="exit status 3: no route to \\[2Jbalancer"):
        await run_program(
            python(r"import sys; sys.exit(print('no route to \x1b[2Jbalancer') or 3)"), b"", 20
        )
    with pytest.raises(ProgramError, match="ended by signal 9"):
        await run_program(python("import os; os.kill(os.getpid(), 9)"), b"", 20.0)


async def test_who_reads_nothing_and_says_much_is_bounded() -> None:
    with pytest.raises(ProgramError) as caught:
        await run_program(python("import sys; print('x' * 300_000); sys.exit(1)"), b"y" * 500_000, 20.0)
    assert len(str(caught.value)) < 400


async def test_who_never_stops_talking_is_stopped() -> None:
    with pytest.raises(TimeoutError, match="took longer than 2 s: y"):
        await run_program(["/usr/bin/yes"], b"", 2.0)


async def test_a_program_that_is_missing() -> None:
    with pytest.raises(OSError, match="nowhere"):
        await run_program(["/nowhere/at/all"], b"", 1.0)


HANGS = (
    "import os, sys, time\n"
    "child = os.fork()\n"
    "open(f'{sys.argv[1]}/{os.getpid()}', 'w').close()\n"
    "print('waiting', flush=True)\n"
    "time.sleep(600)"
)


def pids(folder: Path) -> list[int]:
    return [int(each.name) for each in folder.iterdir()]


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX"


async def test_one_that_hangs_is_killed_with_its_children(tmp_path: Path) -> None:
    began = clock.monotonic()
    with pytest.raises(TimeoutError, match="took longer than 3 s: waiting"):
        await run_program([*python(HANGS), str(tmp_path)], b"", 3.0)
    assert clock.monotonic() - began >= 3.0
    assert len(pids(tmp_path)) == 2
    await _all_gone(tmp_path)


async def test_when_we_are_cancelled_it_is_killed_with_its_children(tmp_path: Path) -> None:
    task = asyncio.create_task(run_program([*python(HANGS), str(tmp_path)], b"", 60.0))

    async def both() -> bool:
        return len(pids(tmp_path)) == 2

    await until(both, deadline_s=20.0, what="it and its child run")
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    await _all_gone(tmp_path)


async def test_what_it_leaves_running_does_not_hold_us_up(tmp_path: Path) -> None:
    code = (
        "import os, sys, time\n"
        "if os.fork(): os._exit(0)\n"
        "open(f'{sys.argv[1]}/{os.getpid()}', 'w').close()\n"
        "time.sleep(30)"
    )
    await within(run_program([*python(code), str(tmp_path)], b"", 60.0), 20.0)

    async def started() -> bool:
        return bool(pids(tmp_path))

    await until(started, deadline_s=20.0, what="its child runs")
    for pid in pids(tmp_path):
        assert alive(pid)
        os.kill(pid, 9)


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_nothing_stays_open() -> None:
    before = open_files()
    for _ in range(5):
        await run_program(["/bin/true"], b"x", 10.0)
        with pytest.raises(OSError, match="nowhere"):
            await run_program(["/nowhere"], b"x", 10.0)
    after = open_files()
    assert after <= before + 2  # the loop's own watch of children


async def _all_gone(folder: Path) -> None:
    async def gone() -> bool:
        return not any(alive(pid) for pid in pids(folder))

    await until(gone, deadline_s=10.0, what="all are gone")
