"""carbon of the Graphite project: its relay, which sends pickles on, and its cache."""

from __future__ import annotations

from pathlib import Path

from coalmine_aggregator.demo.ports import free_port
from tests.servers.process import Process, executable

RULES = Path(__file__).parents[2] / "configs" / "carbon-relay-rules.conf"


class CarbonRelay(Process):
    """carbon-relay: pickles on `pickle_port`, lines on `line_port`.

    By the rules of the annotated example the canaries' datapoints go to `aggregator` (host:port of a
    pickle receiver) and everything to `store` (host:port of a pickle receiver too).
    """

    def __init__(self, folder: Path, *, aggregator: str, store: str, host: str = "127.0.0.1") -> None:
        self.host = host
        self.line_port, self.pickle_port = free_port(), free_port()
        _settings(
            folder,
            "relay",
            LINE_RECEIVER_INTERFACE=host,
            LINE_RECEIVER_PORT=self.line_port,
            PICKLE_RECEIVER_INTERFACE=host,
            PICKLE_RECEIVER_PORT=self.pickle_port,
            RELAY_METHOD="rules",
            DESTINATIONS=f"{store}, {aggregator}",
            CARBON_METRIC_INTERVAL=0,
        )
        rules = RULES.read_text()
        for example, ours in (("coalmine.example:2004", aggregator), ("127.0.0.1:2104", store)):
            if example not in rules:
                raise AssertionError(f"{RULES} no longer says {example}")
            rules = rules.replace(example, ours)
        (folder / "relay-rules.conf").write_text(rules)
        super().__init__(_argv("carbon-relay", folder), log=folder / "carbon-relay.log", cwd=folder)

    async def start(self) -> None:
        """Started, and listening."""
        await super().start()
        await self.until_listening(self.pickle_port, self.host)
        await self.until_listening(self.line_port, self.host)


class CarbonCache(Process):
    """carbon-cache, the store behind a relay: `line_port`, `pickle_port`, files under `whisper`."""

    def __init__(self, folder: Path, *, host: str = "127.0.0.1") -> None:
        self.host = host
        self.line_port, self.pickle_port, self.query_port = free_port(), free_port(), free_port()
        self.whisper = folder / "whisper"
        _settings(
            folder,
            "cache",
            LINE_RECEIVER_INTERFACE=host,
            LINE_RECEIVER_PORT=self.line_port,
            PICKLE_RECEIVER_INTERFACE=host,
            PICKLE_RECEIVER_PORT=self.pickle_port,
            CACHE_QUERY_INTERFACE=host,
            CACHE_QUERY_PORT=self.query_port,
            MAX_CREATES_PER_MINUTE="inf",
            ENABLE_TAGS=False,
            CARBON_METRIC_INTERVAL=0,
        )
        super().__init__(_argv("carbon-cache", folder), log=folder / "carbon-cache.log", cwd=folder)

    async def start(self) -> None:
        """Started, and listening."""
        await super().start()
        await self.until_listening(self.pickle_port, self.host)

    def file_of(self, name: str) -> Path:
        """The whisper file of a series; it exists once the cache has written the first datapoint."""
        return self.whisper.joinpath(*name.split(".")).with_suffix(".wsp")


def _settings(folder: Path, section: str, **values: object) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    whole = {
        "STORAGE_DIR": folder,
        "LOCAL_DATA_DIR": folder / "whisper",
        "WHITELISTS_DIR": folder / "lists",
        "CONF_DIR": folder,
        "LOG_DIR": folder,
        "PID_DIR": folder,
        **values,
    }
    lines = [f"[{section}]", *(f"{key} = {value}" for key, value in whole.items()), ""]
    (folder / "carbon.conf").write_text("\n".join(lines))
    (folder / "storage-schemas.conf").write_text("[seconds]\npattern = .*\nretentions = 1s:10m\n")


def _argv(program: str, folder: Path) -> list[str]:
    return [
        executable(program, "graphite-carbon"),
        f"--config={folder / 'carbon.conf'}",
        f"--pidfile={folder / 'twistd.pid'}",
        "--nodaemon",
        "start",
    ]
