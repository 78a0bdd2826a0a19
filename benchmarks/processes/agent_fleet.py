"""Many agents in one process, each with a configuration of its own: what `coalmine agent run` runs.

`python -m benchmarks.processes.agent_fleet CONFIG...` runs them on one event loop until its standard
input ends. They share the interpreter and nothing else, which makes dozens of them affordable on a
machine that has to run everything else, too.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import uvloop

from coalmine_agent.app import App
from coalmine_agent.loaded import load_agent
from coalmine_runtime import clock, logs


async def run(configs: Sequence[Path]) -> None:
    """Until the standard input ends; or raises what ended one of them."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), ended.set)
    apps = [
        App(path, {}, load_agent(path, {}, boot=os.urandom(6).hex(), started_at=clock.wall()))
        for path in configs
    ]
    running = [asyncio.create_task(app.run()) for app in apps]
    stopping = asyncio.create_task(ended.wait())
    done, _ = await asyncio.wait([stopping, *running], return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()


if __name__ == "__main__":
    logs.set_up(level="warning")
    uvloop.run(run([Path(name) for name in sys.argv[1:]]))
