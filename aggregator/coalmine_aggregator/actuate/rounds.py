"""An errand that is run again and again: in time, at once where something changed, later in trouble."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable

from coalmine_aggregator.notify.backoff import delay_s
from coalmine_aggregator.notify.receiver import GoneError, RefusedError, TryLaterError
from coalmine_runtime.logs import get_logger

MAX_STEPS = 4
"""The wait after trouble doubles so often, to 8 s: who is out, or in again, is urgent."""

MAX_ASKED_S = 30.0
"""Nor does the other side put it off for longer, whatever it asks for: some ask for hours."""

MAX_TROUBLE = 300
"""Characters of a sentence on what is wrong."""

TROUBLES = (TryLaterError, RefusedError, GoneError, OSError, TimeoutError, ValueError)
"""What an errand may raise."""

log = get_logger("actuate")


def patience_s(failures: int, asked_s: float | None = None) -> float:
    """Seconds until the next try after so many failures in a row (1 or more); `asked_s` is what the
    other side asked for."""
    asked = None if asked_s is None else min(asked_s, MAX_ASKED_S)
    return delay_s(min(failures, MAX_STEPS), random.random(), asked)  # noqa: S311


class Rounds:
    """Of one output. `trouble` is why the last round failed, empty where it did not. `rest_s` says how
    long a round may be the last."""

    def __init__(
        self, name: str, errand: Callable[[], Awaitable[None]], rest_s: Callable[[], float]
    ) -> None:
        self._name = name
        self._errand = errand
        self._rest_s = rest_s
        self._woken = asyncio.Event()
        self.trouble = ""

    def wake(self) -> None:
        """There is something new to do; in trouble that waits for the next try."""
        self._woken.set()

    async def run(self) -> None:
        """Until it is cancelled, one round after the other."""
        failures = 0
        while True:
            self._woken.clear()
            try:
                await self._errand()
            except TROUBLES as error:
                failures += 1
                self._failed(error)
                asked_s = error.after_s if isinstance(error, TryLaterError) else None
                await asyncio.sleep(patience_s(failures, asked_s))
                continue
            if failures:
                log.info("actuate.recovered", output=self._name, failures=failures)
            failures, self.trouble = 0, ""
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._rest_s()):
                    await self._woken.wait()

    def _failed(self, error: Exception) -> None:
        trouble = sentence(error)
        if trouble != self.trouble:
            log.warning("actuate.failed", output=self._name, error=trouble)
        self.trouble = trouble


def sentence(error: BaseException) -> str:
    """What is wrong, never empty, of bounded length."""
    return (str(error) or type(error).__name__)[:MAX_TROUBLE]
