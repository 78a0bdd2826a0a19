"""Documentation says what is: settings, links, targets, versions."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from coalmine_aggregator.demo.run import BREAK_AFTER_S
from coalmine_aggregator.demo.table import KEYS
from tests.project.configuration_page import PAGE, render

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"```.*?```", re.DOTALL)


def test_every_setting_is_documented_and_nothing_else() -> None:
    assert PAGE.read_text() == render(), "python -m tests.project.configuration_page writes it anew"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in _LINK.findall(_CODE.sub("", page.read_text())):
        if re.match(r"https?://", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name}: {link}"
        if anchor:
            assert anchor in _anchors(target), f"{page.name}: {link}"


def _anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_targets_that_are_named_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"`make ([a-z]+)", page.read_text()))
    assert named <= targets


def test_the_layers_are_those_of_the_contracts() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    contracts = [each for each in tool["importlinter"]["contracts"] if each["type"] == "layers"]
    assert contracts
    for contract in contracts:
        assert "```\n" + "\n".join(contract["layers"]) + "\n```" in page, contract["name"]


def test_every_target_is_told_by_help() -> None:
    told = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert phony is not None
    assert re.findall(r"^  make (\w+)", told, re.MULTILINE) == phony[1].split()


def test_the_changelog_has_this_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"## [{version}] - 20" in (ROOT / "CHANGELOG.md").read_text()


def test_the_demo_s_keys_and_delay_are_told() -> None:
    readme = (ROOT / "README.md").read_text()
    for key, what in KEYS.items():
        assert f"`{key}` {what}" in readme
    assert f"{BREAK_AFTER_S:g} s after the first sum rates" in readme


def test_what_is_said_to_operators_is_what_programs_say() -> None:
    """The words of the second table of symptoms, but for those of systemd."""
    text = (ROOT / "docs" / "operations.md").read_text()
    table = text[text.index("| it says |") :].splitlines()[2:]
    said = [
        words
        for row in table
        if not (first := row.split("|")[1]).endswith("(systemd) ")
        for words in re.findall(r"`([^`]+)`", first)
    ]
    sources = "".join(
        path.read_text()
        for folder in ("agent", "aggregator", "deploy")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in (".py", ".sh", ".preinst")
    ).replace('\\"', '"')
    of_others = {  # of the system, SQLite, OpenSSL
        "Address already in use",
        "CERTIFICATE_VERIFY_FAILED",
        "Connection refused",
        "file is not a database",
        "unable to open database file",
    }
    assert len(said) > 15
    assert [words for words in said if words not in of_others and words not in sources] == []
