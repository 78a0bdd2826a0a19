"""The install script on a booted Debian, from a release folder to datapoints and back to nothing.

The tests build on each other, as the days of a host do: what one leaves running the next one finds.
"""

from __future__ import annotations

import json
import re
import resource
import shutil
import time
from collections.abc import Iterator

import pytest

from coalmine_runtime.version import VERSION
from release.sums import KEY, SIGNATURE, SUMS, seal
from tests.conftest import Authority
from tests.prove import installed
from tests.prove.booted_debian import BootedDebian, booted_debian
from tests.prove.built import make_key, needed_wheels
from tests.prove.installed import AGENT, AGGREGATOR
from tests.prove.release import LATER, NEWEST, make_release, migrates
from tests.prove.stalls import stretched

pytestmark = [pytest.mark.prove, pytest.mark.timeout(900)]

RELEASES = "/mnt/releases"
FIRST_DATAPOINT_S = 60.0
OFFLINE = ("--wheels", installed.WHEELS)
SECRET = ("--secret", "mqtt-password=/root/mqtt")
AGENT_ARGUMENTS = (
    *("--role", "agent", "--template", "internal", "--set", "region=eu-west-1"),
    *("--set", "target=127.0.0.1"),
)
AGGREGATOR_ARGUMENTS = ("--role", "aggregator", "--set", "service=ingest", *SECRET)
STATUS_PAGE_ARGUMENTS = ("--role", "status-page", "--set", "name=Example")

NEXT, NEVER_READY, DIES = "90.0.0", "90.0.1", "91.0.0"
# Everything that is there, but for what runs and what keeps a log of its own doings.
LIST = r"""
find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /run -o -path /tmp -o -path /mnt \
  -o -path /var/log -o -path /var/lib/systemd -o -path /var/tmp -o -path /root \) -prune \
  -o -printf '%p %y %m %u %g %l\n' \
  | grep -v -e '^/etc/\(passwd\|group\|shadow\|gshadow\)-' -e '__pycache__' -e '^/etc/\.pwd\.lock' \
  | sort
"""

STAMPS = "find /opt/coalmine /etc /usr/local -printf '%p %i %T@ %s\\n' | sort"


# The wheels of a folder as an index like PyPI's, to be served as files.
INDEX = r"""
import pathlib, re, sys
for wheel in pathlib.Path(sys.argv[1]).glob("*.whl"):
    name = re.sub(r"[-_.]+", "-", wheel.name.split("-")[0]).lower()
    folder = pathlib.Path(sys.argv[2], name)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / wheel.name).symlink_to(wheel)
"""


# Serves a folder by https: $1 is the certificate with its key, $2 the folder.
SERVE = r"""
import functools, http.server, ssl, sys
handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=sys.argv[2])
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1])
server = http.server.ThreadingHTTPServer(("127.0.0.1", 8000), handler)
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
"""
HTTPS = "https://releases.example:8000"


def migrates_and_is_never_ready(files: dict[str, bytes]) -> None:
    migrates(files)
    probes = "coalmine_aggregator/web/probes.py"
    text = files[probes].decode()
    changed = text.replace("    if failing:", '    failing = ["made to fail"]\n    if failing:')
    assert changed != text
    files[probes] = changed.encode()


