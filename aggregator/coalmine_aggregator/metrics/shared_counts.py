"""Counters and histograms of several processes, added up for one scrape.

A process that is started with `environment` keeps its counts in files of its own (prometheus_client's
multiprocess mode), which outlive it. Any process may add them up, with the same result. What a process
that ended has counted is moved into the files of those that ended: counts never go back, and there are
never more files than processes that run, and two.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import struct
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from prometheus_client.core import Metric
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from coalmine_runtime.logs import get_logger

log = get_logger("metrics")

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"

KINDS = ("counter", "histogram")
"""A gauge says nothing once its process has ended, so there are none."""

_PREFIX = "coalmine-counts-"
_IN_USE = "in-use"
_ENDED = "ended"
_UNREADABLE = (OSError, RuntimeError, UnicodeDecodeError, struct.error)


class SharedCounts(Collector):
    """The counts in one folder. All that use it may be asked at the same time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    @contextlib.contextmanager
    def opened(cls) -> Iterator[SharedCounts]:
        """An empty folder in systemd's runtime directory, or else a temporary one; removed at the end,
        and where that was a kill, by whoever opens a temporary one next. Raises OSError."""
        runtime = os.environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]
        if runtime:
            folder = Path(runtime) / "counts"
            if folder.exists():  # of a process that was killed: its counts are not ours
                shutil.rmtree(folder)
            folder.mkdir(mode=0o700)
        else:
            _remove_abandoned(Path(tempfile.gettempdir()))
            folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        # Held until this process ends, however it does: nobody takes the folder for abandoned.
        in_use = os.open(folder / _IN_USE, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(in_use, fcntl.LOCK_EX)
            yield cls(folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(in_use)

    @property
    def environment(self) -> dict[str, str]:
        """What makes a process count here; it must be there when the process starts."""
        return {VARIABLE: str(self.folder)}

    def describe(self) -> Iterable[Metric]:
        """Nothing: keeps registration from collecting."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """The sums over all processes that ever counted here."""
        with self._alone():
            self._move_ended()
            files = [str(file) for file in self._files() if _read(file) is not None]
            yield from list(MultiProcessCollector.merge(files))

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """While counts are moved from one file to another, nobody else may add them up."""
        descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _files(self, kinds: Iterable[str] = KINDS) -> list[Path]:
        return sorted(file for kind in kinds for file in self.folder.glob(f"{kind}_*.db"))

    def _move_ended(self) -> None:
        for kind in KINDS:
            ended = [file for file in self._files([kind]) if not _runs(_owner(file))]
            if not ended:
                continue
            into = self.folder / f"{kind}_{_ENDED}.db"
            totals: dict[str, float] = {}
            for file in (into, *ended):
                counts = _read(file) if file.exists() else {}
                if counts is None:
                    log.warning("metrics.counts.unreadable", file=file.name)
                for key, value in (counts or {}).items():
                    totals[key] = totals.get(key, 0.0) + value
            _write(into, totals)
            for file in ended:
                file.unlink()


def _remove_abandoned(temporary: Path) -> None:
    """Removes what processes of ours that were killed have left."""
    for file in temporary.glob(f"{_PREFIX}*/{_IN_USE}"):
        try:
            descriptor = os.open(file, os.O_RDWR | os.O_NOFOLLOW)
        except OSError:  # another user's, or gone meanwhile
            continue
        try:
            if os.fstat(descriptor).st_uid == os.getuid():
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(file.parent, ignore_errors=True)
        except BlockingIOError:
            pass  # in use
        finally:
            os.close(descriptor)


def _owner(file: Path) -> str:
    return file.stem.partition("_")[2]


def _runs(owner: str) -> bool:
    """Whether the process of this id still may count; what is no id belongs to nobody that ends."""
    if not owner.isdigit():
        return True
    try:
        os.kill(int(owner), 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # the id is another user's by now
        return False
    return True


def _read(file: Path) -> dict[str, float] | None:
    """The counts in a file; None where its process was killed before it was whole."""
    try:
        return {key: value for key, value, *_ in MmapedDict.read_all_values_from_file(str(file))}
    except _UNREADABLE:
        return None


def _write(file: Path, counts: dict[str, float]) -> None:
    """All of it or nothing, whenever this process is killed."""
    fresh = file.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    written = MmapedDict(str(fresh))
    try:
        for key, value in counts.items():
            written.write_value(key, value, 0.0)
    finally:
        written.close()
    fresh.replace(file)
