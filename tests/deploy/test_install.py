"""The install script as a text, and how it is called. What it does is proved on a booted system."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from coalmine_install.refusal import Code
from tests.servers.disk import Disk
from tests.servers.process import executable

ROOT = Path(__file__).resolve().parents[2]
INSTALL = ROOT / "deploy" / "install"
SCRIPT = INSTALL / "install.sh"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", str(SCRIPT), *arguments], capture_output=True, text=True, timeout=60, check=False
    )


def test_shellcheck_finds_nothing() -> None:
    program = executable("shellcheck", "shellcheck")
    done = subprocess.run(
        [program, "--external-sources", "--check-sourced", "deploy/install/install.sh"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("", "what shall be done?"),
        ("instal", '"instal" is none of install, upgrade, rollback, remove, status'),
        ("install", "install needs --role agent, aggregator or status-page"),
        ("install --role", "--role needs a value"),
        ("install --role broker", "--role broker: expected agent, aggregator or status-page"),
        ("install --role agent --template inside", "expected external, internal or on-machine"),
        ("install --role aggregator --template internal", "--template is for agents"),
        ("install --role agent --config x --set a=b", "--config stands for --template and --set"),
        ("install --role agent --secret mqtt-password", "expected a name and a file"),
        ("install --role agent --secret ../x=y", "expected a name and a file"),
        ("install --role agent --purge", 'install does not know "--purge"'),
        ("install --role agent --wait soon", "--wait takes whole seconds"),
        ("upgrade --role agent", 'upgrade does not know "--role"'),
        ("upgrade --from", "--from needs a value"),
        ("rollback --from x", 'rollback does not know "--from"'),
        ("remove agent", 'remove does not know "agent"'),
    ],
)
def test_a_wrong_call_is_told_in_a_line(arguments: str, said: str) -> None:
    done = run(*arguments.split())
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("install.sh: ")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_help_says_how_it_is_called() -> None:
    done = run("--help")
    assert (done.returncode, done.stderr) == (0, "")
    for option in (
        "--role",
        "--template",
        "--from",
        "--wheels",
        "--key",
        "--set",
        "--secret",
        "--purge",
    ):
        assert option in done.stdout
    assert "set -euo" not in done.stdout


def test_the_exit_codes_are_those_that_are_told() -> None:
    told = {int(number) for number in re.findall(r"(?:^|[;:] )(\d+) \w", codes_told(), re.MULTILINE)}
    used = {
        int(code)
        for part in INSTALL.glob("*.sh")
        for code in re.findall(r"fail (\d+)", part.read_text())
    }
    assert used | {int(code) for code in Code} | {0} == told


def within(body: str, *arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Runs what uses the functions of the script: all of it but its last line, which begins."""
    return subprocess.run(
        ["bash", "-c", f". <(sed '$d' \"$0\")\n{body}", str(SCRIPT), *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_it_runs_no_module_of_the_folder_that_it_is_called_in(tmp_path: Path) -> None:
    for name in ("ensurepip", "shutil", "venv"):
        (tmp_path / f"{name}.py").write_text(f"open('{name}-ran', 'w')\n")
    body = """
      find_python
      stage=$PWD/stage version=1.0.0 HOME_OF_ALL=$PWD/opt
      mkdir "$stage" opt
      (from=https://127.0.0.1:1; get base.txt) || echo "$?"
      touch "$stage/coalmine-1.0.0-py3-none-any.whl" "$stage/base.txt"
      room() { :; }
      make_version agent
    """
    done = within(body, cwd=tmp_path)
    assert done.stdout.startswith("7\n")
    assert "no network, or no such release: " in done.stderr
    assert (tmp_path / "opt" / "1.0.0" / "bin" / "python").exists(), done.stderr
    assert "wheel: ERROR: " in done.stderr  # pip ran, and says that the wheel is none
    assert list(tmp_path.glob("*-ran")) == []


def test_a_python_may_lie_in_a_folder_with_a_space(tmp_path: Path) -> None:
    named = tmp_path / "my tools" / "python3"
    named.parent.mkdir()
    named.symlink_to(sys.executable)
    done = within('python=$1; find_python; echo "$python"', str(named))
    assert (done.returncode, done.stdout) == (0, f"{named}\n"), done.stderr


@pytest.mark.parametrize(
    ("now", "version", "forward"),
    [
        ("0.2.0rc1", "0.2.0", True),
        ("0.2.0", "0.2.0rc1", False),
        ("0.2.0rc2", "0.2.0rc10", True),
        ("0.9.0", "0.10.0", True),
        ("0.10.0", "0.9.0", False),
        ("0.2.0", "0.3.0a1", True),
    ],
)
def test_an_upgrade_goes_forward_alone(tmp_path: Path, now: str, version: str, forward: bool) -> None:
    (tmp_path / now).mkdir()
    (tmp_path / now / ".complete").write_text("extras=all\n")
    body = """
      HOME_OF_ALL=$1 given=$2 running=$3
      installed_version() { now=$running; }
      find_python() { :; }
      stage_release() { version=$given; }
      make_version() { echo made; exit 0; }
      upgrade
    """
    done = within(body, str(tmp_path), version, now)
    assert (done.returncode, done.stdout) == ((0, "made\n") if forward else (13, ""))
    assert forward or f"{version} is older than {now}, which runs" in done.stderr


def test_what_is_added_to_a_version_that_may_run_takes_nothing_away(tmp_path: Path) -> None:
    body = """
      HOME_OF_ALL=$1 stage=$1 version=1.0.0 role=aggregator
      printf wheel >"$stage/coalmine-1.0.0-py3-none-any.whl"
      mkdir "$1/1.0.0"
      printf 'extras=agent\nwheel=%s\n' "$(printf wheel | sha256sum | cut -c1-64)" >"$1/1.0.0/.complete"
      room() { :; }
      run_pip() { echo "$*"; }
      make_version all
      cat "$1/1.0.0/.complete"
    """
    done = within(body, str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "aggregator.txt" in done.stdout
    assert "reinstall" not in done.stdout
    assert ".whl" not in done.stdout  # what runs of it is imported from there
    assert "extras=all\n" in done.stdout


PLACE_UNITS = """
  HOME_OF_ALL=$1/opt stage=$1/stage SECRETS=$1 UNITS=$1/local/lib/systemd/system
  SYSUSERS=$1/local/lib/sysusers.d/coalmine.conf TMPFILES=$1/local/lib/tmpfiles.d/coalmine.conf
  mkdir -p "$stage" "$HOME_OF_ALL/1.0.0/share/coalmine"
  ln -s "$PWD/deploy/systemd" "$HOME_OF_ALL/1.0.0/share/coalmine/systemd"
  . deploy/install/services.sh
  trap at_exit EXIT
  systemctl() { :; }
  systemd-sysusers() { :; }
  systemd-tmpfiles() { :; }
  getent() { [ "$2" != coalmine-status ]; }
"""


def test_the_undo_takes_away_the_users_alone_that_it_made(tmp_path: Path) -> None:
    body = """
      userdel() { echo "userdel $1"; }
      place_units 1.0.0
      fail 12 ill
    """
    done = within(PLACE_UNITS + body, str(tmp_path))
    assert done.returncode == 12
    assert re.findall(r"userdel .*", done.stdout) == ["userdel coalmine-status"]


@pytest.mark.parametrize("end", ["fail 12 ill", "remove_all"])
def test_an_empty_folder_that_is_not_ours_stays(tmp_path: Path, end: str) -> None:
    (tmp_path / "local" / "lib").mkdir(parents=True)
    body = f"""
      CONFIGS=$1/etc COMMAND=$1/coalmine
      place_units 1.0.0
      [ -f "$UNITS/coalmine-agent.service" ]
      {end}
    """
    done = within(PLACE_UNITS + body, str(tmp_path))
    assert done.returncode == (12 if "fail" in end else 0), done.stderr
    assert (tmp_path / "local" / "lib").is_dir()
    assert list((tmp_path / "local" / "lib").iterdir()) == []


def test_on_a_full_disk_every_unit_stays_as_it_was(tmp_path: Path, disk: Disk) -> None:
    body = """
      UNITS=$2/units
      place_units 1.0.0
      share=$HOME_OF_ALL/2.0.0/share/coalmine
      mkdir -p "$share"
      cp -rL "$HOME_OF_ALL/1.0.0/share/coalmine/systemd" "$share"
      for each in "$share"/systemd/*; do [ ! -f "$each" ] || echo '# of another version' >>"$each"; done
      cp -r "$UNITS" "$1/before"
      room=$(($(df -P --block-size=1K "$2" | awk 'NR == 2 { print $4 }') - 8)) # for one, not for all
      dd if=/dev/zero of="$2/ballast" bs=1K count="$room" status=none
      undo=()
      place_units 2.0.0 || fail $? 'as was said'
    """
    done = within(PLACE_UNITS + body, str(tmp_path), str(disk.path))
    assert done.returncode == 6, done.stderr
    assert ".service is not written: " in done.stderr
    assert contents(disk.path / "units") == contents(tmp_path / "before")


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_others_that_read_a_secret_read_it_anew_once_its_change_is_undone(tmp_path: Path) -> None:
    body = """
      HOME_OF_ALL=$1 DOING=$1/.doing CONFIGS=$1 SECRETS=$1 UNITS=deploy/systemd
      . deploy/install/services.sh
      . deploy/install/switch.sh
      systemctl() {
        case $1 in
          is-enabled) [ "$3" = coalmine-aggregator.service ] ;;
          is-active) echo active ;;
          restart) echo "$2 reads $(cat "$SECRETS/coalmine.mqtt-password")" ;;
        esac
      }
      healthy() { :; }
      echo before >"$SECRETS/.was.coalmine.mqtt-password"
      echo other >"$SECRETS/coalmine.mqtt-password"
      printf '%s\\n' from= to=1.0.0 touched= role=agent fresh= ran= \\
        secrets=coalmine.mqtt-password >"$DOING"
      settle_interrupted
    """
    done = within(body, str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "coalmine-aggregator.service reads before\n" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["coalmine.mqtt-password"]


def codes_told() -> str:
    text = SCRIPT.read_text()
    start = text.index("# Exit codes: ")
    return text[start : text.index("set -euo")].replace("\n# ", " ").replace("# Exit codes", "")


def test_the_wheel_has_all_that_the_script_looks_for() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        shared = tomllib.load(file)["tool"]["hatch"]["build"]["targets"]["wheel"]["shared-data"]
    assert all((ROOT / path).exists() for path in shared)
    parts = {path for path in shared if path.startswith("deploy/install/") and path.endswith(".sh")}
    assert parts == {f"deploy/install/{path.name}" for path in INSTALL.glob("*.sh")}
    assert shared["deploy/systemd"] == "share/coalmine/systemd"
    assert shared["deploy/install/templates"] == "share/coalmine/templates"


def test_it_lists_its_options_in_the_documentation() -> None:
    text = (ROOT / "docs" / "install.md").read_text()
    for option in set(
        re.findall(r"(?:install|upgrade|rollback|remove):(--[a-z-]+)", SCRIPT.read_text())
    ):
        assert f"`{option}" in text or f" {option}" in text, option
