"""A name server of a test: answers A queries for what it is told, or not at all."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator
from typing import cast

REFUSED = 5


class NameServer(asyncio.DatagramProtocol):
    """`addresses` answers every name with them, `silent` not at all, `code` with an error."""

    def __init__(self) -> None:
        self.addresses: list[str] = []
        self.ttl_s = 0
        self.silent = False
        self.code = 0
        self.asked: asyncio.Queue[bytes] = asyncio.Queue()
        self.port = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: object) -> None:
        self.asked.put_nowait(data)
        if self.silent:
            return
        end = data.index(b"\0", 12) + 5
        (kind,) = struct.unpack(">H", data[end - 4 : end - 2])
        answers = self.addresses if kind == 1 and not self.code else []  # 1: A
        flags = 0x8180 | self.code
        head = data[:2] + struct.pack(">HHHHH", flags, 1, len(answers), 0, 0)
        records = b"".join(
            b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, self.ttl_s, 4) + bytes(map(int, text.split(".")))
            for text in answers
        )
        self._transport.sendto(head + data[12:end] + records, addr)  # type: ignore[arg-type]


@contextlib.asynccontextmanager
async def name_server() -> AsyncIterator[NameServer]:
    """Listens on 127.0.0.1."""
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(NameServer, local_addr=("127.0.0.1", 0))
    try:
        yield server
    finally:
        transport.close()
