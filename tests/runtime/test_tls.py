"""TLS contexts: verified ends meet, unreadable files are told by key."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme

from coalmine_runtime.settings import ConfigError, SettingError, loads
from coalmine_runtime.tls import (
    TlsClientSettings,
    TlsServerSettings,
    client_context,
    server_context,
)


def handshake(client: ssl.SSLContext, server: ssl.SSLContext, name: str) -> None:
    """Shakes hands in memory; raises ssl.SSLError where one end refuses."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    left = client.wrap_bio(to_client, to_server, server_hostname=name)
    right = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(5):
        for end in (left, right):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    left.write(b"x")
    assert right.read(1) == b"x"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    ca = trustme.CA()
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    for name in ("localhost", "client"):
        issued = ca.issue_cert(name)
        issued.private_key_pem.write_to_path(tmp_path / f"{name}.key")
        for part in issued.cert_chain_pems:
            part.write_to_path(tmp_path / f"{name}.pem", append=True)
    return tmp_path


def client(files: Path, *, shown: bool = False) -> ssl.SSLContext:
    return client_context(
        TlsClientSettings(
            ca_file=files / "ca.pem",
            certificate_file=files / "client.pem" if shown else None,
            private_key_file=files / "client.key" if shown else None,
        )
    )


def test_a_trusted_server_is_met(files: Path) -> None:
    server = server_context(
        TlsServerSettings(
            certificate_file=files / "localhost.pem", private_key_file=files / "localhost.key"
        )
    )
    handshake(client(files), server, "localhost")
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(client(files), server, "elsewhere.example")


def test_a_server_may_ask_for_the_clients_certificate(files: Path) -> None:
    server = server_context(
        TlsServerSettings(
            certificate_file=files / "localhost.pem",
            private_key_file=files / "localhost.key",
            client_ca_file=files / "ca.pem",
        )
    )
    handshake(client(files, shown=True), server, "localhost")
    with pytest.raises(ssl.SSLError):
        handshake(client(files), server, "localhost")


def test_certificate_and_key_must_belong_together(files: Path) -> None:
    with pytest.raises(SettingError, match="key values mismatch"):
        server_context(
            TlsServerSettings(
                certificate_file=files / "localhost.pem", private_key_file=files / "client.key"
            )
        )


def test_what_is_no_certificate_is_told(files: Path) -> None:
    (files / "junk").write_text("junk")
    with pytest.raises(SettingError, match="junk"):
        client_context(TlsClientSettings(ca_file=files / "junk"))


def test_unreadable_and_half_given_files_are_told_by_key() -> None:
    with pytest.raises(ConfigError, match=r"x:1: ca_file: /nope: No such file or directory"):
        loads(TlsClientSettings, "ca_file: /nope", {}, "x")
    with pytest.raises(ConfigError, match="private_key_file: certificate_file and private_key_file"):
        loads(TlsClientSettings, "certificate_file: /nope", {}, "x")
