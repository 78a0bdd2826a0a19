"""A power cut between two commands of a change of version: what then starts by itself, the next run.

The script's own functions on a folder, with the real steps for the store. Systemd alone is played, by
what a start of either version does with a store; tests/prove has a booted one.
"""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from coalmine_aggregator.store.database import open_engine
from coalmine_aggregator.store.revisions import revision_of_file

REPOSITORY = Path(__file__).resolve().parents[2]
INSTALL = REPOSITORY / "deploy" / "install"
OLD, NEW = "1.0.0", "2.0.0"
LATER = "9999"
"""The schema that the new version brings, which the old one refuses."""

CONFIG = """
services: {{ingest: {{}}}}
receive: {{tcp: "127.0.0.1:2003"}}
store: sqlite:///{file}
"""

# Starts the version that `current` leads to: it migrates, or refuses, or counts on.
SERVE = r"""
import pathlib, sqlite3, sys
root, later = pathlib.Path(sys.argv[1]), sys.argv[2]
version, runs = (root / "opt/current").readlink().name, root / "runs"
runs.unlink(missing_ok=True)
with sqlite3.connect(root / "history.db") as store:
    (schema,), = store.execute("SELECT version_num FROM alembic_version")
    if version == "1.0.0" and schema == later:
        sys.exit(0)
    if version == "2.0.0":
        store.execute("UPDATE alembic_version SET version_num = ?", (later,))
    store.execute("INSERT INTO counted VALUES (?)", (version,))
runs.write_text(version)
(root / "read").write_text((root / "etc/aggregator.yaml").read_text())
for secret in root.glob("secrets/coalmine.*"):
    (root / "read.secret").write_text(secret.read_text())
"""

# $2: before which command of which function the power goes, a pattern; from $6 on, what is to be done.
HOST = r"""
set -euo pipefail
root=$1 cut=$2 install=$3 PY=$4 later=$5; shift 5
verb=$1
. <(sed '$d' "$install/install.sh") # all but its last line, which begins
HOME_OF_ALL=$root/opt CONFIGS=$root/etc UNITS=$root/units SECRETS=$root/secrets
SYSUSERS=$root/sysusers TMPFILES=$root/tmpfiles DOING=$HOME_OF_ALL/.doing
ROLES=(aggregator)
systemctl() {
  case $1 in
    is-enabled) [ "$3" = coalmine-aggregator.service ] && [ ! -e "$root/disabled" ] ;;
    --quiet) [ "$2" != disable ] || touch "$root/disabled" ;;
    is-active) [ -f "$root/runs" ] && echo active || echo inactive ;;
    stop) rm -f "$root/runs" ;;
    start | restart) "$PY" -ISc "$SERVE" "$root" "$later" ;;
  esac
}
getent() { :; }
systemd-sysusers() { :; }
systemd-tmpfiles() { :; }
journalctl() { :; }
sync() {
  local each under_way=
  [ ! -e "$DOING" ] || under_way=.doing
  for each in "${@:2}"; do echo "synced ${each#"$root/"}, $under_way"; done
}
step() {
  local by=$1; shift
  case $by:$1:${2-} in
    2.0.0:store:plan) # a version that does not exist yet
      case $("$PY" -ISc 'import sqlite3, sys; print(*sqlite3.connect(sys.argv[1]).execute(
          "SELECT version_num FROM alembic_version").fetchone())' "$root/history.db") in
        "$later") echo "same $later $later $root/history.db" ;;
        *) echo "older 1 $later $root/history.db" ;;
      esac
      ;;
    *:store:*) "$PY" -IB -m coalmine_install "$@" ;;
    *:healthy:*) [ ! -f "$root/fills.$by" ] || touch "$root/full"
      [ -f "$root/runs" ] && [ ! -f "$root/ill.$by" ] &&
      ! grep -qs ill "$root/read" "$root/read.secret" && echo well ;;
    *:write:*) cp "$root/candidate" "${@: -1}" ;;
  esac
}
install() {
  [ ! -e "$root/full" ] || { echo "install: No space left on device" >&2; return 1; }
  command install "$@"
}
trap at_exit EXIT # within which no trap is run
power() { # goes before the command that is named
  if [ "$BASH_SUBSHELL" = 0 ] && [[ "${FUNCNAME[1]-}: $BASH_COMMAND" == $cut ]]; then kill -9 $$; fi
}
set -T
[ -z "$cut" ] || trap power DEBUG
begin
case $1 in
  upgrade) load "$3"; switch "$2" "$3" ;;
  rollback) restore_store=yes; load "$(version_of current)"; rollback ;;
  settle) : ;;
  install)
    load "$2"
    version=$2 role=aggregator sets=(--set a=b) secrets=("${@:3}") COMMAND=$root/command
    install_role
    ;;
esac
"""


