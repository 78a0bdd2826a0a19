"""The frame of every benchmark: its options, its figures, how they are printed and judged.

    def run(options: Options) -> Report: ...
    if __name__ == "__main__":
        sys.exit(main("what is measured", run))

`--quick` must end within 50 s, `--json` prints one object on the last line and nothing else, `--check`
exits 1 if a figure falls short of its bound. A benchmark's own progress goes to standard error (`say`).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the command line asked for."""

    quick: bool = False
    json: bool = False
    check: bool = False


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One number, with the bound that it has to keep, if any. A measured peer's number has none."""

    name: str
    value: float
    unit: str
    at_most: float | None = None
    at_least: float | None = None

    @property
    def falls_short(self) -> bool:
        """Whether a bound is broken. A number that is none (NaN) breaks every bound."""
        above = self.at_most is not None and not self.value <= self.at_most
        below = self.at_least is not None and not self.value >= self.at_least
        return above or below

    @property
    def bound(self) -> str:
        """The bound in words; empty where there is none."""
        if self.at_most is not None:
            return f"<= {_number(self.at_most)}"
        return f">= {_number(self.at_least)}" if self.at_least is not None else ""


@dataclass(kw_only=True)
class Report:
    """The figures of one run, in the order in which they are read, and what to know beside them."""

    figures: list[Figure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(
        self,
        name: str,
        value: float,
        unit: str,
        *,
        at_most: float | None = None,
        at_least: float | None = None,
    ) -> None:
        """Adds a figure."""
        self.figures.append(
            Figure(name=name, value=value, unit=unit, at_most=at_most, at_least=at_least)
        )

    def note(self, text: str) -> None:
        """Adds a sentence on how the figures came about."""
        self.notes.append(text)

    @property
    def short(self) -> list[Figure]:
        """The figures that break their bounds."""
        return [figure for figure in self.figures if figure.falls_short]


def main(title: str, run: Callable[[Options], Report], argv: Sequence[str] | None = None) -> int:
    """Parses the options, runs, prints; returns the exit code."""
    parser = argparse.ArgumentParser(description=title)
    parser.add_argument("--quick", action="store_true", help="end within 50 s")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--check", action="store_true", help="exit 1 if a figure falls short")
    options = Options(**vars(parser.parse_args(argv)))
    report = run(options)
    print(_as_json(title, options, report) if options.json else _as_table(title, options, report))
    return 1 if options.check and report.short else 0


def say(text: str) -> None:
    """Progress, on standard error."""
    print(text, file=sys.stderr, flush=True)


def machine() -> str:
    """The machine in one line: processor, cores, kernel, Python."""
    model = platform.processor() or "unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    python = platform.python_version()
    return f"{model}, {os.cpu_count()} cores, Linux {platform.release()}, Python {python}"


def _number(value: float) -> str:
    if value != value:
        return "none"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 10 else f"{value:.1f}"


def _as_table(title: str, options: Options, report: Report) -> str:
    rows = [
        (
            figure.name,
            f"{_number(figure.value)} {figure.unit}".rstrip(),
            figure.bound,
            ("SHORT" if figure.falls_short else "ok") if figure.bound else "",
        )
        for figure in report.figures
    ]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(4)]
    lines = [f"{title}{' (quick)' if options.quick else ''}", machine()]
    lines += [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return "\n".join(lines + [f"note: {note}" for note in report.notes])


def _as_json(title: str, options: Options, report: Report) -> str:
    return json.dumps(
        {
            "title": title,
            "quick": options.quick,
            "machine": machine(),
            "ok": not report.short,
            "figures": [
                {
                    "name": figure.name,
                    "value": None if figure.value != figure.value else round(figure.value, 6),
                    "unit": figure.unit,
                    "bound": figure.bound,
                    "ok": not figure.falls_short,
                }
                for figure in report.figures
            ],
            "notes": report.notes,
        }
    )
