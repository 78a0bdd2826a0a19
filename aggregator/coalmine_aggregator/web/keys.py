"""What handlers find in the application, with its types."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from coalmine_aggregator.access.audit import Audit
from coalmine_aggregator.reading.readers import Readers
from coalmine_aggregator.web.exporting import Exports
from coalmine_aggregator.web.metrics import Metrics
from coalmine_aggregator.web.options import WebOptions
from coalmine_aggregator.web.pulse import Pulse
from coalmine_aggregator.web.view import View

VIEW = web.AppKey("view", View)
OPTIONS = web.AppKey("options", WebOptions)
AUDIT = web.AppKey("audit", Audit)
PULSE = web.AppKey("pulse", Pulse)
METRICS = web.AppKey("metrics", Metrics)
READERS = web.AppKey("readers", Readers)
"""Absent where no history is kept."""
EXPORTS = web.AppKey("exports", Exports)
NOW: web.AppKey[Callable[[], float]] = web.AppKey("now")
"""Reads the wall clock."""
BOOTTIME: web.AppKey[Callable[[], float]] = web.AppKey("boottime")
"""Reads a clock that never steps, and goes on while the machine is suspended."""