def agent_dies(files: dict[str, bytes]) -> None:
    files["coalmine_agent/app.py"] += b'\nraise RuntimeError("made to fail")\n'


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BootedDebian]:
    """A fresh host that sees releases and wheels. It has no network, and a carbon that does not run."""
    folder = tmp_path_factory.mktemp("install")
    releases = folder / "releases"
    releases.mkdir()
    first = make_release(releases, VERSION)
    shutil.copy(first / KEY, releases)
    make_release(releases, NEXT, migrates)
    make_release(releases, NEVER_READY, migrates_and_is_never_ready)
    make_release(releases, DIES, agent_dies)
    for name in ("bad-wheel", "bad-lock", "bad-sums", "bad-key"):
        shutil.copytree(first, releases / name)
    for name in (f"coalmine-{VERSION}-py3-none-any.whl", "base.txt"):
        with (releases / ("bad-wheel" if "whl" in name else "bad-lock") / name).open("ab") as file:
            file.write(b"\n")
    sums = releases / "bad-sums" / "SHA256SUMS"
    sums.write_text(f"{sums.read_text()}\n")
    for name in (SUMS, SIGNATURE, KEY):
        (releases / "bad-key" / name).unlink()
    make_key(folder / "other.pem")
    seal(releases / "bad-key", folder / "other.pem")
    binds = {needed_wheels(): installed.WHEELS, releases: RELEASES}
    with booted_debian(folder, binds, ("graphite-carbon",)) as debian:
        debian.run("systemctl", "disable", "--now", "--quiet", "carbon-cache")
        debian.run("find", "/var/lib/graphite/whisper", "-mindepth", "1", "-delete")
        debian.write("/root/mqtt", "correct horse battery staple\n", "600")
        yield debian


@pytest.fixture(scope="module", autouse=True)
def fresh(host: BootedDebian) -> str:
    """The files of the host before anything of ours was there."""
    return files(host)


def files(host: BootedDebian) -> str:
    return host.run("sh", "-c", LIST)


def script(release: str = VERSION) -> str:
    return f"{RELEASES}/{release}/install.sh"


def run(host: BootedDebian, *arguments: str, release: str = VERSION) -> str:
    said = host.run(script(release), *arguments, deadline_s=300)
    print(said)
    return said


def refused(host: BootedDebian, status: int, *argv: str) -> str:
    """What was said by a run that must end with this status."""
    ended = host.run("sh", "-c", '"$@" 2>&1; echo $?', "sh", *argv, deadline_s=300)
    *said, code = ended.splitlines()
    assert code == str(status), ended
    print("\n".join(said))
    return "\n".join(said)


