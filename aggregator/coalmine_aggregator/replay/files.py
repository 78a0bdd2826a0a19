"""Replays of scenario files: lines to standard output, differences to standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from coalmine_aggregator.replay.check import Difference, Outcome, differences
from coalmine_aggregator.replay.courses import Courses
from coalmine_aggregator.replay.lines import Line, alert_line, remediation_line, summary_line
from coalmine_aggregator.replay.nodes import NodeCourses
from coalmine_aggregator.replay.progress import Meter
from coalmine_aggregator.replay.reading import Loaded, read_scenario
from coalmine_aggregator.replay.simulation import Simulation
from coalmine_runtime import clock
from coalmine_runtime.config_error import ConfigError, Problem
from coalmine_runtime.printable import printable_json

Tell = Callable[[Line], None]
Watch = Callable[[int], None]


def read_all(paths: Iterable[Path], env: Mapping[str, str]) -> list[Loaded]:
    """Every file. Raises `ConfigError` with the problems of all of them."""
    loaded: list[Loaded] = []
    problems: list[Problem] = []
    for path in paths:
        try:
            loaded.append(read_scenario(path, env))
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)
    return loaded


def replay(loaded: Loaded, tell: Tell, watch: Watch) -> Outcome:
    """Runs one scenario; `tell` is given each line as it comes, `watch` each second of fleet time."""
    began = clock.monotonic()
    scenario = loaded.scenario
    simulation, courses, nodes = Simulation(scenario, loaded.fleet), Courses(), NodeCourses()
    second = -1
    for at, transitions, remediation in simulation.run():
        for transition in transitions:
            courses.take(transition, at)
            tell(alert_line(transition, at))
        for event in nodes.take(remediation.events):
            tell(remediation_line(event, at))
        if int(at) != second:
            second = int(at)
            watch(second)
    totals = simulation.totals
    outcome = Outcome(courses.all, totals.fates(), totals.balanced, nodes.became())
    tell(
        summary_line(
            scenario.name,
            slots=scenario.slots,
            fates=outcome.fates,
            balanced=outcome.balanced,
            pages=courses.pages,
            wall_s=clock.monotonic() - began,
        )
    )
    return outcome


def replay_files(loaded: Sequence[Loaded], *, check: bool) -> bool:
    """Replays files one after the other; with `check` says what differs. Whether nothing does."""
    fine = True
    for each in loaded:
        with Meter(each.scenario.name, each.scenario.slots) as meter:
            outcome = replay(each, print_line, meter.at)
        if check:
            for difference in differences(each.scenario.expect, outcome):
                fine = False
                print(_told(each, difference), file=sys.stderr, flush=True)  # noqa: T201
    return fine


def _told(loaded: Loaded, difference: Difference) -> str:
    if difference.alert is None:
        return f"{loaded.file}: {difference.what}"
    return f"{loaded.file}:{loaded.alert_lines[difference.alert]}: {difference.what}"


def print_line(line: Line) -> None:
    """To standard output, at once."""
    print(printable_json(json.dumps(line)), flush=True)  # noqa: T201
