"""The big switch where no aggregator answers: by whoever may write beside its store.

First the file, which certainly keeps an aggregator from withdrawing anybody, then a word to every place
where one may have said that a node is out. Not told, these go by their leases.
"""

from __future__ import annotations

import asyncio
from typing import Final, NamedTuple

from coalmine_aggregator.actuate.output import Output
from coalmine_aggregator.remediation_outputs import outputs_of
from coalmine_aggregator.settings import AggregatorSettings
from coalmine_runtime.mqtt import tls_context

CLEAR_S: Final = 20.0
"""For all outputs, which are told at the same time."""

MAX_TEXT: Final = 400


class Cleared(NamedTuple):
    """What became of one output; `wrong` is empty where all that it ever said is taken back."""

    name: str
    wrong: str


async def clear_all(settings: AggregatorSettings, patience_s: float = CLEAR_S) -> list[Cleared]:
    """Takes back what was ever said, of every output that the configuration names. Raises
    `SettingError` for certificates that are none."""
    # The embedded broker has ended with its aggregator, or is nobody else's to speak through.
    broker = settings.broker
    link = None if broker.url is None else broker.client(settings.fleet)
    outputs = outputs_of(settings, link, None if link is None else tls_context(link)).each
    return list(await asyncio.gather(*(_clear(each, patience_s) for each in outputs)))


async def _clear(output: Output, patience_s: float) -> Cleared:
    try:
        async with asyncio.timeout(patience_s):
            await output.clear()
    except Exception as error:
        # One that fails in a way of its own must not keep the others from being told.
        late = isinstance(error, TimeoutError) and not str(error)
        wrong = f"no answer in {patience_s:g} s" if late else str(error) or type(error).__name__
        return Cleared(output.name, wrong[:MAX_TEXT])
    return Cleared(output.name, "")
