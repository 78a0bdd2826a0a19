"""carbon-c-relay as an aggregator: it sums the canaries of each protocol and region every second."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType

from benchmarks.usage import cpu_s

# What an adopter would write to see sum rates with the relay alone. The whole line is parsed, the
# name matched, the value added to a bucket of its second: what our receiver, decoder and ledger do.
CONFIG = """
cluster sums file {sums} ;
aggregate ^canary\\.([^.]+)\\.([^.]+)\\.([^.]+)\\.[^.]+\\.[^.]+\\.(.+)$
    every 1 seconds
    expire after 6 seconds
    timestamp at end of bucket
    compute sum write to sums.\\1.\\2.\\3.\\4
    send to sums
    stop ;
match * send to blackhole stop ;
listen type linemode 127.0.0.1:{port} proto tcp ;
statistics submit every 60 seconds ;
"""


class RelayAggregation:
    """One process of it, with one worker, on a port of its own."""

    def __init__(self, folder: Path) -> None:
        found = shutil.which("carbon-c-relay")
        if found is None:
            raise SystemExit("carbon-c-relay is not installed: apt-get install carbon-c-relay")
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self.sums = folder / "sums"
        config = folder / "relay.conf"
        config.write_text(CONFIG.format(sums=self.sums, port=self.port))
        with (folder / "relay.log").open("wb") as log:
            self._process = subprocess.Popen(
                [found, "-w", "1", "-f", str(config)], stdout=log, stderr=log
            )
        deadline = time.perf_counter() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                break
            except OSError:
                if time.perf_counter() > deadline or self._process.poll() is not None:
                    raise SystemExit((folder / "relay.log").read_text()) from None
                time.sleep(0.05)

    @property
    def pid(self) -> int:
        return self._process.pid

    def cpu_s(self) -> float:
        """Processor seconds so far, all threads."""
        return cpu_s(self.pid)

    def summed(self) -> int:
        """The datapoints in the sums that it has written so far."""
        if not self.sums.exists():
            return 0
        lines = self.sums.read_text().splitlines()
        return round(sum(float(line.split()[1]) for line in lines if line.startswith("sums.")))

    def __enter__(self) -> RelayAggregation:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(10)
