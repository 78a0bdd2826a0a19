"""Counts of several processes: every scrape tells their sum, whoever died, whoever asks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from coalmine_aggregator.metrics.shared_counts import SharedCounts

WORKER = """
import sys
from coalmine_aggregator.metrics import questions
for line in sys.stdin:
    rows, seconds = line.split()
    questions.rows_read(int(rows))
    questions.ended("rates", questions.Result.ANSWERED, float(seconds))
    print("counted", flush=True)
"""

SCRAPER = """
import sys
from pathlib import Path
from prometheus_client import CollectorRegistry, generate_latest
from coalmine_aggregator.metrics.shared_counts import SharedCounts
registry = CollectorRegistry()
registry.register(SharedCounts(Path(sys.argv[1])))
sys.stdout.write(generate_latest(registry).decode())
"""


class Worker:
    """A real process that counts a question for each line it is given."""

    def __init__(self, counts: SharedCounts) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", WORKER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | counts.environment,
        )

    def count(self, rows: int, seconds: float) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{rows} {seconds}\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "counted\n"

    def end(self, how: signal.Signals = signal.SIGKILL) -> None:
        self.process.send_signal(how)
        self.process.wait(10)
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()


@pytest.fixture
def counts() -> Iterator[SharedCounts]:
    with SharedCounts.opened() as opened:
        yield opened


@pytest.fixture
def workers(counts: SharedCounts) -> Iterator[list[Worker]]:
    started = [Worker(counts) for _ in range(3)]
    yield started
    for worker in started:
        if worker.process.returncode is None:
            worker.end()


def scrape(counts: SharedCounts) -> dict[str, float]:
    registry = CollectorRegistry()
    registry.register(counts)
    return samples(generate_latest(registry).decode())


def scrape_elsewhere(counts: SharedCounts) -> dict[str, float]:
    argv = [sys.executable, "-c", SCRAPER, str(counts.folder)]
    return samples(subprocess.run(argv, check=True, capture_output=True, text=True).stdout)


def samples(text: str) -> dict[str, float]:
    lines = [line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in lines}


ASKED = 'coalmine_history_questions_total{result="answered",task="rates"}'
ROWS = 'coalmine_history_rows_read_total{task="rates"}'
BELOW = 'coalmine_history_question_seconds_bucket{le="0.1",task="rates"}'
ALL = 'coalmine_history_question_seconds_count{task="rates"}'
SUM = 'coalmine_history_question_seconds_sum{task="rates"}'


def test_the_sums_are_the_same_whoever_died_and_whoever_answers(
    counts: SharedCounts, workers: list[Worker]
) -> None:
    for number, worker in enumerate(workers, 1):
        worker.count(rows=number, seconds=0.0625)
    workers[0].count(rows=100, seconds=2.0)
    first = scrape(counts)
    assert (first[ASKED], first[ROWS], first[BELOW], first[ALL]) == (4, 106, 3, 4)
    assert first[SUM] == 2.1875
    workers[0].end(signal.SIGKILL)
    assert scrape(counts) == first, "a count never goes back"
    assert scrape_elsewhere(counts) == first
    workers[1].end(signal.SIGTERM)
    assert scrape_elsewhere(counts) == first
    workers[0] = Worker(counts)
    workers[0].count(rows=10, seconds=0.0625)
    workers[2].count(rows=10, seconds=0.0625)
    then = scrape(counts)
    assert (then[ASKED], then[ROWS], then[BELOW], then[ALL]) == (6, 126, 5, 6)
    assert scrape_elsewhere(counts) == then


def test_there_are_never_more_files_than_processes(counts: SharedCounts) -> None:
    for _ in range(4):
        worker = Worker(counts)
        worker.count(rows=1, seconds=1.0)
        worker.end()
        found = scrape(counts)
    assert found[ASKED] == 4
    kept = {file.name for file in counts.folder.glob("*.db")}
    assert kept == {"counter_ended.db", "histogram_ended.db"}


@pytest.mark.parametrize("damage", [b"", b"\x00" * 4, b"\xff\xff\x00\x00" + b"\x07" * 100])
def test_a_file_that_its_process_never_finished_harms_nobody(
    counts: SharedCounts, workers: list[Worker], damage: bytes
) -> None:
    workers[0].count(rows=5, seconds=0.5)
    ended = subprocess.Popen(["true"])
    ended.wait()
    (counts.folder / f"counter_{ended.pid}.db").write_bytes(damage)
    (counts.folder / f"histogram_{os.getpid()}.db").write_bytes(damage)
    assert scrape(counts)[ROWS] == 5
    assert scrape(counts)[ASKED] == 1


def test_the_folder_is_cleared_at_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNTIME_DIRECTORY", f"{tmp_path}:/elsewhere")
    with SharedCounts.opened() as counts:
        assert counts.folder.is_relative_to(tmp_path)
        worker = Worker(counts)
        worker.count(rows=1, seconds=1.0)
        worker.end()
        kept = {file.name: file.read_bytes() for file in counts.folder.iterdir()}
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "counts").mkdir()
    for name, body in kept.items():  # as after kill -9
        (tmp_path / "counts" / name).write_bytes(body)
    with SharedCounts.opened() as counts:
        assert scrape(counts) == {}
        assert counts.folder.stat().st_mode & 0o077 == 0


def test_a_temporary_folder_is_our_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    with SharedCounts.opened() as counts, SharedCounts.opened() as others:
        assert counts.folder != others.folder
        assert counts.folder.stat().st_mode & 0o077 == 0
    assert not counts.folder.exists()


KILLED = """
import os, signal, sys
from coalmine_aggregator.metrics.shared_counts import SharedCounts
with SharedCounts.opened() as counts:
    print(counts.folder, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_left_goes_with_the_next_start_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    anothers = tmp_path / "coalmine-counts-of-somebody"
    anothers.mkdir()
    with SharedCounts.opened() as running:
        killed = subprocess.run([sys.executable, "-c", KILLED], capture_output=True, text=True)
        left = Path(killed.stdout.strip())
        assert left.is_dir()
        assert left.parent == tmp_path
        with SharedCounts.opened():
            assert not left.exists()
            assert running.folder.is_dir()
    assert list(tmp_path.iterdir()) == [anothers]
