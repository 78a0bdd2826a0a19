"""TLS contexts for both ends, from settings."""

from __future__ import annotations

import dataclasses
import ssl
from pathlib import Path

from coalmine_runtime.quantities import is_host
from coalmine_runtime.settings import SettingError, setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class TlsClientSettings:
    """Whom a client trusts and how it shows itself. A server is always verified."""

    ca_file: Path | None = setting("Certificates to trust, PEM; the system's where absent", None)
    certificate_file: Path | None = setting("Client certificate with its chain, PEM", None)
    private_key_file: Path | None = setting("Private key of the client certificate, PEM", None)
    server_name: str = setting("Name to ask for and to verify; the address's host where absent", "")

    def __post_init__(self) -> None:
        if (self.certificate_file is None) != (self.private_key_file is None):
            missing = "certificate_file" if self.certificate_file is None else "private_key_file"
            raise SettingError(missing, "certificate_file and private_key_file go together")
        if self.server_name and (not is_host(self.server_name) or self.server_name.startswith(".")):
            raise SettingError("server_name", f'"{self.server_name}" is no host name')
        readable(self.ca_file, "ca_file")
        readable(self.certificate_file, "certificate_file")
        readable(self.private_key_file, "private_key_file")
        if self.ca_file is not None or self.certificate_file is not None:
            client_context(self)  # so that a file that is no certificate is told with its line


@dataclasses.dataclass(frozen=True, kw_only=True)
class TlsServerSettings:
    """The certificate that a listener shows, and whom it lets in by theirs."""

    certificate_file: Path = setting("Certificate with its chain, PEM")
    private_key_file: Path = setting("Its private key, PEM")
    client_ca_file: Path | None = setting("If given, clients must show a certificate of these", None)

    def __post_init__(self) -> None:
        readable(self.certificate_file, "certificate_file")
        readable(self.private_key_file, "private_key_file")
        readable(self.client_ca_file, "client_ca_file")
        server_context(self)


def client_context(settings: TlsClientSettings) -> ssl.SSLContext:
    """A verifying client context. Raises `SettingError` where a file is no certificate or key."""
    try:
        context = ssl.create_default_context(cafile=settings.ca_file)
    except ssl.SSLError as error:
        raise SettingError("ca_file", f"{settings.ca_file}: {_reason(error)}") from None
    if settings.certificate_file is not None:
        assert settings.private_key_file is not None
        load_chain(context, settings.certificate_file, settings.private_key_file)
    return context


def server_context(settings: TlsServerSettings) -> ssl.SSLContext:
    """A server context, TLS 1.2 or newer. Raises `SettingError` as `client_context` does."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    load_chain(context, settings.certificate_file, settings.private_key_file)
    if settings.client_ca_file is not None:
        try:
            context.load_verify_locations(settings.client_ca_file)
        except ssl.SSLError as error:
            what = f"{settings.client_ca_file}: {_reason(error)}"
            raise SettingError("client_ca_file", what) from None
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def load_chain(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    """Loads certificate and key, which must belong together. Raises `SettingError`."""
    try:
        # An empty password keeps OpenSSL from asking on the terminal for that of an encrypted key.
        context.load_cert_chain(certificate, key, password="")
    except ssl.SSLError as error:
        what = f"{certificate} and {key}: {_reason(error)}"
        raise SettingError("private_key_file", what) from None


def readable(path: Path | None, key: str) -> None:
    """Raises `SettingError` where a file is given and cannot be read."""
    if path is None:
        return
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        raise SettingError(key, f"{path}: {error.strerror or error}") from None


def _reason(error: ssl.SSLError) -> str:
    return (error.reason or str(error)).replace("_", " ").lower()