class Host:
    """A folder in which the old version counts."""

    def __init__(self, root: Path) -> None:
        self.root, self.store = root, root / "history.db"
        for version in (OLD, NEW):
            share = root / "opt" / version / "share" / "coalmine"
            shutil.copytree(INSTALL, share / "install")
            shutil.copytree(REPOSITORY / "deploy" / "systemd", share / "systemd")
            (root / "opt" / version / ".complete").write_text("extras=all\n")
        (root / "opt" / "current").symlink_to(OLD)
        (root / "units").mkdir()
        (root / "etc").mkdir()
        (root / "etc" / "aggregator.yaml").write_text(CONFIG.format(file=self.store))
        open_engine(f"sqlite:///{self.store}").dispose()
        self.execute("CREATE TABLE counted (version TEXT)")
        self.config = root / "etc" / "aggregator.yaml"
        self.boot()

    def run(self, *what: str, cut: str = "") -> str:
        script = f"SERVE={shell_quoted(SERVE)}\n{HOST}"
        command = ["bash", "-c", script, "sh", str(self.root), cut, str(INSTALL), sys.executable, LATER]
        done = subprocess.run(
            [*command, *what],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        print(done.stdout)
        if cut:
            assert done.returncode == -9, done.stdout
        return done.stdout

    def boot(self) -> None:
        """systemd starts what is enabled."""
        subprocess.run([sys.executable, "-ISc", SERVE, str(self.root), LATER], check=True)

    def execute(self, statement: str) -> list[tuple[object, ...]]:
        connection = sqlite3.connect(self.store)
        try:
            with connection:
                return connection.execute(statement).fetchall()
        finally:
            connection.close()

    @property
    def runs(self) -> str:
        """The version that does; empty where none."""
        path = self.root / "runs"
        return path.read_text() if path.exists() else ""

    @property
    def counted(self) -> list[object]:
        """By which version, each time that one started."""
        return [row[0] for row in self.execute("SELECT version FROM counted")]

    @property
    def schema(self) -> str | None:
        found = revision_of_file(self.store)
        return found.stored if found else None


def shell_quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_a_change_goes_forward_and_back(host: Host) -> None:
    said = host.run("upgrade", OLD, NEW)
    assert (host.runs, host.schema, host.counted) == (NEW, LATER, [OLD, NEW])
    for placed in ("units", "etc", "opt"):  # before it is called done
        assert f"synced {placed}, .doing" in said.partition("current is")[2]
    host.run("rollback")
    assert (host.runs, host.counted) == (OLD, [OLD, OLD])
    assert host.schema != LATER


def test_what_was_counted_after_a_power_cut_is_kept_where_the_new_version_never_ran(host: Host) -> None:
    host.run("upgrade", OLD, NEW, cut="switch: place_units_of *")  # the store has been copied
    host.boot()
    said = host.run("settle")
    assert f"the change from {OLD} to {NEW} was interrupted" in said
    assert (host.runs, host.counted) == (OLD, [OLD, OLD, OLD])  # at first, after the cut, as settled


@pytest.mark.prove
@pytest.mark.parametrize("cut", ["point current *", "place_units_of *"])
def test_a_way_back_that_is_cut_off_ends_at_the_version_before(host: Host, cut: str) -> None:
    (host.root / f"ill.{NEW}").touch()
    host.run("upgrade", OLD, NEW, cut="switch: restart_roles *")
    host.boot()  # the new version migrates the store
    host.run("settle", cut=f"go_back: {cut}")
    host.boot()
    host.run("settle")
    assert host.runs == OLD
    assert host.schema != LATER
    assert host.counted[0] == OLD


def test_a_way_back_on_a_full_disk_goes_to_its_end_and_is_finished_by_the_next_run(host: Host) -> None:
    unit = "coalmine-agent.service"
    of_new = host.root / "opt" / NEW / "share" / "coalmine" / "systemd" / unit
    of_new.write_text(f"{of_new.read_text()}# of the new one\n")
    for name in (f"ill.{NEW}", f"fills.{NEW}"):
        (host.root / name).touch()
    said = host.run("upgrade", OLD, NEW)
    assert f"not undone: what comes with {OLD} is not all in place" in said
    assert "not all of it could be undone, as said above" in said
    assert (host.runs, host.counted) == (OLD, [OLD, OLD])
    placed = host.root / "units" / unit
    assert placed.read_text() == of_new.read_text()

    (host.root / "full").unlink()
    shutil.rmtree(host.root / "opt" / NEW)  # as whoever made it does where all is undone
    said = host.run("settle")
    assert f"rolled back: {OLD} runs" in said
    assert placed.read_text() == (REPOSITORY / "deploy" / "systemd" / unit).read_text()
    assert not (host.root / "opt" / ".doing").exists()


@pytest.mark.prove
@pytest.mark.parametrize("cut", ["point current *", "restart_roles *"])
def test_a_rollback_that_is_cut_off_leaves_a_copy_that_the_old_version_knows(
    host: Host, cut: str
) -> None:
    host.run("upgrade", OLD, NEW)
    host.run("rollback", cut=f"switch: {cut}")
    host.boot()
    host.run("settle")
    assert host.runs
    if host.runs == NEW:
        host.run("rollback")
    assert host.runs == OLD
    assert host.schema != LATER
    assert host.counted[0] == OLD


def test_a_renewed_configuration_that_does_not_run_is_undone_by_the_next_run(
    host: Host,
) -> None:
    before = host.config.read_text()
    (host.root / "candidate").write_text(f"{before}# ill\n")
    host.run("install", OLD, cut="start_role: healthy *")
    assert host.config.read_text() != before
    host.boot()
    said = host.run("settle")
    assert f"the installation of {OLD} as aggregator was interrupted" in said
    assert host.config.read_text() == before
    assert host.runs == OLD
    assert not (host.root / "disabled").exists()
    assert sorted(each.name for each in host.config.parent.iterdir()) == ["aggregator.yaml"]


def test_a_renewed_configuration_is_read_before_all_is_called_finished(host: Host) -> None:
    (host.root / "candidate").write_text(f"{host.config.read_text()}# renewed\n")
    host.run("install", OLD, cut="install_role: systemd-tmpfiles *")  # without a reboot
    assert "finished" in host.run("settle")
    assert "# renewed" in host.config.read_text()
    assert (host.root / "read").read_text() == host.config.read_text()
    assert sorted(each.name for each in host.config.parent.iterdir()) == ["aggregator.yaml"]


def with_secret(host: Host, text: str) -> tuple[Path, Path, str]:
    """The secret that is there, what the service has read, and the option that puts another text."""
    kept = host.root / "secrets" / "coalmine.mqtt-password"
    kept.parent.mkdir()
    kept.write_text("as before")
    host.boot()
    (host.root / "other").write_text(text)
    return kept, host.root / "read.secret", f"mqtt-password={host.root / 'other'}"


def test_a_secret_whose_change_was_cut_off_is_read_by_its_service(host: Host) -> None:
    kept, read, option = with_secret(host, "renewed")
    (host.root / "candidate").touch()
    host.run("install", OLD, option, cut="install_role: new_config *")
    assert (kept.read_text(), read.read_text()) == ("renewed", "as before")
    assert "finished" in host.run("install", OLD, option)
    assert read.read_text() == "renewed"
    assert [each.name for each in kept.parent.iterdir()] == [kept.name]


@pytest.mark.prove
@pytest.mark.parametrize("cut", ["put_secrets_back", "restart_roles *", ""])
def test_a_secret_that_its_service_does_not_run_with_is_undone_by_the_next_run(
    host: Host, cut: str
) -> None:
    kept, read, option = with_secret(host, "ill")
    host.run("install", OLD, option, cut="install_role: new_config *")
    if cut:
        host.run("settle", cut=f"settle_installation: {cut}")
    host.run("settle")
    assert (kept.read_text(), read.read_text()) == ("as before", "as before")
    assert host.runs == OLD
    assert [each.name for each in kept.parent.iterdir()] == [kept.name]


def test_a_secret_whose_change_was_cut_off_before_it_was_written_stays(host: Host) -> None:
    kept, read, option = with_secret(host, "renewed")
    host.run("install", OLD, option, cut="install_role: put_secrets")
    host.run("settle")
    assert (kept.read_text(), read.read_text()) == ("as before", "as before")
    assert [each.name for each in kept.parent.iterdir()] == [kept.name]
