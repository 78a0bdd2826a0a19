"""Programs of all kinds of manners, run for real."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from coalmine_aggregator.actuate.command.program import ENVIRONMENT, Program, ProgramError
from coalmine_runtime import clock
from tests.servers.waiting import until, within


def python(code: str) -> list[str]:
    """A program."""
    return [sys.executable, "-I", "-c", code]


async def run_once(argv: Sequence[str], given: bytes, timeout_s: float) -> None:
    """One run of it."""
    await Program(argv, timeout_s).run(given)


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
    await run_once([*python(code), str(tmp_path / "in"), str(tmp_path / "env")], given, 20.0)
    assert (tmp_path / "in").read_bytes() == given
    text = (tmp_path / "env").read_text()
    assert "COALMINE_SECRET" not in text
    assert ENVIRONMENT["PATH"] in text
    assert text.endswith('"/", true]')


async def test_arguments_are_never_a_shell(tmp_path: Path) -> None:
    argument = f"$(touch {tmp_path}/x); touch {tmp_path}/x | `touch {tmp_path}/x` > {tmp_path}/x"
    await run_once([*python("import sys; assert len(sys.argv) == 2"), argument], b"", 20.0)
    assert not (tmp_path / "x").exists()


async def test_a_status_is_told_with_what_it_says() -> None:
    with pytest.raises(ProgramError, match="exit status 3: no route to \\[2Jbalancer"):
        await run_once(
            python(r"import sys; sys.exit(print('no route to \x1b[2Jbalancer') or 3)"), b"", 20
        )
    with pytest.raises(ProgramError, match="ended by signal 9"):
        await run_once(python("import os; os.kill(os.getpid(), 9)"), b"", 20.0)


async def test_who_reads_nothing_and_says_much_is_bounded() -> None:
    with pytest.raises(ProgramError) as caught:
        await run_once(python("import sys; print('x' * 300_000); sys.exit(1)"), b"y" * 500_000, 20.0)
    assert len(str(caught.value)) < 400


async def test_who_never_stops_talking_is_stopped() -> None:
    with pytest.raises(TimeoutError, match="took longer than 2 s: y"):
        await run_once(["/usr/bin/yes"], b"", 2.0)


async def test_a_program_that_is_missing() -> None:
    with pytest.raises(OSError, match="nowhere"):
        await run_once(["/nowhere/at/all"], b"", 1.0)


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
        await run_once([*python(HANGS), str(tmp_path)], b"", 3.0)
    assert clock.monotonic() - began >= 3.0
    assert len(pids(tmp_path)) == 2
    await _all_gone(tmp_path)


async def test_when_we_are_cancelled_it_is_killed_with_its_children(tmp_path: Path) -> None:
    task = asyncio.create_task(run_once([*python(HANGS), str(tmp_path)], b"", 60.0))

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
    await within(run_once([*python(code), str(tmp_path)], b"", 60.0), 20.0)

    async def started() -> bool:
        return bool(pids(tmp_path))

    await until(started, deadline_s=20.0, what="its child runs")
    for pid in pids(tmp_path):
        assert alive(pid)
        os.kill(pid, 9)


FOREIGN = (
    "import os, sys, time\n"
    "folder, how = sys.argv[1:]\n"
    "if os.path.exists(f'{folder}-enough'): sys.exit()\n"
    "mark = open(f'{folder}/{os.getpid()}', 'w')\n"
    "child = how == 'child' and os.fork()\n"
    "if not child:\n"
    "    os.geteuid() or os.setuid(1)\n"
    "    print(os.getpid(), file=mark, flush=True)\n"
    "print('waiting', flush=True)\n"
    "time.sleep(600)"
)
"""Becomes another user's, as by sudo, by itself or in a child, where we are root."""


