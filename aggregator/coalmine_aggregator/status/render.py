"""The whole public site as documents. Pure.

One mapping serves a live server and a static host: its keys are file names, `index.html`,
`history/index.html`, `api/v2/summary.json`. Every link is relative and names a folder, `../history/`, so
that a copy works below any path.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from coalmine_aggregator.status.documents import Document
from coalmine_aggregator.status.site import Site


class Found(NamedTuple):
    """What a path names: a document, or where else to look, `location`, relative to that path."""

    document: Document | None
    location: str = ""


class Rendered(Mapping[str, Document]):
    """Every document of a site, by its file name; never changed once made."""

    def __init__(self, documents: Mapping[str, Document]) -> None:
        self._documents = documents

    def __getitem__(self, name: str) -> Document:
        return self._documents[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._documents)

    def __len__(self) -> int:
        return len(self._documents)

    def find(self, path: str) -> Found | None:
        """What the path of a URL names, `/`, `/history/`, `/api/v2/status.json`; None where there is
        nothing. `/history` is told to go to `history/`, as static hosts do."""
        name = path.removeprefix("/")
        if name == "" or name.endswith("/"):
            name += "index.html"
        document = self._documents.get(name)
        if document is not None:
            return Found(document)
        if f"{name}/index.html" in self._documents:
            return Found(None, f"{name.rpartition('/')[2]}/")
        return None


def render(site: Site, before: Rendered | None = None) -> Rendered:
    """The documents of a site; what did not change since `before` is taken from there."""
    raise NotImplementedError
