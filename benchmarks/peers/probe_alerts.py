"""blackbox_exporter, Prometheus and an alert on its probes: what people set up to be paged by.

Debian packages prometheus and prometheus-blackbox-exporter. One TCP listener is probed, at each of some
paces: a Prometheus of its own scrapes and evaluates, and hands its alert to the Alertmanager that is
given. The alert carries the pace as the label `pace`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from coalmine_aggregator.demo.ports import free_port
from tests.servers.process import Process, executable

ALERT = "ProbeFails"


class Pace(NamedTuple):
    """How often is probed and evaluated, and how long a probe must fail, in Prometheus' words."""

    name: str
    every: str
    hold: str

    @property
    def words(self) -> str:
        """For people."""
        return f"every {self.every}, for {self.hold}"


FAST = Pace("fast", "1s", "5s")
USUAL = Pace("usual", "15s", "1m")


class ProbeAlerts:
    """One blackbox_exporter, and a Prometheus a pace; `target` and `alertmanager` are host:port."""

    def __init__(self, folder: Path, target: str, alertmanager: str, paces: Sequence[Pace]) -> None:
        folder.mkdir(parents=True)
        modules = folder / "blackbox.yml"
        probe = {"prober": "tcp", "timeout": "1s", "tcp": {"preferred_ip_protocol": "ip4"}}
        modules.write_text(json.dumps({"modules": {"tcp": probe}}))
        self._exporter_port = free_port()
        program = "prometheus-blackbox-exporter"
        argv = [
            executable(program, program),
            f"--config.file={modules}",
            f"--web.listen-address=127.0.0.1:{self._exporter_port}",
        ]
        self._exporter = Process(argv, log=folder / "exporter.log")
        self._servers: dict[int, Process] = {}
        for pace in paces:
            port, own = free_port(), folder / pace.name
            own.mkdir()
            (own / "rules.yml").write_text(json.dumps(_rules(pace)))
            (own / "prometheus.yml").write_text(
                json.dumps(_config(pace, own, target, alertmanager, self._exporter_port))
            )
            argv = [
                executable("prometheus", "prometheus"),
                f"--config.file={own / 'prometheus.yml'}",
                f"--storage.tsdb.path={own / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ]
            self._servers[port] = Process(argv, log=own / "prometheus.log")

    async def start(self) -> None:
        """Started; they answer."""
        await self._exporter.start()
        for server in self._servers.values():
            await server.start()
        await self._exporter.until_listening(self._exporter_port)
        for port, server in self._servers.items():
            await server.until_listening(port)

    async def kill(self) -> None:
        """Ends what was started."""
        for process in (*self._servers.values(), self._exporter):
            if process.running:
                await process.kill()


def _rules(pace: Pace) -> dict[str, Any]:
    rule = {"alert": ALERT, "expr": "probe_success == 0", "for": pace.hold}
    return {"groups": [{"name": "probes", "rules": [{**rule, "labels": {"pace": pace.name}}]}]}


def _config(
    pace: Pace, folder: Path, target: str, alertmanager: str, exporter_port: int
) -> dict[str, Any]:
    return {
        "global": {
            "scrape_interval": pace.every,
            "scrape_timeout": "1s",
            "evaluation_interval": pace.every,
        },
        "rule_files": [str(folder / "rules.yml")],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]},
        "scrape_configs": [
            {
                "job_name": "probe",
                "metrics_path": "/probe",
                "params": {"module": ["tcp"], "target": [target]},
                "static_configs": [{"targets": [f"127.0.0.1:{exporter_port}"]}],
            }
        ],
    }
