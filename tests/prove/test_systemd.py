"""Agent, aggregator and status page as services of a real systemd, from a wheel to datapoints.

The tests build on each other, as the days of a host do: what one leaves running the next one finds.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from coalmine_runtime.version import VERSION
from tests.prove import installed
from tests.prove.booted_debian import BootedDebian, booted_debian
from tests.prove.built import built_wheel, needed_wheels
from tests.prove.installed import (
    AGENT,
    AGGREGATOR,
    COALMINE,
    PASSWORD,
    STATUS_PAGE,
    SYSTEMD,
    until_delivered,
)
from tests.prove.stalls import stretched

pytestmark = [pytest.mark.prove, pytest.mark.timeout(600)]

AGENT_START_S = 1.0
FIRST_DATAPOINT_S = 60.0
AGENT_RSS_MIB = 40.0

AGGREGATOR_CONFIG = """
services:
  ingest: {acceptable_loss: 0.1%}
receive:
  tcp: 127.0.0.1:2003
  udp: 127.0.0.1:2003
broker: {password_file: "${CREDENTIALS_DIRECTORY}/coalmine.mqtt-password"}
store: sqlite:////var/lib/coalmine/history.db
metrics: 127.0.0.1:9464
"""

AGENT_CONFIG = """
agent: {location: on-machine, region: eu-west-1, zone: eu-west-1a, host: first}
broker:
  url: mqtt://127.0.0.1:1883
  password_file: ${CREDENTIALS_DIRECTORY}/coalmine.mqtt-password
services:
  ingest:
    tcp: localhost:2003
    udp: 127.0.0.1:2003
metrics: 127.0.0.1:9105
"""

STATUS_PAGE_CONFIG = """
store: sqlite:////var/lib/coalmine/history.db
page: {name: Example}
components:
  - {id: ingest, name: Ingestion, service: ingest}
export: {to: /var/lib/coalmine-status/site, every: 10s}
"""

# Whatever Python runs with it holds up its loop for good when it is told to.
HOLD = "import signal, time\nsignal.signal(signal.SIGUSR1, lambda *_: time.sleep(600))\n"

# Starts a unit and waits for the first datapoint that the aggregator counts; tells how long each took.
MEASURE = r"""
import json, re, subprocess, sys, time, urllib.request
def counted():
    with urllib.request.urlopen("http://127.0.0.1:9464/metrics", timeout=5) as answer:
        text = answer.read().decode()
    found = re.findall(r"^coalmine_received_datapoints\{.*\} ([0-9.e+]+)$", text, re.MULTILINE)
    return sum(map(float, found))
began = time.monotonic()
subprocess.run(["systemctl", "start", sys.argv[1]], check=True)
started = time.monotonic()
while not counted():
    if time.monotonic() - started > 60:
        sys.exit("no datapoint within a minute")
    time.sleep(0.05)
