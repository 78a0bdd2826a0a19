"""Asks an aggregator's API over HTTP, and says in one line why there is no answer."""

from __future__ import annotations

import contextlib
import http.client
import ssl
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import msgspec

from coalmine_cli.told import Problem
from coalmine_cli.told_duty import Me
from coalmine_runtime.printable import printable, printable_json
from coalmine_runtime.quantities import Address
from coalmine_runtime.secret import Secret
from coalmine_runtime.url import split_url
from coalmine_wire.bad_json import BAD_JSON

TIMEOUT_S = 10.0
MAX_BODY = 32 << 20
"""Bytes of one answer."""

_PORTS = {"http": 80, "https": 443}
_UNAUTHORIZED = 401
_MAX_TOKEN = 4096
_DATA = b"data: "

T = TypeVar("T")


class AskingError(Exception):
    """There is no answer, or none that can be used; says why, and what to do."""


class RefusedError(AskingError):
    """The aggregator, or what stands before it, answered that this may not be done."""


class NotThereError(Exception):
    """The aggregator answered, and what was asked for is not there."""


class Aggregator:
    """One aggregator. Raises `AskingError` for what cannot be its address or may not be sent there."""

    def __init__(self, url: str, token: Secret | None = None, ca_file: Path | None = None) -> None:
        try:
            parts = split_url(url, schemes=_PORTS, example="https://coalmine.example:8443")
        except ValueError as error:
            raise AskingError(f"--url: {error}") from None
        if parts.query:
            raise AskingError("--url: expected an address without a question mark")
        self._url = url.rstrip("/")
        self._path = parts.path.rstrip("/")
        self._host, self._port = parts.host, parts.port or _PORTS[parts.scheme]
        self._headers = {"Connection": "close"}
        self._context: ssl.SSLContext | None = None
        if parts.scheme == "https":
            self._context = _trusting(ca_file)
        elif token is not None and not Address(self._host, self._port).loopback:
            raise AskingError(f"{self._url} would carry the token unencrypted; take https://")
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token.reveal()}"
        self._has_token = token is not None

    def ask(self, path: str, kind: type[T]) -> tuple[T, str]:
        """The answer to GET `path`, and its JSON as a terminal may have it. Raises `AskingError`,
        `NotThereError`."""
        with self._asked(path, "application/json") as response:
            body = self._body(response)
            if response.status == http.client.OK:
                return self._decoded(body, kind), printable_json(body.decode(errors="replace"))
            raise self._refusal(path, response.status, body)

    def read(self, path: str, content_type: str) -> bytes:
        """What GET `path` gives, which is of that type. Raises as `ask`."""
        with self._asked(path, content_type) as response:
            body = self._body(response)
            if response.status != http.client.OK:
                raise self._refusal(path, response.status, body)
            if response.headers.get_content_type() != content_type:
                raise self._stranger("its answer is not one of Coalmine's")
            return body

    def send(self, path: str, given: Mapping[str, object], kind: type[T]) -> tuple[T, str]:
        """The answer to POST `path` of an object, as `ask` has it. Raises as `ask`."""
        headers = {"Content-Type": "application/json"}
        if not self._has_token:
            # Without a token we are let in as a browser is, which must prove that it was meant to.
            headers["X-Coalmine-CSRF"] = self.ask("/api/v1/me", Me)[0].csrf
        with self._asked(path, "application/json", msgspec.json.encode(given), headers) as response:
            body = self._body(response)
            if response.status in (http.client.OK, http.client.CREATED):
                return self._decoded(body, kind), printable_json(body.decode(errors="replace"))
            raise self._refusal(path, response.status, body)

    def events(self, path: str, kind: type[T]) -> Generator[T, None, None]:
        """The server-sent events of GET `path`, one after the other until the aggregator ends them.
        Raises `AskingError`, `NotThereError`; also where nothing comes for `TIMEOUT_S`."""
        with self._asked(path, "text/event-stream") as response:
            if response.status != http.client.OK:
                raise self._refusal(path, response.status, self._body(response))
            while line := response.readline(MAX_BODY + 1):
                if len(line) > MAX_BODY:
                    raise self._too_long()
                if line.startswith(_DATA):
                    yield self._decoded(line[len(_DATA) :], kind)

    @contextlib.contextmanager
    def _asked(
        self, path: str, accept: str, sent: bytes | None = None, more: Mapping[str, str] | None = None
    ) -> Iterator[http.client.HTTPResponse]:
        """The response to GET `path`, or to POST where something is sent; what goes wrong with the
        connection is an `AskingError`."""
        if self._context is None:
            connection = http.client.HTTPConnection(self._host, self._port, timeout=TIMEOUT_S)
        else:
            connection = http.client.HTTPSConnection(
                self._host, self._port, timeout=TIMEOUT_S, context=self._context
            )
        try:
            headers = {**self._headers, "Accept": accept, **(more or {})}
            connection.request("GET" if sent is None else "POST", self._path + path, sent, headers)
            yield connection.getresponse()
        except TimeoutError:
            raise AskingError(f"{self._url}: no answer in {TIMEOUT_S:g} s") from None
        except ssl.SSLCertVerificationError as error:
            reason = error.verify_message or "it is not trusted"
            raise AskingError(f"{self._url}: its certificate: {reason}; see --ca-file") from None
        except ssl.SSLError as error:
            what = (error.reason or str(error)).replace("_", " ").lower()
            raise AskingError(f"{self._url}: TLS: {what}; is it http://?") from None
        except OSError as error:
            what = (error.strerror or str(error)).lower()
            raise AskingError(f"{self._url}: {what}; is the aggregator running there?") from None
        except http.client.HTTPException:
            raise self._stranger("it does not speak HTTP, or only with TLS") from None
        finally:
            connection.close()

    def _body(self, response: http.client.HTTPResponse) -> bytes:
        body = response.read(MAX_BODY + 1)
        if len(body) > MAX_BODY:
            raise self._too_long()
        return body

    def _decoded(self, body: bytes, kind: type[T]) -> T:
        try:
            return msgspec.json.decode(body, type=kind)
        except BAD_JSON:
            raise self._stranger("its answer is not one of Coalmine's") from None

    def _refusal(self, path: str, status: int, body: bytes) -> Exception:
        problem = _problem(body)
        is_refused = status < http.client.INTERNAL_SERVER_ERROR and status != http.client.NOT_FOUND
        kind = RefusedError if is_refused else AskingError
        if status == _UNAUTHORIZED:
            what = "refuses the token" if self._has_token else "wants a token"
            return kind(f"{self._url} {what}; give one with --token-file or COALMINE_TOKEN")
        if problem is None:
            return kind(self._strange(f"it answers {status}"))
        detail, hint = printable(problem.detail), printable(problem.hint)
        if problem.type.startswith("urn:coalmine:problem:no-such-"):
            return NotThereError(detail)
        if status == http.client.NOT_FOUND and problem.type.endswith(":not-found"):
            return AskingError(f"{self._url} is an older Coalmine: it does not know {path}")
        said = f"{detail.removesuffix('.')}; {hint}" if hint else detail
        return kind(f"{self._url} answers {status}: {said}")

    def _too_long(self) -> AskingError:
        return self._stranger(f"its answer is longer than {MAX_BODY >> 20} MiB")

    def _stranger(self, what: str) -> AskingError:
        return AskingError(self._strange(what))

    def _strange(self, what: str) -> str:
        return f"{self._url} seems to be no Coalmine aggregator: {what}"


def read_token(text: str | None, file: Path | None) -> Secret | None:
    """The token from a file, or else as it is given; None without either. Raises `AskingError`."""
    if file is not None:
        try:
            with file.open("rb") as opened:
                text = opened.read(_MAX_TOKEN + 1).decode()
        except OSError as error:
            raise AskingError(f"--token-file: {file}: {error.strerror or error}") from None
        except UnicodeDecodeError:
            raise AskingError(f"--token-file: {file}: no text") from None
    if text is None:
        return None
    token = text.strip()
    if not token or len(token) > _MAX_TOKEN or not all("!" <= c <= "~" for c in token):
        where = "COALMINE_TOKEN" if file is None else str(file)
        raise AskingError(f"{where} holds no token: expected one line of printable ASCII")
    return Secret(token)


def _trusting(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # among them ssl.SSLError, for what is no certificate
        what = "no certificate in it" if isinstance(error, ssl.SSLError) else error.strerror or error
        raise AskingError(f"--ca-file: {ca_file}: {what}") from None


def _problem(body: bytes) -> Problem | None:
    try:
        problem = msgspec.json.decode(body, type=Problem)
    except BAD_JSON:
        return None
    return problem if problem.type else None
