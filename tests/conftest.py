"""For every test: a certificate authority, and no blocking call on an event loop.

Warnings are errors, and each test has a deadline (pyproject.toml).
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import trustme

from tests.servers.disk import Disk

# How long an example takes says more of the machine than of the code: other jobs share it.
hypothesis.settings.register_profile(
    "shared", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("shared")

TIMED = (
    "tests/agent/node/test_node_health.py",
    "tests/agent/test_app.py",
    "tests/agent/test_control_agent.py",
    "tests/agent/test_reactor.py",
    "tests/agent/test_resolver.py",
    "tests/agent/test_runner.py",
    "tests/agent/test_senders_plain.py",
    "tests/agent/test_senders_secure.py",
    "tests/agent/test_withholding.py",
    "tests/aggregator/actuate/etcd/test_leases.py",
    "tests/aggregator/actuate/etcd/test_partition.py",
    "tests/aggregator/reading/test_readers.py",
    "tests/aggregator/store/test_full_disk.py",
    "tests/aggregator/store/test_trouble.py",
    "tests/browser/",
    "tests/demo/test_demo.py",
    "tests/demo/test_remediate.py",
    "tests/deploy/test_prometheus.py",
    "tests/e2e/",
    "tests/prove/test_fresh_debian.py",
    "tests/prove/test_ten_minutes.py",
)
"""Where every datapoint has its second to arrive in, or something must not be held up."""

LONG = ("tests/prove/test_ten_minutes.py", "tests/prove/test_install.py", "tests/prove/test_ansible.py")
"""These begin first, the longest before the others, so that what runs beside them ends with them."""

OF_A_SERVICE = (
    "CREDENTIALS_DIRECTORY",
    "JOURNAL_STREAM",
    "NOTIFY_SOCKET",
    "RUNTIME_DIRECTORY",
    "STATE_DIRECTORY",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
)
"""What systemd gives to a service. Where a service runs the tests, each process that they start would
take the same folders and the same socket for its own."""

for _name in OF_A_SERVICE:
    os.environ.pop(_name, None)

SHOWN = 6_000
"""Characters of why a test got another go."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Marks what is timed, before any choice is made by marks; puts the longest files first."""
    later: list[pytest.Item] = []
    first: dict[str, list[pytest.Item]] = {name: [] for name in LONG}
    for item in items:
        path = item.path.relative_to(config.rootpath).as_posix()
        if path.startswith(TIMED):
            item.add_marker("timed")
        first.get(path, later).append(item)
    items[:] = [item for of_file in first.values() for item in of_file] + later


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says why something got another go: it passed, and may yet be a fault."""
    for report in terminalreporter.stats.get("rerun", []):
        terminalreporter.write_sep("_", f"another go: {report.nodeid}")
        terminalreporter.write_line(report.longreprtext[-SHOWN:])


@dataclass(frozen=True, slots=True)
class Certificate:
    """A leaf certificate as files: `chain` (PEM), `key` (PEM), `both` (the two in one file)."""

    chain: Path
    key: Path
    both: Path


class Authority:
    """A certificate authority made for this run, and what it signs."""

    def __init__(self, folder: Path) -> None:
        self._ca = trustme.CA()
        self._folder = folder
        self._made = 0
        self.ca_file = folder / "ca.pem"
        self._ca.cert_pem.write_to_path(self.ca_file)

    def issue(
        self, *names: str, common_name: str | None = None, until: datetime | None = None
    ) -> Certificate:
        """A certificate for these host names and addresses, valid for years or `until` then."""
        self._made += 1
        stem = self._folder / f"leaf{self._made}"
        begin = None if until is None else until - timedelta(days=1)
        leaf = self._ca.issue_cert(*names, common_name=common_name, not_before=begin, not_after=until)
        made = Certificate(stem.with_suffix(".crt"), stem.with_suffix(".key"), stem.with_suffix(".pem"))
        for blob in leaf.cert_chain_pems:
            blob.write_to_path(made.chain, append=True)
        leaf.private_key_pem.write_to_path(made.key)
        leaf.private_key_and_cert_chain_pem.write_to_path(made.both)
        made.key.chmod(0o600)
        made.both.chmod(0o600)
        return made

    def server_context(self, *names: str) -> ssl.SSLContext:
        """For a server of ours under these names."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made = self.issue(*names)
        context.load_cert_chain(made.chain, made.key)
        return context

    def client_context(self) -> ssl.SSLContext:
        """Trusts this authority alone and verifies names."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(self.ca_file)
        return context


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The run's certificate authority."""
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="session")
def loopback(authority: Authority) -> Certificate:
    """A certificate for localhost, 127.0.0.1 and ::1."""
    return authority.issue("localhost", "127.0.0.1", "::1")


class BlockingCallError(AssertionError):
    """Something called on an event loop would hold it up."""


@pytest.fixture
def disk(request: pytest.FixtureRequest) -> Iterator[Disk]:
    """Small, and of its own: of 1 MiB, or of as many as the test is given indirectly."""
    try:
        with Disk(getattr(request, "param", 1)) as disk:
            yield disk
    except PermissionError as error:
        pytest.skip(f"needs to mount a file system: {error}")


@pytest.fixture(autouse=True)
def _nothing_blocks_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that waits for the clock, a resolver or a peer on a running loop fails the test."""

    def on_a_loop() -> bool:
        return asyncio._get_running_loop() is not None

    def guard(owner: Any, name: str, blocks: Callable[..., bool]) -> None:
        original = getattr(owner, name)

        def guarded(*args: Any, **keywords: Any) -> Any:
            if on_a_loop() and blocks(*args, **keywords):
                raise BlockingCallError(f"{name}() on an event loop")
            return original(*args, **keywords)

        monkeypatch.setattr(owner, name, guarded)

    def always(*_: Any, **__: Any) -> bool:
        return True

    def waits(sock: socket.socket, *_: Any, **__: Any) -> bool:
        return sock.gettimeout() != 0 and sock.type == socket.SOCK_STREAM

    def asks_a_server(host: Any, *_: Any, **__: Any) -> bool:
        return host not in (None, "") and not _is_address(host)

    guard(time, "sleep", lambda seconds: seconds > 0)
    guard(socket, "getaddrinfo", asks_a_server)
    guard(socket, "gethostbyname", always)
    for call in ("accept", "recv", "recv_into", "sendall"):
        guard(socket.socket, call, waits)


def _is_address(host: str | bytes) -> bool:
    text = host.decode() if isinstance(host, bytes) else host
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, text)
        except OSError:
            continue
        return True
    return False