@contextlib.contextmanager
def not_allowed_to_kill(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Root gives up the right to send signals to other users' programs; who is not root has no such
    program, and is refused in the kernel's stead."""
    if os.geteuid():
        killpg = os.killpg

        def refuse(group: int, number: int) -> None:
            killpg(group, 0)
            raise PermissionError(1, "Operation not permitted")

        with monkeypatch.context() as patch:
            patch.setattr(os, "killpg", refuse)
            yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # version 3; of this thread
    sets = (ctypes.c_uint32 * 6)()
    assert libc.capget(header, sets) == 0
    before = sets[0]
    sets[0] &= ~(1 << 5)  # CAP_KILL
    assert libc.capset(header, sets) == 0
    try:
        yield
    finally:
        sets[0] = before
        assert libc.capset(header, sets) == 0


def foreign(folder: Path) -> list[int]:
    """Who has become another user's."""
    return [int(text) for each in folder.iterdir() if (text := each.read_text())]


def end(folder: Path) -> None:
    """Kills what could not be killed; from then on the program has nothing to do."""
    for pid in {*pids(folder), *foreign(folder)}:
        if alive(pid):
            os.kill(pid, signal.SIGKILL)
    folder.with_name(f"{folder.name}-enough").touch()


@pytest.mark.parametrize("how", ["itself", "child"])
async def test_what_may_not_be_killed_lets_no_other_run_begin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    program = Program([*python(FOREIGN), str(tmp_path), how], 4.0)
    with not_allowed_to_kill(monkeypatch):
        with pytest.raises(TimeoutError) as late:
            await within(program.run(b""), 30.0)
        (pid,) = pids(tmp_path)
        assert f"4 s, and process {pid} or its group could not be killed: waiting" in str(late.value)
        for _ in range(2):
            with pytest.raises(ProgramError, match=f"not started: process {pid}, an earlier run"):
                await within(program.run(b""), 30.0)
        assert pids(tmp_path) == [pid]
        assert all(alive(each) for each in foreign(tmp_path))
    end(tmp_path)
    await _until_it_runs(program)


@pytest.mark.parametrize("how", ["itself", "child"])
async def test_when_we_are_cancelled_we_end_though_it_may_not_be_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    program = Program([*python(FOREIGN), str(tmp_path), how], 60.0)
    with not_allowed_to_kill(monkeypatch):
        task = asyncio.create_task(program.run(b""))

        async def begun() -> bool:
            return bool(foreign(tmp_path))

        await until(begun, deadline_s=20.0, what="it runs as another user")
        task.cancel()
        await asyncio.wait([task], timeout=20.0)
        assert task.cancelled()
        with pytest.raises(ProgramError, match="an earlier run"):
            await within(program.run(b""), 30.0)
    end(tmp_path)
    await _until_it_runs(program)


async def _until_it_runs(program: Program) -> None:
    """Until the kernel has told of the end of what kept it from running."""

    async def runs() -> bool:
        with contextlib.suppress(ProgramError):
            await program.run(b"")
            return True
        return False

    await until(runs, deadline_s=10.0, what="it is started again")


async def test_the_dead_that_nobody_waits_for_do_not_keep_it_from_running(tmp_path: Path) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    subreaper = 36
    assert libc.prctl(subreaper, 1, 0, 0, 0) == 0  # as process 1 of a container is
    try:
        program = Program([*python(HANGS), str(tmp_path)], 60.0)
        for count in (2, 4):
            await _cancelled_with(program, tmp_path, count)
            assert not any(alive(pid) for pid in pids(tmp_path))
        assert waited_for(pids(tmp_path)) == 2
    finally:
        libc.prctl(subreaper, 0, 0, 0, 0)


def waited_for(pids: Sequence[int]) -> int:
    """How many of these were dead children of ours."""
    count = 0
    for pid in pids:
        with contextlib.suppress(ChildProcessError):
            count += os.waitpid(pid, os.WNOHANG)[0] == pid
    return count


async def _cancelled_with(program: Program, folder: Path, count: int) -> None:
    task = asyncio.create_task(program.run(b""))

    async def run() -> bool:
        if task.done():
            task.result()
        return len(pids(folder)) == count

    await until(run, deadline_s=20.0, what="it and its child run")
    task.cancel()
    await asyncio.wait([task], timeout=20.0)
    assert task.cancelled()


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_nothing_stays_open() -> None:
    before = open_files()
    for _ in range(5):
        await run_once(["/bin/true"], b"x", 10.0)
        with pytest.raises(OSError, match="nowhere"):
            await run_once(["/nowhere"], b"x", 10.0)
    after = open_files()
    assert after <= before + 2  # the loop's own watch of children


async def _all_gone(folder: Path) -> None:
    async def gone() -> bool:
        return not any(alive(pid) for pid in pids(folder))

    await until(gone, deadline_s=10.0, what="all are gone")
