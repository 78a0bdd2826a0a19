"""Calls that block, on a thread of their own, one after the other."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Errands(Generic[T]):
    """One thread at a time, `spacing_s` from the end of a call to the next one.

    A call cannot be ended from outside: one that takes too long is left to run, nothing else begins
    before it is through, and it does not hold up the end of the process.
    """

    def __init__(self, name: str, spacing_s: float) -> None:
        self._name = name
        self._spacing_s = spacing_s
        self._not_before = 0.0  # on the loop's clock
        self._turn = asyncio.Lock()
        self._running: tuple[str, asyncio.Future[T]] | None = None

    async def run(self, key: str, errand: Callable[[], T], timeout_s: float) -> T:
        """What `errand` returns; it must not raise. TimeoutError where it takes longer.

        Asked again under the same key, it gives what the call that took too long came to.
        """
        async with self._turn:
            if self._running is not None:
                before, result = self._running
                await self._wait(result, timeout_s)
                if before == key:
                    return result.result()
            loop = asyncio.get_running_loop()
            await asyncio.sleep(max(0.0, self._not_before - loop.time()))
            result = loop.create_future()

            def tell(value: T) -> None:
                if not result.done():
                    result.set_result(value)

            def work() -> None:
                value = errand()
                try:
                    loop.call_soon_threadsafe(tell, value)
                except RuntimeError:  # the loop is closed, nobody waits any more
                    pass

            threading.Thread(target=work, name=self._name, daemon=True).start()
            self._running = (key, result)
            await self._wait(result, timeout_s)
            return result.result()

    async def _wait(self, result: asyncio.Future[T], timeout_s: float) -> None:
        """Until it is through."""
        done, _ = await asyncio.wait([result], timeout=timeout_s)
        if not done:
            raise TimeoutError
        self._running = None
        self._not_before = asyncio.get_running_loop().time() + self._spacing_s
