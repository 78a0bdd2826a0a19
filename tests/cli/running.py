"""The command in a process of its own."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from tests.servers.waiting import within

Serve = Callable[..., Awaitable[str]]
"""Starts the application with these options, and gives its address."""


class Done(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


async def run(*words: str, stdin: str = "", **env: str) -> Done:
    """Runs `coalmine ...` in a process of its own, without a terminal; `stdin` is piped in."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "coalmine_cli.main",
        *words,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={name: value for name, value in os.environ.items() if "COALMINE" not in name} | env,
    )
    out, err = await within(process.communicate(stdin.encode()), 30)
    assert process.returncode is not None
    return Done(process.returncode, out.decode(), err.decode())
