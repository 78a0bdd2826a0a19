"""The steps of a release that take seconds. tests/prove/test_release.py builds all of it, twice."""

from __future__ import annotations

import subprocess
import tarfile
from email.message import Message
from itertools import pairwise
from pathlib import Path

import pytest

from release.build import pack
from release.debian_package import debian_version
from release.licences import copyright_file, licence
from release.source import BuildError, export, run
from release.sums import seal
from release.wheels import distributions
from tests.servers.process import executable

DEBIAN = {"ID": "debian", "VERSION_ID": "12"}
UBUNTU = {"ID": "ubuntu", "VERSION_ID": "24.04"}
OVERRIDES = Path(__file__).resolve().parents[2] / "deploy" / "debian" / "coalmine.lintian-overrides"


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "signing.pem"
    run("openssl", "genpkey", "-algorithm", "ed25519", "-out", str(path))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "made"
    made.mkdir()
    (made / "b.txt").write_text("second\n")
    (made / "a.txt").write_text("first\n")
    return made


def verified(folder: Path) -> bool:
    what = ("-rawin", "-in", "SHA256SUMS", "-sigfile", "SHA256SUMS.sig")
    verify = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "coalmine-release.pem", *what]
    return subprocess.run(verify, cwd=folder, capture_output=True, check=False).returncode == 0


def test_wheel_and_sdist_are_the_same_bytes_when_they_are_built_again(tmp_path: Path) -> None:
    made = []
    for name in ("first", "another-folder"):
        target = tmp_path / name
        wheel, sdist = distributions(export(target / "source"), target)
        made.append((wheel.name, wheel.read_bytes(), sdist.name, sdist.read_bytes()))
    assert made[0] == made[1]
    assert b"uplot.LICENSE.txt" in made[0][1]
    with tarfile.open(tmp_path / "first" / made[0][2]) as archive:
        names = archive.getnames()
    assert any(name.endswith("/deploy/systemd/coalmine-agent.service") for name in names)


def test_a_commit_that_is_not_there_is_told_and_nothing_is_made(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="no-such-tag"):
        export(tmp_path / "source", "no-such-tag")
    assert list(tmp_path.iterdir()) == []


def test_a_signed_release_is_verified_and_a_changed_one_is_not(folder: Path, key: Path) -> None:
    seal(folder, key)
    said = subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=folder, capture_output=True, text=True
    )
    assert (said.returncode, said.stdout) == (0, "a.txt: OK\nb.txt: OK\n")
    assert verified(folder)
    assert not (folder / "UNSIGNED").exists()
    sums = folder / "SHA256SUMS"
    sums.write_text(sums.read_text().replace("a.txt", "c.txt"))
    assert not verified(folder)


def test_the_same_key_gives_the_same_signature(folder: Path, key: Path) -> None:
    seal(folder, key)
    first = (folder / "SHA256SUMS.sig").read_bytes()
    for name in ("SHA256SUMS", "SHA256SUMS.sig", "coalmine-release.pem"):
        (folder / name).unlink()
    seal(folder, key)
    assert (folder / "SHA256SUMS.sig").read_bytes() == first


def test_an_unsigned_release_says_so(folder: Path) -> None:
    seal(folder, None)
    assert (folder / "UNSIGNED").read_text().startswith("This release is not signed")
    assert not (folder / "SHA256SUMS.sig").exists()


def test_a_key_that_is_none_or_of_another_kind_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"nowhere\.pem"):
        seal(folder, tmp_path / "nowhere.pem")
    other = tmp_path / "rsa.pem"
    run("openssl", "genpkey", "-quiet", "-algorithm", "rsa", "-out", str(other))
    with pytest.raises(BuildError, match=r"rsa\.pem: expected an Ed25519 key: openssl genpkey"):
        seal(folder, other)


def test_a_program_that_is_missing_or_fails_is_told() -> None:
    with pytest.raises(BuildError, match="dh_nothing is missing"):
        run("dh_nothing")
    with pytest.raises(BuildError, match=r"(?s)ls /nowhere: status 2.*No such file"):
        run("ls", "/nowhere", env={"LC_ALL": "C"})


@pytest.mark.parametrize(
    ("version", "system", "expected"),
    [
        ("0.1.0", DEBIAN, "0.1.0+deb12"),
        ("0.1.0", UBUNTU, "0.1.0+ubuntu24.04"),
        ("0.2.0rc1", DEBIAN, "0.2.0~rc1+deb12"),
        ("0.2.0.dev3", DEBIAN, "0.2.0~dev3+deb12"),
    ],
)
def test_the_package_has_a_version_for_its_system(
    version: str, system: dict[str, str], expected: str
) -> None:
    assert debian_version(version, system) == expected


def test_dpkg_puts_versions_in_their_order() -> None:
    later = {"ID": "debian", "VERSION_ID": "13"}
    order = [
        debian_version(version, system)
        for version, system in (
            ("0.2.0.dev1", DEBIAN),
            ("0.2.0a1", DEBIAN),
            ("0.2.0rc1", DEBIAN),
            ("0.2.0", DEBIAN),
            ("0.2.0", later),
            ("0.2.1", DEBIAN),
            ("0.10.0", DEBIAN),
        )
    ]
    dpkg = executable("dpkg", "dpkg")
    # dev sorts after a, as letters do: nobody releases both of one version
    for older, newer in pairwise(order[1:]):
        subprocess.run([dpkg, "--compare-versions", older, "lt", newer], check=True)
    subprocess.run([dpkg, "--compare-versions", order[0], "lt", order[3]], check=True)


def test_a_licence_is_told_as_the_package_tells_it() -> None:
    said = Message()
    assert licence(said) == "see its files"
    said["License"] = "\n  MIT\nand many lines\n"
    assert licence(said) == "MIT"
    said["Classifier"] = "License :: OSI Approved :: BSD License"
    assert licence(said) == "BSD License"
    said["License-Expression"] = "BSD-3-Clause"
    assert licence(said) == "BSD-3-Clause"


def test_the_copyright_names_every_package_but_ours(tmp_path: Path) -> None:
    for name, text in (
        ("click-8.1.dist-info", "Name: click\nVersion: 8.1\nLicense-Expression: BSD-3-Clause\n"),
        ("coalmine-0.1.0.dist-info", "Name: coalmine\nVersion: 0.1.0\n"),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "METADATA").write_text(text)
    text = copyright_file(tmp_path, 2026)
    assert "\n click 8.1: BSD-3-Clause\n" in text
    assert "coalmine 0.1.0" not in text
    assert "\nCopyright: 2026 The Coalmine authors\n" in text


def test_the_archive_of_man_pages_depends_on_nothing_but_them(tmp_path: Path) -> None:
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        for page in ("b.1", "a.1") if name == "one" else ("a.1", "b.1"):
            (folder / page).write_text(page)
            (folder / page).chmod(0o600 if name == "one" else 0o644)
        pack(folder, tmp_path / f"{name}.tar.gz", 1_790_000_000)
    assert (tmp_path / "one.tar.gz").read_bytes() == (tmp_path / "two.tar.gz").read_bytes()
    with tarfile.open(tmp_path / "one.tar.gz") as archive:
        assert archive.getnames() == ["man/man1/a.1", "man/man1/b.1"]
        assert {entry.mode for entry in archive} == {0o644}


def test_every_override_has_its_reason() -> None:
    for block in OVERRIDES.read_text().strip().split("\n\n"):
        lines = block.splitlines()
        assert lines[0].startswith("# ")
        assert any(line.startswith("coalmine: ") for line in lines)
