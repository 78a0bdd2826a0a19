"""The whole public site as documents. Pure.

One mapping serves a live server and a static host: its keys are file names, `index.html`,
`history/index.html`, `api/v2/summary.json`. Every link is relative and names a folder, `../history/`,
so that a copy works below any path. Only `404.html`, which is shown for any path, names its links from
the root of the host: below the path of the page's URL, or below `/` where that is not known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from markupsafe import Markup

from coalmine_aggregator.status.assets import assets
from coalmine_aggregator.status.documents import (
    ATOM,
    CSS,
    HTML,
    JSON,
    KEPT,
    LIVE,
    PLAIN,
    POLICY,
    RSS,
    SCRIPT,
    SETTLED,
    SVG,
    Document,
    document,
    etag_of,
)
from coalmine_aggregator.status.feeds import feeds, newest_of
from coalmine_aggregator.status.frame import Item, frame_of
from coalmine_aggregator.status.memo import Memo
from coalmine_aggregator.status.pages import template
from coalmine_aggregator.status.render_history import (
    Shelf,
    entry_of,
    history_page,
    record_page,
    shelves_of,
)
from coalmine_aggregator.status.render_now import now_page
from coalmine_aggregator.status.site import Site
from coalmine_aggregator.status.statuspage import statuspage, told_of

_ROBOTS: Final = b"User-agent: *\nDisallow:\n"
_KINDS: Final = {
    "json": (JSON, LIVE),
    "atom": (ATOM, SETTLED),
    "rss": (RSS, SETTLED),
    "css": (CSS, KEPT),
    "js": (SCRIPT, KEPT),
    "svg": (SVG, SETTLED),
    "txt": (PLAIN, SETTLED),
}
"""What a file is by the end of its name, and how long it is kept."""


class Found(NamedTuple):
    """What a path names: a document, or where else to look, `location`, relative to that path."""

    document: Document | None
    location: str = ""


class Rendered(Mapping[str, Document]):
    """Every document of a site, by its file name; never changed once made. `moved` are the ids of
    incidents that became part of another, with that one's. `memo` is what the next rendering takes
    from this one."""

    def __init__(
        self, documents: Mapping[str, Document], moved: Iterable[tuple[str, str]], memo: Memo
    ) -> None:
        self._documents = documents
        self._moved = {f"incidents/{old}/index.html": f"../{new}/" for old, new in moved}
        self.memo = memo

    def __getitem__(self, name: str) -> Document:
        return self._documents[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._documents)

    def __len__(self) -> int:
        return len(self._documents)

    def find(self, path: str) -> Found | None:
        """What the path of a URL names, `/`, `/history/`, `/api/v2/status.json`; None where there is
        nothing. `/history` is told to go to `history/`, as static hosts do; what moved leads to where
        it is now, which static hosts can only say in a page."""
        name = path.removeprefix("/")
        if name == "" or name.endswith("/"):
            name += "index.html"
        if name in self._moved:
            return Found(None, self._moved[name])
        document = self._documents.get(name)
        if document is not None:
            return Found(document)
        if f"{name}/index.html" in self._documents:
            return Found(None, f"{name.rpartition('/')[2]}/")
        return None


def render(site: Site, before: Rendered | None = None) -> Rendered:
    """The documents of a site. What did not change since `before` is taken from there, so a rendering
    each second costs what changed in that second."""
    return _Rendering(site, before).rendered()


class _Rendering:
    """One rendering: gathers the documents."""

    def __init__(self, site: Site, before: Rendered | None) -> None:
        self._site = site
        self._before: Mapping[str, Document] = {} if before is None else before
        self._memo = Memo(None if before is None else before.memo)
        self._frame = self._memo.of("frame", frame_of(site), lambda: frame_of(site))
        self._documents: dict[str, Document] = {}

    def rendered(self) -> Rendered:
        """All of them."""
        site, frame, memo = self._site, self._frame, self._memo
        page = now_page(site, frame, memo, self._always("", "now"))
        told, newest = told_of(site), newest_of(site)
        records = (frame, site.incidents, site.maintenances, site.moved)
        documents = {
            **memo.nested("records", records, self._records),
            **self._files("api", told, lambda: statuspage(told)),
            **self._files("feeds", (frame, newest), lambda: feeds(newest, frame)),
            **self._files("assets", None, lambda: {"robots.txt": _ROBOTS, **assets().files}),
            "index.html": self._document("index.html", HTML, LIVE, page.encode()),
            "404.html": self._page(memo, "404.html", frame, self._not_found),
        }
        return Rendered(documents, site.moved, memo.close())

    def _records(self, memo: Memo) -> dict[str, Document]:
        """The pages of all records, and the history."""
        site, frame = self._site, self._frame
        pages: dict[str, Document] = {}
        for kind, items in (("incidents", site.incidents), ("maintenances", site.maintenances)):
            for item in items:
                name = f"{kind}/{item.id}/index.html"
                pages[name] = self._page(memo, name, (frame, item), partial(self._record, item))
        names = {incident.id: incident.name for incident in site.incidents}
        for old, new in site.moved:
            name, inputs = f"incidents/{old}/index.html", (frame, new, names[new])
            pages[name] = self._page(memo, name, inputs, partial(self._moved, new, names[new]))
        first, *full = shelves_of(site, frame)
        # The first page changes with each update of what is open: what did not change in it is kept.
        entries = tuple(
            memo.of(("entry", item.id), (frame, item), partial(entry_of, item, first.root, frame))
            for item in first.items
        )
        name = "history/index.html"
        pages[name] = self._page(
            memo, name, (frame, first, entries), partial(self._shelf, first, entries)
        )
        for shelf in full:
            name = f"history/{shelf.number}/index.html"
            pages[name] = self._page(memo, name, (frame, shelf), partial(self._full, shelf))
        return pages

    def _record(self, item: Item) -> str:
        return record_page(item, self._frame, self._always("../../", "record"))

    def _moved(self, new: str, name: str) -> str:
        always = self._always("../../", "record")
        return template("moved.html").render(**always, where=f"../{new}/", name=name)

    def _full(self, shelf: Shelf) -> str:
        return self._shelf(shelf, [entry_of(item, shelf.root, self._frame) for item in shelf.items])

    def _shelf(self, shelf: Shelf, entries: Sequence[Markup]) -> str:
        return history_page(shelf, entries, self._frame, self._always(shelf.root, "history"))

    def _page(self, memo: Memo, name: str, inputs: object, make: Callable[[], str]) -> Document:
        """A page that depends on `inputs` alone."""
        return memo.of(
            ("page", name), inputs, lambda: self._document(name, HTML, LIVE, make().encode())
        )

    def _files(
        self, key: str, inputs: object, make: Callable[[], dict[str, bytes]]
    ) -> dict[str, Document]:
        """Files that depend on `inputs` alone."""

        def documents() -> dict[str, Document]:
            return {
                name: self._document(name, *_KINDS[name.rpartition(".")[2]], body)
                for name, body in make().items()
            }

        return self._memo.of(("files", key), inputs, documents)

    def _document(self, name: str, content_type: str, cache: str, body: bytes) -> Document:
        etag = etag_of(body)
        before = self._before.get(name)
        if before is not None and before.etag == etag:
            return before
        return document(body, content_type, cache, int(self._site.now))

    def _always(self, root: str, here: str) -> dict[str, Any]:
        """What the layout needs; `root` is the way to the top of the site."""
        return {
            "root": root,
            "here": here,
            "page": self._frame.page,
            "moments": self._frame.moments,
            "assets": assets(),
            "policy": POLICY,
        }

    def _not_found(self) -> str:
        root = f"{urlsplit(self._frame.page.url).path}/"
        return template("404.html").render(self._always(root, ""))
