"""The big switch as one aggregator has it: in memory at once, in its file as soon as that can be."""

from __future__ import annotations

import asyncio

from coalmine_aggregator.actuate.stop_file import UNREADABLE, Stop, StopFile


class Switch:
    """Pulled before a file is written, so that no disk can keep people from stopping it."""

    def __init__(self, file: StopFile) -> None:
        """Blocks."""
        self._file = file
        self._switching = asyncio.Lock()
        self._found = file.read()
        self._unwritten: Stop | None = None
        self._why = ""

    @property
    def stop(self) -> Stop | None:
        """Who stopped it here; None where nobody did."""
        return self._unwritten or self._found

    @property
    def unwritten(self) -> str:
        """Why the file does not have the stop, which a restart then forgets; empty where it has it."""
        return "" if self._unwritten is None else self._why

    def pull(self, stop: Stop) -> None:
        """Stops it in memory, whoever stopped it before; `keep` writes it."""
        self._unwritten, self._why = stop, "it is being written"

    async def keep(self) -> None:
        """Writes what is not in the file yet. Raises OSError, and stays stopped."""
        async with self._switching:
            await self._write()

    async def put_back(self) -> None:
        """Lets it go on. Raises OSError where the file is there and stays."""
        pulled = self._unwritten
        async with self._switching:
            await asyncio.to_thread(self._file.remove)
            self._found = None
            if self._unwritten is pulled:  # else it was pulled since, and that is the later word
                self._unwritten = None

    async def look(self) -> tuple[Stop | None, Stop | None]:
        """Goes on trying to write what is not in the file yet, or reads it: what it said before, and
        says now. Raises OSError, and stays stopped."""
        async with self._switching:
            if self._unwritten is not None:
                await self._write()
                return self._found, self._found
            before, found = self._found, await asyncio.to_thread(self._file.read)
            # An empty one says nothing that is not known better, as where only its name had room.
            if found != Stop(UNREADABLE, "") or before is None:
                self._found = found
            return before, self._found

    async def _write(self) -> None:
        stop = self._unwritten
        if stop is None:
            return
        try:
            await asyncio.to_thread(self._file.write, stop)
        except OSError as error:
            self._why = f"{self._file.path}: {error.strerror or error}"
            raise
        self._found = stop
        if self._unwritten is stop:  # else it was pulled again meanwhile
            self._unwritten = None
