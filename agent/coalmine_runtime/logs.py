"""Log lines: a dotted event and its fields, as `key=value` or as JSON, on standard error.

`2026-11-20T03:12:00.123Z warning agent.slot.missed slot=1763608320 missed=2`

Where standard error is the journal's, each line starts with its priority, `<4>`, which the journal
takes off again, and `key=value` lines leave the time to it.
"""

from __future__ import annotations

import datetime
import json
import logging
import math
import os
import sys
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from coalmine_runtime.printable import printable, printable_json, quoted

_MAX_VALUE = 500
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.:/+%@,*[]()<>")
_PRIORITY = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}


class Format(StrEnum):
    """How lines are written."""

    TEXT = "text"
    JSON = "json"


class Log:
    """A named logger whose calls take an event and fields."""

    __slots__ = ("_logger",)

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(f"coalmine.{name}")

    def debug(self, event: str, **fields: object) -> None:
        """For whoever debugs Coalmine itself."""
        self._log(logging.DEBUG, event, fields)

    def info(self, event: str, **fields: object) -> None:
        """What an operator wants to find later."""
        self._log(logging.INFO, event, fields)

    def warning(self, event: str, **fields: object) -> None:
        """Something is not as it should be, and goes on."""
        self._log(logging.WARNING, event, fields)

    def error(self, event: str, **fields: object) -> None:
        """Something was given up."""
        self._log(logging.ERROR, event, fields)

    def exception(self, event: str, error: BaseException, **fields: object) -> None:
        """A fault of our own, with its traceback."""
        if self._logger.isEnabledFor(logging.ERROR):
            info = (type(error), error, error.__traceback__)
            self._logger.error(event, exc_info=info, extra={"fields": fields})

    def _log(self, level: int, event: str, fields: Mapping[str, object]) -> None:
        if self._logger.isEnabledFor(level):
            self._logger.log(level, event, extra={"fields": fields})


def get_logger(name: str) -> Log:
    """The logger of a part, for example `agent`."""
    return Log(name)


def set_up(format_: Format = Format.TEXT, level: str = "info") -> None:
    """Sends every log line of the process to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    journal = _to_journal()
    formatter: logging.Formatter = _Json() if format_ is Format.JSON else _Text(timed=not journal)
    handler.setFormatter(_Prioritised(formatter) if journal else formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("coalmine").setLevel(level.upper())


def _to_journal() -> bool:
    """Whether standard error is the journal's. A child that writes elsewhere has the variable too, so
    it names the stream; see systemd.exec(5)."""
    try:
        stream = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):  # closed, or no file at all
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{stream.st_dev}:{stream.st_ino}"


def _time(record: logging.LogRecord) -> str:
    moment = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _value(value: object) -> str:
    text = f"{value:.6g}" if isinstance(value, float) and abs(value) < 1e6 else str(value)
    if len(text) > _MAX_VALUE:
        text = f"{text[:_MAX_VALUE]}..."
    # Quoting keeps control characters and forged fields out of the line.
    return text if text and _PLAIN.issuperset(text) else quoted(text)


class _Prioritised(logging.Formatter):
    """Puts the priority before every line: the journal makes an entry of each."""

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        priority = f"<{_PRIORITY.get(record.levelname.lower(), 6)}>"
        return priority + self._inner.format(record).replace("\n", f"\n{priority}")


class _Text(logging.Formatter):
    def __init__(self, *, timed: bool) -> None:
        super().__init__()
        self._timed = timed

    def format(self, record: logging.LogRecord) -> str:
        level = record.levelname.lower()
        fields: Mapping[str, Any] = getattr(record, "fields", {})
        start = f"{_time(record)} " if self._timed else ""
        message = record.getMessage()
        if not record.name.startswith("coalmine"):
            message = f"{record.name} message={_value(message)}"
        line = " ".join(
            [f"{start}{level}", message, *(f"{key}={_value(fields[key])}" for key in fields)]
        )
        if record.exc_info:
            trace = self.formatException(record.exc_info).split("\n")
            line = "\n".join([line, *map(printable, trace)])
        return line


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, object] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
            **{key: _jsonable(value) for key, value in getattr(record, "fields", {}).items()},
        }
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return printable_json(json.dumps(entry, ensure_ascii=False))


def _jsonable(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, int | float | bool | None) else str(value)[:_MAX_VALUE]
