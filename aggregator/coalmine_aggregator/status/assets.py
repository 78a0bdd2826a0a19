"""The style, script and icon of the public pages. Their names carry a hash of their content."""

from __future__ import annotations

import functools
import hashlib
from importlib import resources
from typing import NamedTuple


class Assets(NamedTuple):
    """Where the pages find each, from the top of the site, and all of them by that name."""

    style: str
    script: str
    icon: str
    files: dict[str, bytes]


@functools.cache
def assets() -> Assets:
    """Reads them, once."""
    folder = resources.files("coalmine_aggregator.status").joinpath("assets")
    files: dict[str, bytes] = {}
    names: list[str] = []
    for name in ("status.css", "status.js"):
        body = folder.joinpath(name).read_bytes()
        stem, _, ending = name.rpartition(".")
        names.append(f"assets/{stem}.{hashlib.blake2b(body, digest_size=5).hexdigest()}.{ending}")
        files[names[-1]] = body
    # Browsers and bookmarks look for this one by its plain name.
    files["favicon.svg"] = folder.joinpath("favicon.svg").read_bytes()
    return Assets(names[0], names[1], "favicon.svg", files)
