"""blackbox_exporter scraped by Prometheus: one probe of each endpoint a second, as people set it up.

Debian packages prometheus and prometheus-blackbox-exporter. The probes do what the agent's attempts
do, as far as the exporter can: `tcp` connects and sends a line, `tls` does so over TLS with the
certificate verified, `https` posts the line and wants a 2xx. It has no probe that sends a datagram.
"""

from __future__ import annotations

import json
import signal
import subprocess
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from benchmarks.usage import busy_s, pin

PROTOCOLS = ("tcp", "tls", "https")
_LINE = "canary.ingest.external.eu-west-1.eu-west-1a.host.tcp 1 1763608320"


class BlackboxAndPrometheus:
    """Both processes on `core`, listening on the ports `at`.

    They probe 127.0.0.1 at `ports`: one endpoint for each, and the same port may be given again.
    """

    def __init__(
        self,
        folder: Path,
        protocol: str,
        ports: Sequence[int],
        *,
        ca_file: Path,
        core: int,
        at: tuple[int, int],
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        exporter_port, self._prometheus_port = at
        (folder / "blackbox.yml").write_text(_modules(ca_file))
        (folder / "prometheus.yml").write_text(_scrapes(protocol, ports, exporter_port))
        command = ["taskset", "-c", str(core)]
        self._processes = [
            subprocess.Popen(
                [*command, *arguments],
                stdout=subprocess.DEVNULL,
                stderr=(folder / f"{arguments[0]}.log").open("w"),
            )
            for arguments in (
                [
                    "prometheus-blackbox-exporter",
                    f"--config.file={folder / 'blackbox.yml'}",
                    f"--web.listen-address=127.0.0.1:{exporter_port}",
                ],
                [
                    "prometheus",
                    f"--config.file={folder / 'prometheus.yml'}",
                    f"--storage.tsdb.path={folder / 'data'}",
                    f"--web.listen-address=127.0.0.1:{self._prometheus_port}",
                ],
            )
        ]
        for process in self._processes:
            pin(process.pid, [core])

    def ready(self) -> bool:
        """Whether Prometheus answers."""
        return bool(self._ask("/-/ready"))

    def hold(self) -> None:
        """Stops both where they are, until `go_on`."""
        for process in self._processes:
            process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """After `hold`: the seconds that Prometheus waits before its first probe may be over."""
        for process in self._processes:
            process.send_signal(signal.SIGCONT)

    def succeeding(self) -> int:
        """How many endpoints' last probe succeeded."""
        answer = self._ask("/api/v1/query?query=sum(probe_success)")
        result = json.loads(answer)["data"]["result"] if answer else []
        return int(float(result[0]["value"][1])) if result else 0

    def busy_s(self) -> float:
        """Processor seconds of both so far."""
        return sum(busy_s(process.pid) for process in self._processes)

    def stop(self) -> None:
        """Ends both."""
        self.go_on()
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.wait(20)

    def _ask(self, path: str) -> bytes:
        url = f"http://127.0.0.1:{self._prometheus_port}{path}"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                content: bytes = answer.read()
                return content
        except OSError:
            return b""


def _modules(ca_file: Path) -> str:
    tls = {"ca_file": str(ca_file), "server_name": "localhost"}
    send = {"query_response": [{"send": _LINE}], "preferred_ip_protocol": "ip4"}
    return json.dumps(
        {
            "modules": {
                "tcp": {"prober": "tcp", "timeout": "1s", "tcp": send},
                "tls": {
                    "prober": "tcp",
                    "timeout": "1s",
                    "tcp": {**send, "tls": True, "tls_config": tls},
                },
                "https": {
                    "prober": "http",
                    "timeout": "1s",
                    "http": {
                        "method": "POST",
                        "body": f"{_LINE}\n",
                        "preferred_ip_protocol": "ip4",
                        "tls_config": tls,
                    },
                },
            }
        }
    )


def _scrapes(protocol: str, ports: Sequence[int], exporter: int) -> str:
    target = "https://127.0.0.1:{}/api/v1/sink?n={}" if protocol == "https" else "127.0.0.1:{}"
    return json.dumps(
        {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
            "scrape_configs": [
                {
                    "job_name": "probe",
                    "metrics_path": "/probe",
                    "params": {"module": [protocol]},
                    "static_configs": [
                        {"targets": [target.format(port, index)], "labels": {"endpoint": str(index)}}
                        for index, port in enumerate(ports)
                    ],
                    "relabel_configs": [
                        {"source_labels": ["__address__"], "target_label": "__param_target"},
                        {"source_labels": ["__param_target"], "target_label": "instance"},
                        {"target_label": "__address__", "replacement": f"127.0.0.1:{exporter}"},
                    ],
                }
            ],
        }
    )