print(json.dumps([started - began, time.monotonic() - began]))
"""


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BootedDebian]:
    """Everything installed, nothing configured."""
    folder = tmp_path_factory.mktemp("booted")
    with booted_debian(folder, {needed_wheels(): installed.WHEELS}) as debian:
        installed.install(debian, built_wheel(), VERSION)
        yield debian


def main_pid(host: BootedDebian, unit: str) -> int:
    return int(host.show(unit, "MainPID"))


def process_status(host: BootedDebian, unit: str) -> dict[str, str]:
    lines = host.run("cat", f"/proc/{main_pid(host, unit)}/status").splitlines()
    return {name: value.strip() for name, value in (line.split(":", 1) for line in lines)}


def until_active(host: BootedDebian, unit: str, pid: int) -> None:
    """Waits until it is active again as another process."""

    def renewed() -> bool:
        return main_pid(host, unit) not in (0, pid) and host.show(unit, "ActiveState") == "active"

    host.until(renewed, deadline_s=60, what=f"{unit} is active again")


def test_nothing_starts_that_is_not_configured(host: BootedDebian) -> None:
    for unit in installed.SERVICES:
        host.run("systemctl", "start", unit)
        assert host.show(unit, "ActiveState") == "inactive"
        assert host.show(unit, "ConditionResult") == "no"


def test_what_a_start_lacks_is_an_error_in_one_line(host: BootedDebian) -> None:
    installed.configure(host, AGENT, AGENT_CONFIG)
    host.fails("systemctl", "start", AGENT)
    host.run("systemctl", "stop", AGENT)
    (entry,) = host.journal(AGENT, "--identifier=coalmine-agent", "--lines=1")
    assert entry["PRIORITY"] == "3"
    assert entry["MESSAGE"].startswith("/etc/coalmine/agent.yaml:5: broker.password_file: ")
    assert entry["MESSAGE"].endswith("coalmine.mqtt-password: No such file or directory")


def test_from_start_to_the_first_datapoint(host: BootedDebian) -> None:
    host.write(f"/etc/credstore/{PASSWORD}", "correct horse battery staple\n", "600")
    installed.configure(host, AGGREGATOR, AGGREGATOR_CONFIG)
    host.run("systemctl", "stop", AGENT, AGGREGATOR)  # another go starts what the first one did
    began = time.perf_counter()
    host.run("systemctl", "start", AGGREGATOR)
    print(f"aggregator started in {time.perf_counter() - began:.2f} s")
    starts = []
    for _ in range(3):  # what else this machine does may hold one up
        agent_start_s, first_datapoint_s = json.loads(host.run("python3", "-c", MEASURE, AGENT))
        print(
            f"agent started in {agent_start_s:.2f} s, datapoint counted after {first_datapoint_s:.2f} s"
        )
        assert first_datapoint_s <= stretched(FIRST_DATAPOINT_S)
        starts.append(agent_start_s)
        if agent_start_s <= stretched(AGENT_START_S):
            break
        host.run("systemctl", "stop", AGENT)
    assert min(starts) <= stretched(AGENT_START_S)
    for unit in (AGENT, AGGREGATOR):
        assert host.show(unit, "ActiveState") == "active"
        assert host.show(unit, "NRestarts") == "0"
    assert host.show(AGENT, "StatusText") == "2 endpoints, revision 1"
    until_delivered(host, 2)


def test_they_have_little_of_the_host(host: BootedDebian) -> None:
    secret = f"/run/credentials/{AGENT}/{PASSWORD}"
    for unit, user in ((AGENT, "coalmine-agent"), (AGGREGATOR, "coalmine-aggregator")):
        status = process_status(host, unit)
        assert status["Uid"].split() == [host.run("id", "-u", user).strip()] * 4
        assert {status[key] for key in ("CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
        assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
        exposure = host.run("systemd-analyze", "security", "--no-pager", "--threshold=15", unit)
        print(exposure.splitlines()[-1])
        environment = host.run("cat", f"/proc/{main_pid(host, unit)}/environ")
        assert "correct horse" not in environment
    assert host.run("cat", secret) == "correct horse battery staple\n"
    host.fails("runuser", "-u", "coalmine-aggregator", "--", "cat", secret)
    host.fails("runuser", "-u", "coalmine-aggregator", "--", "cat", "/etc/coalmine/agent.yaml")
    host.run("runuser", "-u", "coalmine-agent", "--", "cat", "/etc/coalmine/agent.yaml")


def test_only_the_status_page_may_read_the_store_besides(host: BootedDebian) -> None:
    read = (
        "import sqlite3, sys; "
        "store = sqlite3.connect('file:/var/lib/coalmine/history.db?mode=ro', uri=True); "
        "print(store.execute('select count(*) from alembic_version').fetchone()[0])"
    )
    write = "open('/var/lib/coalmine/history.db', 'r+b')"
    assert host.run("runuser", "-u", "coalmine-status", "--", "python3", "-c", read) == "1\n"
    assert "Permission denied" in host.fails(
        "runuser", "-u", "coalmine-status", "--", "python3", "-c", write
    )
    host.fails("runuser", "-u", "coalmine-status", "--", "cat", "/etc/coalmine/aggregator.yaml")
    host.fails("runuser", "-u", "coalmine-agent", "--", "python3", "-c", read)


def test_the_agent_is_small(host: BootedDebian) -> None:
    rss_mib = int(process_status(host, AGENT)["VmRSS"].split()[0]) / 1024
    print(f"agent RSS {rss_mib:.1f} MiB")
    assert rss_mib <= AGENT_RSS_MIB


def test_the_journal_has_severity_and_name(host: BootedDebian) -> None:
    entries = host.journal(AGENT, "--identifier=coalmine-agent")
    started = [entry for entry in entries if " agent.started " in entry["MESSAGE"]]
    assert started
    assert started[-1]["PRIORITY"] == "6"
    assert started[-1]["_SYSTEMD_UNIT"] == AGENT
    assert started[-1]["MESSAGE"].startswith("info agent.started agent=first boot=")
    assert int(started[-1]["_PID"]) == main_pid(host, AGENT)


def test_a_reload_takes_the_changed_file_and_misses_no_slot(host: BootedDebian) -> None:
    pid = main_pid(host, AGENT)
    before = json.loads(installed.get(host, "http://127.0.0.1:9105/health"))
    changed = AGENT_CONFIG.replace("udp:", "tcp-second: 127.0.0.1:2003\n    udp:")
    installed.configure(host, AGENT, f"{changed}log: {{format: json}}\n")
    host.run("systemctl", "reload", AGENT)
    host.until(
        lambda: host.show(AGENT, "StatusText") == f"3 endpoints, revision {before['revision'] + 1}",
        deadline_s=10,
        what="the next revision",
    )
    until_delivered(host, 3)
    assert main_pid(host, AGENT) == pid
    health = json.loads(installed.get(host, "http://127.0.0.1:9105/health"))
    assert (health["slots_missed"], health["reload_error"]) == (before["slots_missed"], "")
    done = [
        entry
        for entry in host.journal(AGENT, "--identifier=coalmine-agent")
        if "agent.reload.done" in entry["MESSAGE"]
    ][-1]
    assert done["PRIORITY"] == "6"
    assert json.loads(done["MESSAGE"])["endpoints"] == 3


def test_a_reload_of_a_bad_file_fails_and_changes_nothing(host: BootedDebian) -> None:
    pid = main_pid(host, AGENT)
    installed.configure(host, AGENT, AGENT_CONFIG.replace("udp: 127.0.0.1:2003", "udp: 127.0.0.1"))
    host.fails("systemctl", "reload", AGENT)
    (entry,) = host.journal(AGENT, "--identifier=coalmine-agent", "--lines=1")
    assert entry["PRIORITY"] == "3"
    assert entry["MESSAGE"].startswith("/etc/coalmine/agent.yaml:9: services.ingest.udp: ")
    assert host.show(AGENT, "ActiveState") == "active"
    assert main_pid(host, AGENT) == pid
    until_delivered(host, 3)
    installed.configure(host, AGENT, AGENT_CONFIG)
    host.run("systemctl", "reload", AGENT)
    until_delivered(host, 2)


def test_a_loop_that_stands_still_is_started_anew_by_the_watchdog(host: BootedDebian) -> None:
    host.write("/opt/hold/sitecustomize.py", HOLD)
    for unit in (AGENT, AGGREGATOR):
        installed.drop_in(host, unit, "hold", "[Service]\nEnvironment=PYTHONPATH=/opt/hold\n")
        host.run("systemctl", "restart", unit)
    until_delivered(host, 2)
    boot = installed.agents(host)["first"]["boot"]
    pids = {unit: main_pid(host, unit) for unit in (AGENT, AGGREGATOR)}
    before = {unit: len(host.journal(unit)) for unit in pids}
    for unit in pids:
        host.run("systemctl", "kill", "--kill-whom=main", "--signal=SIGUSR1", unit)
    until_active(host, AGENT, pids[AGENT])
    stopped = main_pid(host, AGENT)  # as a whole, this time
    host.run("systemctl", "kill", "--kill-whom=main", "--signal=SIGSTOP", AGENT)
    until_active(host, AGENT, stopped)
    until_active(host, AGGREGATOR, pids[AGGREGATOR])
    for unit, restarts in ((AGENT, 2), (AGGREGATOR, 1)):
        assert host.show(unit, "NRestarts") == str(restarts)
        entries = host.journal(unit)[before[unit] :]
        told = [entry["MESSAGE"] for entry in entries]
        assert told.count(f"{unit}: Failed with result 'watchdog'.") == restarts
        assert sum("Watchdog timeout" in message for message in told) == restarts
        # Its last words say where it stood.
        trace = [entry for entry in entries if entry.get("_PID") == str(pids[unit])]
        last_words = [entry for entry in trace if "/opt/hold/sitecustomize.py" in entry["MESSAGE"]]
        assert [entry["PRIORITY"] for entry in last_words] == ["3"]
    until_delivered(host, 2)
    agent = installed.agents(host)["first"]
    assert agent["status"] == "alive"
    assert agent["boot"] != boot


def test_who_is_killed_is_started_anew_after_a_pause(host: BootedDebian) -> None:
    for unit, signal, told in (
        (AGENT, "KILL", "status=9/KILL"),
        (AGGREGATOR, "HUP", "Deactivated successfully"),  # to systemd a clean end
    ):
        pid = main_pid(host, unit)
        host.run("systemctl", "kill", "--kill-whom=main", f"--signal=SIG{signal}", unit)
        until_active(host, unit, pid)
        entries = host.journal(unit)
        ended = [each for each in entries if told in each["MESSAGE"]][-1]
        begun = [each for each in entries if each["MESSAGE"].startswith("Starting coalmine-")][-1]
        pause_s = (int(begun["__REALTIME_TIMESTAMP"]) - int(ended["__REALTIME_TIMESTAMP"])) / 1e6
        print(f"{unit} started again {pause_s:.1f} s after SIG{signal}")
        assert pause_s >= 1.9
    until_delivered(host, 2)


def test_what_cannot_start_is_tried_ever_more_rarely_and_heals_by_itself(host: BootedDebian) -> None:
    revive = f"coalmine-revive@{AGENT}.service"
    pause = "[Service]\nExecStartPre=\nExecStartPre=/usr/bin/sleep 6\n"
    installed.drop_in(host, "coalmine-revive@.service", "pause", pause)
    host.run("systemctl", "stop", AGENT)
    installed.configure(host, AGENT, "agent: {}\n")
    host.run("systemctl", "reset-failed", AGENT, check=False)
    host.fails("systemctl", "start", AGENT)

    def given_up() -> bool:
        return host.show(AGENT, "ActiveState") == "failed"

    host.until(given_up, deadline_s=60, what="the quick attempts are over")
    assert int(host.show(AGENT, "NRestarts")) == 5
    assert host.show(revive, "ActiveState") == "activating"
    host.run("systemctl", "stop", AGENT)  # who stops the service ends that too
    assert host.show(revive, "ActiveState") == "inactive"

    host.run("systemctl", "reset-failed", AGENT)
    host.fails("systemctl", "start", AGENT)
    host.until(lambda: host.show(revive, "ActiveState") == "activating", deadline_s=60, what="pause")
    installed.configure(host, AGENT, AGENT_CONFIG)
    until_active(host, AGENT, 0)
    until_delivered(host, 2)


def test_a_low_port_takes_a_drop_in(host: BootedDebian) -> None:
    low = AGGREGATOR_CONFIG.replace("tcp: 127.0.0.1:2003", "tcp: 127.0.0.1:203")
    installed.configure(host, AGGREGATOR, low)
    host.fails("systemctl", "restart", AGGREGATOR)
    message = host.messages(AGGREGATOR, "--identifier=coalmine-aggregator", "--lines=1")[0]
    assert "127.0.0.1:203: Permission denied" in message
    text = (SYSTEMD / "drop-ins" / "low-ports.conf").read_text()
    installed.drop_in(host, AGGREGATOR, "low-ports", text)
    host.run("systemctl", "restart", AGGREGATOR)
    installed.configure(host, AGENT, AGENT_CONFIG.replace("tcp: localhost:2003", "tcp: localhost:203"))
    host.run("systemctl", "reload", AGENT)
    until_delivered(host, 2)
    status = process_status(host, AGGREGATOR)
    assert status["CapEff"] == status["CapBnd"] == f"{1 << 10:016x}"
    exposure = host.run("systemd-analyze", "security", "--no-pager", "--threshold=16", AGGREGATOR)
    print(exposure.splitlines()[-1])


def test_the_status_page_reads_the_store_of_a_running_and_of_a_stopped_aggregator(
    host: BootedDebian,
) -> None:
    installed.configure(host, STATUS_PAGE, STATUS_PAGE_CONFIG)

    def until_shown() -> None:
        def shown() -> bool:
            return host.show(STATUS_PAGE, "StatusText") == "shows the newest state"

        host.until(shown, deadline_s=30, what="the status page shows something")
        assert "Ingestion" in installed.get(host, "http://127.0.0.1:8081/")

    host.run("systemctl", "start", STATUS_PAGE)
    until_shown()
    file = "/etc/coalmine/status-page.yaml"  # the aggregator asks it which incidents wait
    host.run("runuser", "-u", "coalmine-aggregator", "-g", "coalmine-store", "--", "cat", file)
    host.fails("runuser", "-u", "coalmine-agent", "--", "cat", file)
    status = process_status(host, STATUS_PAGE)
    assert (status["CapEff"], status["CapBnd"], status["Seccomp"]) == ("0" * 16, "0" * 16, "2")
    exported = ["test", "-s", "/var/lib/coalmine-status/site/index.html"]
    host.until(lambda: host.succeeds(*exported), deadline_s=30, what="a copy of the page")
    host.run("systemctl", "stop", AGGREGATOR)
    host.run("systemctl", "restart", STATUS_PAGE)
    until_shown()
    host.run("systemctl", "start", AGGREGATOR)
    until_delivered(host, 2)
    assert host.show(STATUS_PAGE, "NRestarts") == "0"


def test_a_stop_is_clean_and_told(host: BootedDebian) -> None:
    for unit, limit_s, last in (
        (AGENT, 3.0, "agent.stopped"),
        (STATUS_PAGE, 3.0, "status_page.stopping"),
        (AGGREGATOR, 10.0, "aggregator.stopping"),
    ):
        began = time.perf_counter()
        host.run("systemctl", "stop", unit)
        took_s = time.perf_counter() - began
        print(f"{unit} stopped in {took_s:.2f} s")
        assert took_s <= limit_s
        assert host.show(unit, "Result") == "success"
        assert host.show(unit, "ExecMainStatus") == "0"
        assert any(last in message for message in host.messages(unit, "--lines=8"))
        if unit == AGENT:
            host.until(
                lambda: installed.agents(host)["first"]["status"] == "goodbye",
                deadline_s=10,
                what="the aggregator has heard the goodbye",
            )


def test_after_a_reboot_they_are_back(host: BootedDebian) -> None:
    host.run("systemctl", "enable", *installed.SERVICES)
    host.reboot()  # waits until all that is enabled is active, and fails where something failed
    for unit in installed.SERVICES:
        assert host.show(unit, "ActiveState") == "active"
        assert host.show(unit, "NRestarts") == "0"
    until_delivered(host, 2)


def test_the_command_line_uses_the_same_credentials(host: BootedDebian) -> None:
    """As the documentation says it is done by hand."""
    said = host.run(COALMINE, "agent", "check", "/etc/coalmine/agent.yaml")
    assert said == "/etc/coalmine/agent.yaml: fine: agent first, 1 service, 2 endpoints\n"


def test_a_secret_may_be_encrypted_for_the_host(host: BootedDebian) -> None:
    plain, sealed = f"/etc/credstore/{PASSWORD}", f"/etc/credstore.encrypted/{PASSWORD}"
    host.run("mkdir", "--mode=700", "/etc/credstore.encrypted")
    host.run("systemd-creds", "encrypt", "--with-key=host", f"--name={PASSWORD}", plain, sealed)
    host.run("rm", plain)
    installed.drop_in(host, AGENT, "sealed", f"[Service]\nLoadCredentialEncrypted={PASSWORD}\n")
    host.run("systemctl", "restart", AGENT)
    until_delivered(host, 2)  # reports arrive: the broker took the password
