"""The keys that Coalmine has in etcd: where everything stands. Pure.

<prefix>/withdrawn/<service>/<node>            a node that is out
<prefix>/metrics/<kind>/<id>/<aggregator>      somebody who can be scraped, and who says so
"""

from __future__ import annotations

import re
from typing import NamedTuple

from coalmine_wire.series import is_label

PREFIX = "coalmine"
MAX_PREFIX = 200
MAX_NAME = 255

_PREFIX = re.compile(r"/?[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*\Z")
_NAME = re.compile(r"[A-Za-z0-9_.-]+\Z")


class NodeKey(NamedTuple):
    """Which node a key says is out."""

    service: str
    node: str


class TargetKey(NamedTuple):
    """Who can be scraped: an `agent` or an `aggregator`, by its id; and which aggregator says so."""

    kind: str
    id: str
    teller: str


def check_prefix(prefix: str) -> None:
    """Raises ValueError for a prefix that keys cannot begin with."""
    if len(prefix) > MAX_PREFIX or not _PREFIX.match(prefix):
        raise ValueError(
            f"expected up to {MAX_PREFIX} of A-Z a-z 0-9 _ . - and single slashes, none at the end"
        )


def withdrawn_folder(prefix: str, service: str = "") -> str:
    """What all keys of withdrawals begin with; those of one service, where that is given."""
    return f"{prefix}/withdrawn/{service}/" if service else f"{prefix}/withdrawn/"


def metrics_folder(prefix: str) -> str:
    """What all keys of who can be scraped begin with."""
    return f"{prefix}/metrics/"


def node_key(prefix: str, key: NodeKey) -> bytes:
    """The key of a withdrawal."""
    return f"{withdrawn_folder(prefix)}{key.service}/{key.node}".encode()


def parse_node_key(prefix: str, key: bytes) -> NodeKey | None:
    """The withdrawal whose key it is; None where it is none of ours."""
    parts = _parts(withdrawn_folder(prefix), key)
    if len(parts) != 2 or not all(is_label(each) and len(each) <= MAX_NAME for each in parts):
        return None
    return NodeKey(*parts)


def target_key(prefix: str, key: TargetKey) -> bytes:
    """The key of somebody who can be scraped. Raises ValueError for a name that no key can have."""
    for name in key:
        if len(name) > MAX_NAME or not _NAME.match(name):
            raise ValueError(f'"{name[:MAX_NAME]}" has other characters than A-Z a-z 0-9 _ . -')
    return (metrics_folder(prefix) + "/".join(key)).encode()


def parse_target_key(prefix: str, key: bytes) -> TargetKey | None:
    """Who can be scraped by this key; None where it is none of ours."""
    parts = _parts(metrics_folder(prefix), key)
    if len(parts) != 3 or not all(_NAME.match(each) and len(each) <= MAX_NAME for each in parts):
        return None
    return TargetKey(*parts)


def range_end(folder: str) -> bytes:
    """The first key after all that begin with `folder`, which ends in a slash."""
    assert folder.endswith("/")
    return folder[:-1].encode() + bytes([ord("/") + 1])


def _parts(folder: str, key: bytes) -> list[str]:
    start = folder.encode()
    if not key.startswith(start):
        return []
    return key[len(start) :].decode(errors="replace").split("/")