def cpu_of_children_s() -> float:
    """Of all commands that have ended: the script's own, not that of services."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def install(*arguments: str, release: str = VERSION) -> tuple[str, ...]:
    return (script(), "install", *arguments, *OFFLINE, "--from", f"{RELEASES}/{release}")


def version(host: BootedDebian) -> str:
    """The one that runs, by its own word."""
    current = host.run("readlink", "/opt/coalmine/current").strip()
    health = json.loads(installed.get(host, "http://127.0.0.1:9105/health"))
    assert health["version"] == current
    return current


def boots_known(host: BootedDebian) -> set[str]:
    """Of agents, in the store."""
    read = (
        "import sqlite3; print(*(row[0] for row in sqlite3.connect("
        "'file:/var/lib/coalmine/history.db?mode=ro', uri=True).execute('select boot from births')))"
    )
    return set(host.run("python3", "-c", read).split())


def test_bad_input_is_one_sentence_and_leaves_nothing(host: BootedDebian, fresh: str) -> None:
    agent = install(*AGENT_ARGUMENTS, "--set", "service=ingest", "--set", "broker=mqtt://127.0.0.1")

    said = refused(host, 3, "runuser", "-u", "nobody", "--", *agent)
    assert "must be run by root" in said
    hidden = 'mount -t tmpfs none /run/systemd && exec "$@"'
    assert "systemd does not run" in refused(host, 4, "unshare", "-m", "sh", "-c", hidden, "sh", *agent)
    host.write(
        "/root/python3.9",
        '#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.2\n[ "$2" != -c ]\n',
        "755",
    )
    assert "Python 3.9.2" in refused(host, 5, *agent, "--python", "/root/python3.9")

    small = 'mkdir /opt/coalmine && mount -t tmpfs -o "$1" none /opt/coalmine && shift && exec "$@"'
    in_small = ("unshare", "-m", "sh", "-c", small, "sh")
    assert " MiB free, 150 MiB are needed" in refused(host, 6, *in_small, "size=60m", *agent)
    host.run("rmdir", "/opt/coalmine")
    assert "no disk" in refused(host, 6, *in_small, "size=300m,nr_inodes=700", *agent)  # in the midst
    host.run("rmdir", "/opt/coalmine")

    no_wheels = [each for each in agent if each not in OFFLINE]
    assert "name a folder of wheels with --wheels" in refused(host, 7, *no_wheels)
    away = (*agent[:-1], "https://127.0.0.1:1/release")
    assert "no network, or no such release: https://127.0.0.1:1/release/SHA256SUMS: " in refused(
        host, 7, *away
    )

    for release in ("bad-sums", "bad-key"):
        assert "bad signature: " in refused(host, 8, *agent[:-1], f"{RELEASES}/{release}")
    for release in ("bad-wheel", "bad-lock"):
        assert "bad checksum: " in refused(host, 9, *agent[:-1], f"{RELEASES}/{release}")
    spoil = (
        f"mkdir /root/spoilt; cp -s {installed.WHEELS}/* /root/spoilt; cd /root/spoilt; "
        "cat click-*.whl >spoilt; echo >>spoilt; mv spoilt click-*.whl"
    )
    host.run("sh", "-c", spoil)
    spoilt = [("/root/spoilt" if each == installed.WHEELS else each) for each in agent]
    said = refused(host, 9, *spoilt)
    assert "bad checksum: base.txt from /root/spoilt: click==" in said
    assert "its hash is not in the lock file" in said

    said = refused(host, 11, *install(*AGENT_ARGUMENTS))
    assert said.splitlines()[-2].endswith("please say: --set broker=... --set service=...")
    said = refused(host, 11, *agent, "--set", "zones=x")
    assert 'this template has no "zones"; did you mean "zone"?' in said
    host.write("/root/agent.yaml", "agents: {}\n")
    said = refused(host, 11, *install("--role", "agent", "--config", "/root/agent.yaml"))
    assert "/etc/coalmine/agent.yaml:1: agents: unknown key" in said

    listen = "import socket, time; s = socket.create_server(('127.0.0.1', 9105)); time.sleep(600)"
    host.run("systemd-run", "--unit=taken", "python3", "-c", listen)
    host.until(
        lambda: (
            "127.0.0.1:9105 is taken by python3 (process "
            in host.run(*agent, check=False, deadline_s=300)
        ),
        deadline_s=300,
        what="the port is taken, and the script sees it",
    )
    refused(host, 10, *agent)
    host.run("systemctl", "stop", "taken")

    assert files(host) == fresh


def test_who_does_not_become_healthy_is_undone(host: BootedDebian, fresh: str) -> None:
    agent = install(*AGENT_ARGUMENTS, "--set", "service=ingest", "--set", "broker=mqtt://127.0.0.1")
    said = refused(host, 12, *agent[:-1], f"{RELEASES}/{DIES}")
    assert "not healthy: coalmine-agent.service does not start" in said
    assert "its log: RuntimeError: made to fail" in said
    assert said.endswith("undone: what runs is what ran before")
    assert host.run("systemctl", "list-units", "--failed", "--no-legend", "coalmine*") == ""
    assert files(host) == fresh


def test_an_installation_that_was_cut_off_is_undone(host: BootedDebian, fresh: str) -> None:
    agent = install(*AGENT_ARGUMENTS, "--set", "service=ingest", "--set", "broker=mqtt://127.0.0.1")
    host.run("systemd-run", "--unit=cut-first", *agent[:-1], f"{RELEASES}/{DIES}")
    doing = ("test", "-e", "/opt/coalmine/.doing")
    host.until(lambda: host.succeeds(*doing), deadline_s=180, what="it is about to start the agent")
    kill(host, "cut-first")
    said = run(host, *agent[1:])
    assert f"the installation of {DIES} as agent was interrupted" in said
    assert f"removed: {DIES}" in said
    assert version(host) == VERSION
    run(host, "remove", "--purge")
    assert files(host) == fresh


def kill(host: BootedDebian, unit: str) -> None:
    """As a power cut would."""
    host.run("systemctl", "kill", "--signal=KILL", unit)
    host.until(lambda: host.show(unit, "ActiveState") != "active", deadline_s=30, what="it is dead")


def test_from_nothing_to_the_first_datapoint(host: BootedDebian) -> None:
    run(host, "remove", "--purge")  # another go begins with nothing, as the first one did
    began, cpu_s = time.perf_counter(), cpu_of_children_s()
    run(host, *install(*AGGREGATOR_ARGUMENTS)[1:])
    run(host, *install(*AGENT_ARGUMENTS)[1:])
    print(
        f"installed aggregator and agent in {time.perf_counter() - began:.1f} s, "
        f"{cpu_of_children_s() - cpu_s:.1f} s of CPU"
    )
    host.until(
        lambda: any(each["received"] for each in installed.rates(host)),
        deadline_s=60,
        what="a datapoint is counted",
    )
    took_s = time.perf_counter() - began
    print(f"first datapoint counted {took_s:.1f} s after the first command")
    assert took_s <= stretched(FIRST_DATAPOINT_S)
    run(host, *install(*STATUS_PAGE_ARGUMENTS)[1:])
    assert host.run("/usr/local/bin/coalmine", "--version") == f"coalmine, version {VERSION}\n"


def test_a_secret_is_for_its_service_alone(host: BootedDebian) -> None:
    kept = "/etc/credstore/coalmine.mqtt-password"
    assert host.run("stat", "--format=%U:%G %a", kept) == "root:root 600\n"
    assert host.run("cat", kept) == "correct horse battery staple\n"
    for config in ("aggregator", "agent"):  # which found it, and so could be counted above
        text = host.run("cat", f"/etc/coalmine/{config}.yaml")
        assert re.search(
            r'password_file: "?\$\{CREDENTIALS_DIRECTORY\}/coalmine\.mqtt-password"?\n', text
        )
    pids = [host.show(unit, "MainPID") for unit in (AGENT, AGGREGATOR)]
    said = refused(host, 11, *install("--role", "agent", "--secret", "mqtt-password=/root/none"))
    assert "--secret mqtt-password: there is no file /root/none" in said
    assert [host.show(unit, "MainPID") for unit in (AGENT, AGGREGATOR)] == pids

    host.write("/root/empty", "", "600")  # it does not start with that, and gets the other one back
    said = host.fails(*install("--role", "agent", "--secret", "mqtt-password=/root/empty"))
    assert "mqtt-password" in said
    assert "undone: what runs is what ran before" in said
    assert host.run("cat", kept) == "correct horse battery staple\n"
    assert host.show(AGENT, "ActiveState") == "active"

    host.write("/root/other", "incorrect horse battery staple\n", "600")
    said = run(host, *install("--role", "aggregator", "--secret", "mqtt-password=/root/other")[1:])
    assert f"written: {kept}" in said
    for unit in (AGGREGATOR, AGENT):  # both read it
        assert f"restarted: {unit}" in said

    def reached() -> bool:
        health = json.loads(installed.get(host, "http://127.0.0.1:9105/health"))
        return bool(health["broker_connected"])

    host.until(reached, deadline_s=60, what="the agent reaches the broker with the other password")
    run(host, *install("--role", "aggregator", *SECRET)[1:])


def test_one_run_at_a_time(host: BootedDebian) -> None:
    host.run("systemd-run", "--unit=another", "flock", "/run/coalmine-install.lock", "sleep", "600")
    try:
        agent = install(*AGENT_ARGUMENTS)
        host.until(
            lambda: "another install.sh is at work on this machine" in host.run(*agent, check=False),
            deadline_s=30,
            what="the other run is seen",
        )
        refused(host, 13, *agent)
        refused(host, 13, script(), "remove", "--purge")
    finally:
        host.run("systemctl", "stop", "another")
    assert host.show(AGENT, "ActiveState") == "active"


def test_a_second_run_changes_nothing_and_says_so(host: BootedDebian) -> None:
    before = host.run("sh", "-c", STAMPS)
    boots = [host.show(unit, "MainPID") for unit in installed.SERVICES]
    for arguments in (
        AGGREGATOR_ARGUMENTS,
        AGENT_ARGUMENTS,
        STATUS_PAGE_ARGUMENTS,
        ("--role", "agent"),
    ):
        said = run(host, *install(*arguments)[1:])
        assert said.splitlines()[-1].startswith("nothing to do: ")
    now = host.run("sh", "-c", STAMPS)
    assert set(without_folders(now)) ^ set(without_folders(before)) == set()
    assert [host.show(unit, "MainPID") for unit in installed.SERVICES] == boots


def without_folders(stamps: str) -> list[str]:
    """But for the folders in which a run stages a release."""
    staged = ("/opt/coalmine ", "/etc/coalmine ")
    return [line for line in stamps.splitlines() if not line.startswith(staged)]


def test_what_was_written_is_written_anew_and_what_was_edited_is_kept(host: BootedDebian) -> None:
    pid = host.show(AGENT, "MainPID")
    said = run(host, *install(*AGENT_ARGUMENTS, "--set", "zone=eu-west-1b")[1:])
    assert "restarted: coalmine-agent.service" in said
    assert host.show(AGENT, "MainPID") != pid
    assert "zone: eu-west-1b\n" in host.run("cat", "/etc/coalmine/agent.yaml")

    host.run("sed", "-i", "s/eu-west-1b/eu-west-1c/", "/etc/coalmine/agent.yaml")
    said = run(host, *install(*AGENT_ARGUMENTS)[1:])
    assert "somebody edited it, so it is kept" in said
    assert "zone: eu-west-1c\n" in host.run("cat", "/etc/coalmine/agent.yaml")


def test_a_configuration_of_a_newer_version_is_told(host: BootedDebian) -> None:
    kept = host.run("cat", "/etc/coalmine/agent.yaml")
    later = kept.replace(f"Coalmine {VERSION}", "Coalmine 99.0.0") + "later: {}\n"
    host.write("/etc/coalmine/agent.yaml", later, "640")
    said = refused(host, 11, *install("--role", "agent"))
    assert "/etc/coalmine/agent.yaml is of the newer version 99.0.0; " in said
    assert f"; Coalmine {VERSION} says of it:" in said
    assert "later: unknown key" in said
    assert host.show(AGENT, "ActiveState") == "active"
    host.write("/etc/coalmine/agent.yaml", kept, "640")


@pytest.mark.parametrize("broken", [NEVER_READY, DIES])
def test_a_broken_upgrade_is_rolled_back(host: BootedDebian, broken: str) -> None:
    """One whose store is migrated and whose aggregator is never ready, one whose agent dies."""
    began, before = time.perf_counter(), boots_known(host)
    assert before
    upgrade = (script(broken), "upgrade", *OFFLINE, "--wait", "15")
    said = refused(host, 12, *upgrade)
    print(f"upgrade to {broken} rolled back {time.perf_counter() - began:.1f} s after the command")
    assert "made to fail" in said
    assert f"rolled back: {VERSION} runs" in said
    assert version(host) == VERSION
    assert installed.schema(host) == NEWEST
    assert boots_known(host) >= before  # what was counted before is there
    assert host.run("ls", "/opt/coalmine").split() == [VERSION, "current", "release.pem"]
    for unit in installed.SERVICES:
        assert host.show(unit, "ActiveState") == "active"


def test_refused_upgrades_leave_the_running_version_alone(host: BootedDebian) -> None:
    pids = [host.show(unit, "MainPID") for unit in installed.SERVICES]
    for code, release in ((9, "bad-wheel"), (8, "bad-sums")):
        refused(host, code, script(), "upgrade", *OFFLINE, "--from", f"{RELEASES}/{release}")
    other = ("--from", f"{RELEASES}/bad-key", "--key", f"{RELEASES}/bad-key/{KEY}")
    refused(host, 7, script(), "upgrade", "--from", f"{RELEASES}/{NEXT}")  # no wheels, no network
    refused(host, 13, *install("--role", "agent", release=NEXT))
    assert "already" in run(host, "upgrade", *OFFLINE, *other)  # the key that is named counts
    assert [host.show(unit, "MainPID") for unit in installed.SERVICES] == pids
    assert version(host) == VERSION


def test_an_upgrade(host: BootedDebian) -> None:
    began = time.perf_counter()
    said = run(host, "upgrade", *OFFLINE, release=NEXT)
    print(f"upgraded in {time.perf_counter() - began:.1f} s")
    assert (
        f"the store as {VERSION} left it is copied: /var/lib/coalmine/history.db.of-{VERSION}" in said
    )
    assert version(host) == NEXT
    assert installed.schema(host) == LATER
    assert "nothing to do" in run(host, "upgrade", *OFFLINE, release=NEXT)
    assert f"older than {NEXT}" in refused(host, 13, script(VERSION), "upgrade", *OFFLINE)


def test_an_older_version_says_that_the_store_is_newer(host: BootedDebian) -> None:
    old = f"/opt/coalmine/{VERSION}/bin/coalmine"
    host.run("systemctl", "stop", AGGREGATOR)
    own = ("--owner=coalmine-aggregator", "--mode=400")
    host.run("install", "-D", *own, "/root/mqtt", "/run/secrets/coalmine.mqtt-password")
    said = host.fails(
        "runuser",
        "-u",
        "coalmine-aggregator",
        "--",
        "env",
        "CREDENTIALS_DIRECTORY=/run/secrets",
        old,
        "aggregator",
        "run",
        "/etc/coalmine/aggregator.yaml",
    )
    host.run("systemctl", "start", AGGREGATOR)
    assert f"a newer version of Coalmine wrote it (schema {LATER}, this one knows {NEWEST}" in said


def test_back_over_a_migration_takes_a_word(host: BootedDebian) -> None:
    own = "/opt/coalmine/current/share/coalmine/install/install.sh"
    said = refused(host, 14, own, "rollback")
    assert "With --restore-store it gets the copy of " in said
    assert version(host) == NEXT
    said = host.run(own, "rollback", "--restore-store", deadline_s=120)
    assert f"/var/lib/coalmine/history.db.of-{NEXT}" in said
    assert version(host) == VERSION
    assert installed.schema(host) == NEWEST
    said = host.run(own, "rollback", deadline_s=120)  # forward again: the store is migrated once more
    assert version(host) == NEXT
    assert installed.schema(host) == LATER
    host.run(own, "rollback", "--restore-store", deadline_s=120)


def test_what_was_cut_off_is_settled_by_the_next_run(host: BootedDebian) -> None:
    cut = 'timeout --signal=KILL "$1" "$2" upgrade --wheels "$3" >/dev/null 2>&1; true'
    host.run("rm", "-rf", f"/opt/coalmine/{NEXT}", "/opt/coalmine/previous")
    host.run("sh", "-c", cut, "sh", "3", script(NEXT), installed.WHEELS)
    assert host.succeeds("test", "-d", f"/opt/coalmine/{NEXT}")
    assert version(host) == VERSION

    # While the new version is waited for, the store being migrated.
    host.run("systemd-run", "--unit=cut", script(NEVER_READY), "upgrade", *OFFLINE)

    def migrated() -> bool:
        doing = host.run("cat", "/opt/coalmine/.doing", check=False)
        return "touched=yes" in doing and installed.schema(host) == LATER

    host.until(migrated, deadline_s=180, what="the store is migrated by the version that is broken")
    kill(host, "cut")
    said = run(host, "upgrade", *OFFLINE, release=NEXT)
    assert f"the change from {VERSION} to {NEVER_READY} was interrupted" in said
    assert f"removing a half-finished installation of {NEXT}" in said
    assert version(host) == NEXT
    assert installed.schema(host) == LATER
    assert not host.succeeds("test", "-e", "/opt/coalmine/.doing")


def test_removed_with_what_it_kept_for_another_time(host: BootedDebian, fresh: str) -> None:
    said = run(host, "remove")
    assert "kept: /etc/coalmine" in said
    left = sorted(set(files(host).splitlines()) - set(fresh.splitlines()))
    owned = ("/etc/coalmine", "/etc/credstore", "/var/lib/coalmine")
    assert [line for line in left if not line.startswith(owned)] == []
    assert host.run("systemctl", "list-unit-files", "coalmine*", "--no-legend", check=False) == ""
    said = refused(host, 14, *install("--role", "aggregator"))
    assert f"{VERSION} does not know the schema {LATER} of /var/lib/coalmine/history.db" in said
    run(host, *install("--role", "aggregator", release=NEXT)[1:])  # as it was: no word is needed
    assert installed.schema(host) == LATER


def test_an_agent_on_the_machine_of_a_carbon(host: BootedDebian, authority: Authority) -> None:
    """By the network: the release by https, what it depends on from an index of packages."""
    run(host, "remove", "--purge")
    udp = "s/^ENABLE_UDP_LISTENER = .*/ENABLE_UDP_LISTENER = True/"
    host.run("sed", "-i", udp, "/etc/carbon/carbon.conf")
    host.run("systemctl", "start", "carbon-cache")
    certificate = authority.issue("releases.example")
    host.write("/root/ca.pem", authority.ca_file.read_text())
    host.write("/root/releases.pem", certificate.both.read_text(), "600")
    host.run("sh", "-c", "echo 127.0.0.1 releases.example >>/etc/hosts")
    host.run("systemd-run", "--unit=releases", "python3", "-c", SERVE, "/root/releases.pem", RELEASES)
    key = f"{RELEASES}/{KEY}"
    trusting = ("env", "SSL_CERT_FILE=/root/ca.pem", "PIP_INDEX_URL=http://127.0.0.1:8001/")
    sums = f"{HTTPS}/{VERSION}/SHA256SUMS"
    host.until(
        lambda: host.succeeds(*trusting, "python3", "-c", installed.READ, sums),
        deadline_s=30,
        what="the releases",
    )
    host.run("python3", "-c", INDEX, installed.WHEELS, "/root/index")
    index = (
        "python3",
        "-m",
        "http.server",
        "--bind",
        "127.0.0.1",
        "--directory",
        "/root/index",
        "8001",
    )
    host.run("systemd-run", "--unit=index", *index)
    host.until(
        lambda: host.succeeds("python3", "-c", installed.READ, "http://127.0.0.1:8001/click/"),
        deadline_s=30,
        what="the index of packages",
    )
    agent = (
        *(script(), "install", "--role", "agent"),
        *("--from", f"{HTTPS}/{VERSION}", "--key", key, "--set", "region=eu-west-1"),
        *("--set", "service=ingest", "--set", "broker=mqtt://127.0.0.1:1883"),
    )
    assert "CERTIFICATE_VERIFY_FAILED" in refused(host, 7, *agent)  # by whom it does not trust
    plain = [each.replace("https://", "http://") for each in agent]
    assert "expected a folder or https://" in refused(host, 2, *plain)
    away = [each.replace(f"{HTTPS}/{VERSION}", f"{HTTPS}/9.9.9") for each in agent]
    said = refused(host, 7, *trusting, *away)
    assert f"or no such release: {HTTPS}/9.9.9/SHA256SUMS: File not found" in said
    began, cpu_s = time.perf_counter(), cpu_of_children_s()
    said = host.run(*trusting, *agent, deadline_s=300)
    print(said)
    assert (
        "carbon on this machine: tcp 127.0.0.1:2003, udp 127.0.0.1:2003, pickle 127.0.0.1:2004" in said
    )
    find = ("sh", "-c", "find /var/lib/graphite/whisper -name '*.wsp' | grep -c canary/")
    host.until(
        lambda: host.run(*find, check=False).strip() == "3",
        deadline_s=60,
        what="carbon wrote three series",
    )
    print(
        f"carbon has what was sent {time.perf_counter() - began:.1f} s after the command, "
        f"which took {cpu_of_children_s() - cpu_s:.1f} s of CPU"
    )
    print(f"it takes {host.run('du', '-sm', '/opt/coalmine').split()[0]} MiB")
    assert time.perf_counter() - began <= stretched(FIRST_DATAPOINT_S)
    host.run("systemctl", "stop", "carbon-cache", "releases", "index")
    host.run("sh", "-c", "find /var/lib/graphite/whisper -mindepth 1 -delete")


def test_removed_without_a_trace(host: BootedDebian, fresh: str) -> None:
    run(host, "remove", "--purge")
    assert files(host) == fresh
    assert "coalmine" not in host.run("cat", "/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow")
    assert host.run("systemctl", "list-units", "--failed", "--no-legend", "coalmine*") == ""
    assert "nothing to do" in run(host, "remove")
