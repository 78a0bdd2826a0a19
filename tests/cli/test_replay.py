"""`coalmine aggregator replay`: lines, differences, exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from coalmine_aggregator.store.database import open_engine
from coalmine_cli.main import main

QUIET = """\
name: quiet
duration: 20
fleet:
  services:
    ingest: {protocols: [tcp, udp]}
  agents:
    - {location: external, region: us, zone: us-1, count: 3}
"""

OUTAGE = QUIET.replace("quiet", "outage").replace("duration: 20", "duration: 60") + (
    "faults:\n  - {from: 10, to: 20, where: {protocol: udp}, effect: failed}\n"
)

EXPECTED = """\
expect:
  alerts:
    - {class: loss, service: ingest, scope: {protocol: udp}, opens: {after: 10, within: 8}}
  no_other_pages: true
"""


def replay(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["aggregator", "replay", *map(str, arguments)])


@pytest.fixture
def outage(tmp_path: Path) -> Path:
    path = tmp_path / "outage.yaml"
    path.write_text(OUTAGE + EXPECTED)
    return path


@pytest.fixture
def quiet(tmp_path: Path) -> Path:
    path = tmp_path / "quiet.yaml"
    path.write_text(QUIET)
    return path


def test_standard_output_is_json_line_by_line(outage: Path, quiet: Path) -> None:
    done = replay(outage, quiet)
    assert done.exit_code == 0
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["event"] for line in lines if line["event"] != "changed"] == [
        "opened",
        "closed",
        "summary",
        "summary",
    ]
    assert [line["name"] for line in lines if line["event"] == "summary"] == ["outage", "quiet"]
    assert done.stderr == ""


def test_check_is_silent_where_all_is_as_expected(outage: Path) -> None:
    done = replay("--check", outage)
    assert (done.exit_code, done.stderr) == (0, "")


def test_check_says_what_differs_and_where_it_was_expected(outage: Path) -> None:
    outage.write_text(outage.read_text().replace("protocol: udp}, opens", "protocol: tcp}, opens"))
    assert replay(outage).exit_code == 0, "only with --check"
    done = replay("--check", outage)
    assert done.exit_code == 1
    line = OUTAGE.count("\n") + 3
    assert done.stderr.startswith(
        f"{outage}:{line}: loss of ingest {{protocol: tcp}} expected to open 10 to 18 s: "
        "ingest-loss-1 of "
    )
    assert "has the scope {protocol: udp} 10 s later, expected {protocol: tcp}" in done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["event"] == "summary"


def test_absent_alerts_forbid_nothing_unless_told(tmp_path: Path) -> None:
    path = tmp_path / "outage.yaml"
    path.write_text(OUTAGE)
    assert replay("--check", path).exit_code == 0
    path.write_text(OUTAGE + "expect: {no_other_pages: true}\n")
    done = replay("--check", path)
    assert done.exit_code == 1
    assert done.stderr.startswith(f"{path}: another page: loss of ingest {{protocol: udp}} opened at ")


def test_bad_files_are_all_told_before_anything_runs(outage: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text(QUIET.replace("duration", "durration"))
    missing = tmp_path / "missing.yaml"
    done = replay("--check", outage, bad, missing)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        f"{bad}:1: duration: is missing (Seconds of fleet time, from slot 0)",
        f'{bad}:2: durration: unknown key; did you mean "duration"?',
        f"{missing}: No such file or directory",
    ]


def test_without_files_it_says_what_it_takes() -> None:
    done = replay()
    assert done.exit_code == 2
    assert "FILES" in done.stderr


CONFIG = "services: {ingest: {}}\nreceive: {tcp: 127.0.0.1:0}\n"


def test_history_needs_a_configuration_a_store_and_times(tmp_path: Path, outage: Path) -> None:
    config = tmp_path / "aggregator.yaml"
    config.write_text(CONFIG + f"store: sqlite:///{tmp_path}/none.db\n")
    period = ("--from-store", "2026-11-01", "2026-12-01")
    for arguments, told in (
        (period, "--from-store needs --config"),
        ((*period, "--config", config, outage), "--from-store takes neither FILES nor --check"),
        (("--config", config, outage), "--config goes with --from-store"),
        (("--store", "sqlite:///x.db", outage), "--store goes with --from-store"),
        (
            ("--from-store", "now", "then", "--config", config),
            'such as 2026-11-20T03:12:00Z, not "now"',
        ),
        (("--from-store", "9", "8", "--config", config), "8 is not after 9"),
        ((*period, "--config", config), "there is no "),
        ((*period, "--config", tmp_path / "nowhere.yaml"), "No such file or directory"),
    ):
        done = replay(*arguments)
        assert (done.exit_code, done.stdout) == (2, ""), arguments
        assert told in done.stderr


def test_an_empty_history_is_a_summary(tmp_path: Path) -> None:
    config = tmp_path / "aggregator.yaml"
    config.write_text(CONFIG)
    url = f"sqlite:///{tmp_path}/history.db"
    open_engine(url).dispose()
    done = replay("--from-store", "2026-11-01", "2026-12-01", "--config", config, "--store", url)
    assert (done.exit_code, done.stderr) == (0, "")
    summary = json.loads(done.stdout)
    assert (summary["event"], summary["slots"], summary["datapoints"]) == ("summary", 0, 0)
