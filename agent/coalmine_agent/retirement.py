"""Takes an agent out of the roster on purpose: its host is gone for good, silence is not enough."""

from __future__ import annotations

import asyncio
import os

import uvloop

from coalmine_agent.loaded import Loaded
from coalmine_runtime import clock
from coalmine_runtime.daemon_threads import DaemonThreads
from coalmine_runtime.mqtt import BrokerError, Connection, connect
from coalmine_wire.reports import MAX_TEXT, Life, ReportError, State, decode_birth, encode
from coalmine_wire.slots import slot_of
from coalmine_wire.topics import Kind

RETAINED_S = 2.0
"""A broker hands out a retained message at once; without one by then there is none."""


def retire(loaded: Loaded, reason: str) -> None:
    """Publishes the retained state. Raises `BrokerError`."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_retire(loaded, reason))


async def _retire(loaded: Loaded, reason: str) -> None:
    asyncio.get_running_loop().set_default_executor(DaemonThreads())
    identity = loaded.identity
    client_id = f"{identity.id}-retire-{os.urandom(3).hex()}"
    async with connect(loaded.broker, client_id, context=loaded.broker_context) as connection:
        now = clock.wall()
        boot = await _last_boot(connection, identity.topic(Kind.BIRTH))
        if not boot:
            # The broker lets agents only write: a last birth, which promises nothing, gives the boot.
            boot = identity.boot
            birth = encode(identity.birth(1, slot_of(now), []))
            await connection.publish(identity.topic(Kind.BIRTH), birth, retain=True)
        state = State(identity.id, boot, Life.RETIRED, now, slot_of(now), reason[:MAX_TEXT])
        await connection.publish(identity.topic(Kind.STATE), encode(state), retain=True)


async def _last_boot(connection: Connection, topic: str) -> str:
    """The boot of the retained birth; empty where none can be read."""
    try:
        await connection.subscribe(topic)
        async with asyncio.timeout(RETAINED_S):
            async for message in connection.messages():
                if isinstance(message.payload, bytes):
                    return decode_birth(message.payload).boot
    except (TimeoutError, BrokerError, ReportError):
        pass
    return ""
