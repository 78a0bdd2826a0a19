"""How a part of the demo, a process of its own, speaks with it: lines in, JSON out."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping


async def open_stdin() -> asyncio.StreamReader:
    """Standard input, to be read line by line."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


def answer(message: Mapping[str, object]) -> None:
    """One line on standard output, at once."""
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()
