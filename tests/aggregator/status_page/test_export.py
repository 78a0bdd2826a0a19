"""A copy of the site is replaced as a whole, and nothing else is ever touched.

The invariant of every walk through the folder, whenever it begins and whatever is killed meanwhile: all
files are there, and all are of one version."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from coalmine_aggregator.status.documents import PLAIN, SETTLED, Document, document
from coalmine_aggregator.status.render import render
from coalmine_aggregator.status_page.export import KEPT, ExportError, export
from tests.aggregator.status import sites
from tests.aggregator.status_page import exporting_process
from tests.aggregator.status_page.exporting_process import FILES, version_of

ROOT = Path(__file__).parents[3]


def walked(target: Path) -> dict[str, bytes]:
    """Every file, by its name, as somebody sees them who opens the folder once and then walks."""
    top = os.open(target, os.O_RDONLY | os.O_DIRECTORY)
    found: dict[str, bytes] = {}
    try:
        for folder, _, names, descriptor in os.fwalk(".", dir_fd=top):
            for name in names:
                file = os.open(name, os.O_RDONLY, dir_fd=descriptor)
                with os.fdopen(file, "rb") as opened:
                    found[os.path.normpath(f"{folder}/{name}")] = opened.read()
    finally:
        os.close(top)
    return found


def small(**files: str) -> dict[str, Document]:
    return {
        name.replace("_", "/"): document(text.encode(), PLAIN, SETTLED, 1_790_000_000)
        for name, text in files.items()
    }


def test_all_documents_are_files_that_anybody_may_read(tmp_path: Path) -> None:
    site = render(sites.outage())
    target = tmp_path / "deep" / "site"
    mask = os.umask(0o077)
    try:
        assert export(site, target) == len(site)
    finally:
        os.umask(mask)
    assert walked(target) == {name: each.body for name, each in site.items()}
    for name, each in site.items():
        stat = (target / name).stat()
        assert (stat.st_mode & 0o777, int(stat.st_mtime)) == (0o644, each.last_modified)
    folders = [path for path in target.resolve().rglob("*") if path.is_dir()]
    assert {path.stat().st_mode & 0o777 for path in [*folders, target.resolve()]} == {0o755}


def test_what_is_gone_goes_and_what_stays_is_the_same_file(tmp_path: Path) -> None:
    target = tmp_path / "site"
    export(small(a_x="1", a_y="2", b="3"), target)
    before = (target / "b").stat().st_ino
    export(small(a_x="1", a_z="2", b="3", c="4"), target)
    assert walked(target) == {"a/x": b"1", "a/z": b"2", "b": b"3", "c": b"4"}
    assert (target / "b").stat().st_ino == before
    export(small(a="no folder any more", b="4"), target)
    assert walked(target) == {"a": b"no folder any more", "b": b"4"}


def test_old_versions_go(tmp_path: Path) -> None:
    target = tmp_path / "site"
    for number in range(3 * KEPT):
        export(small(a=str(number)), target)
    versions = tmp_path / ".site.versions"
    kept = sorted(path.name for path in versions.iterdir() if path.name.startswith("v"))
    assert len(kept) == KEPT
    assert target.resolve().name == kept[-1]
    assert (target / "a").read_text() == str(3 * KEPT - 1)


def test_who_opened_a_version_can_read_it_to_its_end(tmp_path: Path) -> None:
    target = tmp_path / "site"
    export(small(a="1"), target)
    opened = target.resolve()
    for number in range(KEPT - 1):
        export(small(a=f"2{number}"), target)
    assert (opened / "a").read_text() == "1"


def test_an_empty_folder_may_be_replaced(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    export(small(a="1"), tmp_path / "site")
    assert walked(tmp_path / "site") == {"a": b"1"}


@pytest.mark.parametrize("kind", ["folder", "file", "link", "link to a folder", "dangling link"])
def test_what_no_export_wrote_is_left_alone(tmp_path: Path, kind: str) -> None:
    target, other = tmp_path / "site", tmp_path / "other"
    other.mkdir()
    (other / "mine").write_text("precious")
    match kind:
        case "folder":
            other.rename(target)
        case "file":
            target.write_text("precious")
        case "link":
            target.symlink_to(other / "mine")
        case "link to a folder":
            target.symlink_to(other)
        case _:
            target.symlink_to(tmp_path / "none")
    before = sorted(path for path in tmp_path.rglob("*"))
    with pytest.raises(ExportError, match=f"^{target}: .*give another folder$"):
        export(small(a="1"), target)
    assert sorted(path for path in tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", ["../escaped", "a//b", "/etc/x", "a/./b", ""])
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(ExportError, match="is no name of a file"):
        export({name: small(a="1")["a"]}, tmp_path / "in" / "site")
    assert not (tmp_path / "escaped").exists()
    assert not (tmp_path / "in" / "site").exists()


def test_what_cannot_be_written_is_one_line_and_leaves_the_copy(tmp_path: Path) -> None:
    target = tmp_path / "site"
    export(small(a="1"), target)
    with pytest.raises(ExportError, match="File name too long"):
        export({"x" * 300: small(a="1")["a"]}, target)
    assert walked(target) == {"a": b"1"}
    with pytest.raises(ExportError, match="Not a directory"):
        export(small(a="1"), target / "a" / "below")


def test_exports_that_fail_do_not_pile_up(tmp_path: Path) -> None:
    """As where the disk is full, or the folder is one that cannot be replaced."""
    target, versions = tmp_path / "site", tmp_path / ".site.versions"
    export(small(a="1"), target)
    (versions / "next").mkdir()  # no link can be made
    for number in range(3 * KEPT):
        with pytest.raises(ExportError, match="next: Is a directory"):
            export(small(a=f"2{number}"), target)
    cut_short = [each for each in versions.iterdir() if each.name[0] == "v"]
    assert len(cut_short) == 1 + 1, "the one that is named, and the last that failed"
    assert walked(target) == {"a": b"1"}
    target.unlink()
    with pytest.raises(ExportError):
        export(small(a="3"), target)
    assert len([each for each in versions.iterdir() if each.name[0] == "v"]) == 1
    (versions / "next").rmdir()
    export(small(a="4"), target)
    assert [each.name for each in versions.iterdir() if each.name[0] == "v"] == [target.resolve().name]
    assert walked(target) == {"a": b"4"}


def test_two_exports_do_not_meet(tmp_path: Path) -> None:
    target = tmp_path / "site"
    export(small(a="1"), target)
    with (tmp_path / ".site.versions" / "lock").open() as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(ExportError, match="another export is going on"):
            export(small(a="2"), target)
    assert walked(target) == {"a": b"1"}
    export(small(a="2"), target)
    assert walked(target) == {"a": b"2"}


def start(target: Path) -> subprocess.Popen[bytes]:
    """A process that exports one version after the other."""
    argv = [sys.executable, "-m", exporting_process.__name__, str(target)]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, cwd=ROOT)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


def end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()


def check(found: dict[str, bytes]) -> int:
    """The one version that all files are of."""
    assert sorted(found) == sorted(FILES)
    versions = {version_of(body) for body in found.values()}
    assert len(versions) == 1, versions
    return versions.pop()


def test_killed_at_any_moment_the_copy_is_whole(tmp_path: Path) -> None:
    """While one process walks, another exports and is killed again and again."""
    target = tmp_path / "site"
    seen: list[int] = []
    faults: list[BaseException] = []
    over = threading.Event()

    def newest() -> int:
        return int(target.resolve().name.removeprefix("v"))

    def walk() -> None:
        while not over.is_set():
            began = newest()
            try:
                seen.append(check(walked(target)))
            except BaseException as error:  # told by the test itself
                if newest() < began + KEPT:  # or it was held up for so long that what it read is gone
                    faults.append(error)
                    return

    process = start(target)  # it says that it is ready once there is a first version
    walking = threading.Thread(target=walk)
    walking.start()
    try:
        for turn in range(12):
            # Kills fall into different moments; how long anything takes does not matter.
            time.sleep(0.02 + 0.013 * turn)
            end(process)
            check(walked(target))
            process = start(target)
    finally:
        over.set()
        walking.join()
        end(process)
    assert not faults, faults
    assert len(set(seen)) > 12, "it was replaced while it was walked through"
    export(small(a="last"), target)
    versions = [path for path in (tmp_path / ".site.versions").iterdir() if path.name[0] == "v"]
    assert len(versions) <= KEPT, "what was cut short is gone"
