"""Prometheus' file of targets, from what etcd tells of who can be scraped.

The list that is there stays where etcd does not answer, tells of nobody, or may not have told all yet:
Prometheus takes an empty list at its word.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

import msgspec

from coalmine_aggregator.actuate.etcd.client import EtcdClient
from coalmine_aggregator.actuate.etcd.keys import metrics_folder
from coalmine_aggregator.actuate.etcd.metrics_target import target_groups
from coalmine_aggregator.actuate.etcd.whole_file import write_whole
from coalmine_runtime.logs import get_logger

EVERY_S: Final = 5.0

log = get_logger("etcd.file_sd")


class FileSd:
    """Keeps `path` as etcd has it."""

    def __init__(self, client: EtcdClient, prefix: str, path: Path) -> None:
        self._client = client
        self._prefix = prefix
        self._path = path
        self._written = b""
        self._trouble = ""

    async def run(self) -> None:
        """Until it is cancelled. No trouble ends it."""
        while True:
            try:
                await self.refresh()
            except (OSError, ValueError) as error:
                if not self._trouble:
                    log.warning("etcd.file_sd.kept", path=self._path, error=error)
                self._trouble = str(error)
            else:
                if self._trouble:
                    log.info("etcd.file_sd.again", path=self._path)
                self._trouble = ""
            await asyncio.sleep(EVERY_S)

    async def refresh(self) -> int:
        """Reads etcd, and writes the file if something changed; gives how many targets it has. Raises
        OSError or ValueError, and the file stays as it is."""
        found = await self._client.read(metrics_folder(self._prefix))
        groups = target_groups(self._prefix, found.kvs)
        if groups is None:
            raise ValueError(f"no aggregator says below {self._prefix}/metrics/ that its list is whole")
        text = msgspec.json.format(msgspec.json.encode(groups), indent=1) + b"\n"
        if text != self._written:
            await asyncio.to_thread(write_whole, self._path, text)
            self._written = text
            log.info("etcd.file_sd.written", path=self._path, targets=len(groups))
        return len(groups)
