"""Prometheus' own form of who is to be scraped, of `file_sd` and of `http_sd`. Pure."""

from __future__ import annotations

import msgspec

META = "__meta_coalmine_"
"""What our labels begin with: like those of every other discovery, they are gone after relabelling."""


class TargetGroup(msgspec.Struct, frozen=True):
    """`targets` are `host:port`."""

    targets: list[str]
    labels: dict[str, str]
