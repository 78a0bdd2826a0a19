"""carbon-c-relay, with the one rule that an adopter needs: configs/carbon-c-relay.conf."""

from __future__ import annotations

import re
import signal
from collections.abc import Sequence
from pathlib import Path

from coalmine_aggregator.demo.ports import free_port
from tests.servers.process import Process, executable

EXAMPLE = Path(__file__).parents[2] / "configs" / "carbon-c-relay.conf"

STARTS = 5


class CarbonCRelay(Process):
    """The relay on `host`:`port`, TCP and UDP; what is the canaries' goes to `aggregator` (host:port).

    `store` is where the customers' data goes. The configuration is the annotated example with its
    three addresses replaced, nothing else; with `certificate` (PEM, key and chain) it listens on
    `tls_port` besides. `prefix` is a command that runs it, as in a namespace.
    """

    def __init__(
        self,
        folder: Path,
        *,
        aggregator: str,
        store: str,
        host: str = "127.0.0.1",
        port: int = 0,
        certificate: Path | None = None,
        tls_port: int = 0,
        prefix: Sequence[str] = (),
    ) -> None:
        self.host = host
        self.port = port or free_port()
        self.tls_port = tls_port or free_port()
        folder.mkdir(parents=True, exist_ok=True)
        self.config = folder / "carbon-c-relay.conf"
        self._text = example_for(listen=f"{host}:{self.port}", aggregator=aggregator, store=store)
        self.show(certificate)
        argv = [*prefix, executable("carbon-c-relay", "carbon-c-relay"), "-f", str(self.config)]
        super().__init__(argv, log=folder / "carbon-c-relay.log")

    def show(self, certificate: Path | None) -> None:
        """The certificate of its TLS port from its next start on; None for no such port."""
        tls = ""
        if certificate is not None:
            kind = f"linemode transport plain ssl {certificate}"
            tls = f"\nlisten\n    type {kind}\n        {self.host}:{self.tls_port} proto tcp\n    ;\n"
        self.config.write_text(self._text + tls)

    async def start(self) -> None:
        """Started, and listening. Version 3.7 now and then crashes where clients are at its door before
        its workers are: it is started again then, as who runs it would."""
        for _ in range(STARTS - 1):
            try:
                return await self._start()
            except AssertionError:
                if self.returncode != -signal.SIGSEGV:
                    raise
        return await self._start()

    async def _start(self) -> None:
        already = len(self.text())
        await super().start()
        await self.until_logged("startup sequence complete", since=already)


def example_for(*, listen: str, aggregator: str, store: str) -> str:
    """The example's text with the addresses of a test in place of its own."""
    text = EXAMPLE.read_text()
    for pattern, address in (
        (r"0\.0\.0\.0:2003", listen),
        (r"coalmine\.example:2003", aggregator),
        (r"127\.0\.0\.1:2103", store),
    ):
        text, found = re.subn(pattern, address, text)
        if not found:
            raise AssertionError(f"{EXAMPLE} no longer says {pattern}")
    return text
