"""`coalmine top`: the fleet in a terminal, live; one snapshot in plain lines where there is none.

Exit codes: 0 fine; 2 it could not be asked.
"""

from __future__ import annotations

import contextlib
import io
import sys
import threading
import time

import click

from coalmine_cli.asking import Aggregator, AskingError, NotThereError
from coalmine_cli.asking_options import asking
from coalmine_cli.grid import grid_of
from coalmine_cli.terminal import Terminal
from coalmine_cli.told_live import Snapshot
from coalmine_cli.top_picture import LOCATIONS, Looking, picture, plain
from coalmine_runtime import clock

FEED = "/api/v1/live"
RETRY_S = 2.0
REDRAW_S = 1.0


@click.command()
@asking("coalmine top")
def top(aggregator: Aggregator) -> None:
    """Watch sum rates, alerts and agents in this terminal."""
    with contextlib.closing(aggregator.events(FEED, Snapshot)) as snapshots:
        first = next(snapshots, None)
    if first is None:
        raise AskingError("the aggregator ended its feed at once; is it stopping?")
    if not sys.stdout.isatty():
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")
        print("\n".join(plain(first)))
        return
    with Terminal() as terminal:
        feed = _Feed(aggregator, first, terminal)
        threading.Thread(target=feed.run, name="feed", daemon=True).start()
        with contextlib.suppress(KeyboardInterrupt):
            _watch(terminal, feed)


class _Feed:
    """Follows the feed in a thread of its own, and takes it up again when it ends."""

    def __init__(self, aggregator: Aggregator, first: Snapshot, terminal: Terminal) -> None:
        self.newest = first
        self.came_at = clock.monotonic()
        self.trouble = ""
        self._aggregator = aggregator
        self._terminal = terminal

    def run(self) -> None:
        """Until the process ends."""
        while True:
            try:
                for snapshot in self._aggregator.events(FEED, Snapshot):
                    self.newest, self.came_at, self.trouble = snapshot, clock.monotonic(), ""
                    self._terminal.wake()
                self.trouble = "the feed has ended"
            except (AskingError, NotThereError) as error:
                self.trouble = str(error)
            self._terminal.wake()
            time.sleep(RETRY_S)


def _watch(terminal: Terminal, feed: _Feed) -> None:
    """Draws each snapshot, and obeys keys, until one of them is q."""
    location = skipped = 0
    while True:
        looking = Looking(LOCATIONS[location], skipped, clock.monotonic() - feed.came_at, feed.trouble)
        terminal.show(picture(feed.newest, *terminal.size, looking))
        for key in terminal.wait(REDRAW_S):
            if key == "q":
                return
            location = (location + {"left": -1, "right": 1}.get(key, 0)) % len(LOCATIONS)
            skipped += {"up": -1, "down": 1}.get(key, 0)
        rows = len(grid_of(feed.newest.cells, LOCATIONS[location]).rows)
        skipped = min(max(skipped, 0), max(0, rows - 1))
