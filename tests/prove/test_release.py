"""A release, built twice under different circumstances, and what is in it."""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from coalmine_runtime.version import VERSION
from release.source import REPOSITORY
from tests.prove.built import built_release, signing_key
from tests.servers.process import executable

pytestmark = [pytest.mark.prove, pytest.mark.timeout(1500)]

BUILD_S = 900


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The second as somebody else would build it: elsewhere, in another zone, language and umask."""
    first = built_release()
    folder = tmp_path_factory.mktemp("releases")
    second = folder / "elsewhere" / "second"
    head = ["git", "-C", str(REPOSITORY), "rev-parse", "HEAD"]
    commit = subprocess.run(head, capture_output=True, text=True, check=True).stdout.strip()
    build = [sys.executable, "-m", "release", "all", f"--commit={commit}"]
    other = {
        "TZ": "Pacific/Kiritimati",
        "LC_ALL": "C",
        "PYTHONHASHSEED": "7",
        "PYTHONDONTWRITEBYTECODE": "",
        "TMPDIR": str(folder),
    }
    subprocess.run(
        [*build, f"--to={second}", f"--key={signing_key()}"],
        cwd=REPOSITORY,
        env={**os.environ, **other},
        umask=0o077,
        timeout=BUILD_S,
        check=True,
    )
    return first, second


@pytest.fixture(scope="module")
def release(releases: tuple[Path, Path]) -> Path:
    return releases[0]


@pytest.fixture(scope="module")
def package(release: Path) -> Path:
    (found,) = release.glob("*.deb")
    return found


def packed(package: Path, path: str) -> bytes:
    """A file of the package."""
    data = subprocess.run(["dpkg-deb", "--fsys-tarfile", package], capture_output=True, check=True)
    argv = ["tar", "-x", "--to-stdout", f"./{path}"]
    return subprocess.run(argv, input=data.stdout, capture_output=True, check=True).stdout


def test_two_builds_of_a_commit_are_the_same_bytes(releases: tuple[Path, Path]) -> None:
    first, second = releases
    names = sorted(path.name for path in first.iterdir())
    assert sorted(path.name for path in second.iterdir()) == names
    for name in names:
        assert (first / name).read_bytes() == (second / name).read_bytes(), name
        print(f"{(first / name).stat().st_size:>10}  {name}")


def test_a_release_has_all_that_an_operator_takes(release: Path, package: Path) -> None:
    names = {path.name for path in release.iterdir()}
    assert names >= {
        f"coalmine-{VERSION}-py3-none-any.whl",
        f"coalmine-{VERSION}.tar.gz",
        f"coalmine-{VERSION}.cdx.json",
        f"coalmine-{VERSION}-man.tar.gz",
        "base.txt",
        "aggregator.txt",
        "SHA256SUMS",
        "SHA256SUMS.sig",
        "coalmine-release.pem",
    }
    assert re.fullmatch(rf"coalmine_{re.escape(VERSION)}\+\w+[\d.]+_\w+\.deb", package.name)
    subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=release, check=True)
    summed = {line.split("  ")[1] for line in (release / "SHA256SUMS").read_text().splitlines()}
    assert names - summed == {"SHA256SUMS", "SHA256SUMS.sig", "coalmine-release.pem"}


def test_the_bill_of_materials_is_of_what_is_packed(release: Path, package: Path) -> None:
    # Here, since it takes seconds, and every process of every test run imports this file.
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    text = (release / f"coalmine-{VERSION}.cdx.json").read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    bill = json.loads(text)
    assert (bill["metadata"]["component"]["name"], bill["metadata"]["component"]["version"]) == (
        "coalmine",
        VERSION,
    )
    listed = {(each["name"], each["version"]): each for each in bill["components"]}
    data = subprocess.run(
        ["dpkg-deb", "--contents", package], capture_output=True, text=True, check=True
    ).stdout
    installed = set(re.findall(r"site-packages/([^/\s]+)-([^/\s-]+)\.dist-info/METADATA$", data, re.M))
    folded = {(re.sub(r"[-_.]+", "_", name).lower(), version) for name, version in listed}
    assert folded - {("uplot", listed_version(bill, "uplot"))} == {
        (re.sub(r"[-_.]+", "_", name).lower(), version) for name, version in installed
    } - {("coalmine", VERSION)}
    lock = (release / "aggregator.txt").read_text()
    for (name, _), component in listed.items():
        (digest,) = component["hashes"]
        assert name == "uplot" or f"sha256:{digest['content']}" in lock
        assert component.get("licenses"), name


def listed_version(bill: dict[str, list[dict[str, str]]], name: str) -> str:
    (found,) = [each["version"] for each in bill["components"] if each["name"] == name]
    return found


def test_lintian_finds_nothing(package: Path) -> None:
    argv = [executable("lintian", "lintian"), "--allow-root", "--tag-display-limit=0", "--display-info"]
    done = subprocess.run([*argv, str(package)], capture_output=True, text=True, check=False)
    found = [line for line in done.stdout.splitlines() if line[:2] in ("E:", "W:")]
    assert found == []
    assert "mismatched-override" not in done.stdout
    assert "unused-override" not in done.stdout


def test_the_package_has_no_active_configuration(package: Path) -> None:
    listing = ["dpkg-deb", "--contents", str(package)]
    data = subprocess.run(listing, capture_output=True, text=True, check=True).stdout
    paths = [line.split()[5] for line in data.splitlines()]
    assert not [path for path in paths if path.startswith(("./etc", "./opt", "./var"))]
    assert not [path for path in paths if path.endswith(".pyc")]
    assert "./usr/share/doc/coalmine/examples/agent-on-machine.yaml" in paths
    assert all(line.split()[1] == "root/root" for line in data.splitlines())
    control = subprocess.run(
        ["dpkg-deb", "--field", package], capture_output=True, text=True, check=True
    ).stdout
    assert re.search(
        r"^Depends: .*python3 \(>= 3\.\d+~\), python3 \(<< 3\.\d+~\)", control, re.MULTILINE
    )


def test_its_units_are_those_of_the_repository(package: Path) -> None:
    for unit in (REPOSITORY / "deploy" / "systemd").glob("*.service"):
        text = packed(package, f"lib/systemd/system/{unit.name}").decode()
        assert "/opt/" not in text
        back = text.replace("/usr/lib/coalmine/bin/coalmine", "/opt/coalmine/current/bin/coalmine")
        assert back == unit.read_text()


def test_its_man_pages_are_those_beside_it(release: Path, package: Path) -> None:
    with tarfile.open(release / f"coalmine-{VERSION}-man.tar.gz") as archive:
        for entry in archive:
            member = archive.extractfile(entry)
            assert member is not None
            text = member.read()
            assert gzip.decompress(packed(package, f"usr/share/{entry.name}.gz")) == text
            if entry.name.endswith("/coalmine.1"):
                assert f'"coalmine {VERSION}"'.encode() in text


def test_nothing_tells_where_it_was_built(release: Path, package: Path) -> None:
    data = subprocess.run(["dpkg-deb", "--fsys-tarfile", package], capture_output=True, check=True)
    wheel = zipfile.ZipFile(release / f"coalmine-{VERSION}-py3-none-any.whl")
    inside = b"".join(wheel.read(name) for name in wheel.namelist())
    for content in (data.stdout, inside, (release / f"coalmine-{VERSION}.cdx.json").read_bytes()):
        assert b"coalmine-release-" not in content
        assert str(REPOSITORY).encode() not in content
