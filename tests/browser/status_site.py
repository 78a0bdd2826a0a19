"""A public status page on a plain static host, at a time of its own."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from coalmine_aggregator.status.render import Rendered, render
from coalmine_aggregator.status.site import Site
from tests.aggregator.status import sites
from tests.browser.chromium import Tab
from tests.servers.static_host import StaticHost


class StatusSite:
    """`with` it: the site as files, served at `url`, without a slash at its end."""

    def __init__(self, folder: Path, site: Site) -> None:
        self._folder = folder
        self._rendered: Rendered | None = None
        self._written = 0
        self._host = StaticHost(folder, now=site.now + 1)
        self.url = self._host.url
        self.show(site)

    def show(self, site: Site) -> None:
        """Writes it anew."""
        self._rendered = render(site, self._rendered)
        sites.write(self._rendered, self._folder)
        # The host tells files apart by whole seconds.
        self._written += 1
        at = sites.NOW + self._written
        for name in self._rendered:
            os.utime(self._folder / name, (at, at))

    async def open(self, tab: Tab, path: str = "/") -> None:
        """Opens a page in a tab whose clock says that it is the time of the site."""
        await tab.page.clock.install(time=datetime.fromtimestamp(sites.NOW + 1, UTC))
        await tab.page.goto(f"{self.url}{path}")

    def __enter__(self) -> StatusSite:
        self._host.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._host.__exit__(kind, error, trace)
