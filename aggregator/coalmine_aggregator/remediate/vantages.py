"""Who looks at which node: the series of one service that lead to nodes, in a fixed order. Pure.

A vantage is a host of whose series some lead to a node; it is the node's own where the host is the
node itself. Hosts are told apart by their names alone: two that share one are one vantage, since nobody
could say that they agree. Series stand in the order of nodes, then vantages (own first), then
endpoints, all by name, so that nothing depends on the order in which series came.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.ledger.series import AllSeries
from coalmine_wire.series import NODE_VARIANT, Location

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]


class Vantages(NamedTuple):
    """S series, V vantages, N nodes; each vantage has a run of series and each node one of vantages.

    `ids` int64[S] are series ids, `endpoints` their names (`udp`, `tcp-ipv6`); `first_series` int64[V]
    and `first_vantage` int64[N] are where the runs begin. `vantage_of` int64[S] and `node_of` int64[V]
    lead back. `keys` int64[V] and `node_codes` int64[N] stay the same over other sets of series.
    `hosts` are the vantages' hosts and `host_codes` int64[V] their numbers, `own` bool[V] says which is
    the node's own. `shared` bool[N] says which nodes' names on-machine agents in several places go by;
    `regions` and `zones` are those of the others' on-machine agents, empty without one.
    """

    ids: Ints
    endpoints: NDArray[np.object_]
    vantage_of: Ints
    first_series: Ints
    keys: Ints
    hosts: tuple[str, ...]
    host_codes: Ints
    own: Mask
    node_of: Ints
    first_vantage: Ints
    node_codes: Ints
    nodes: tuple[str, ...]
    regions: tuple[str, ...]
    zones: tuple[str, ...]
    shared: Mask


def vantages_of(series: AllSeries, ids: Ints) -> Vantages:
    """The vantages that these series make. `ids` int64[S], of series that all lead to nodes."""
    node, host = series.codes("node")[ids], series.codes("host")[ids]
    endpoints = _endpoints(series, ids)
    nodes, node_rank = _ranked(series, "node", node)
    hosts, host_rank = _ranked(series, "host", host)
    host_at = {name: rank for rank, name in enumerate(hosts)}
    own_rank = np.array([host_at.get(name, -1) for name in nodes], dtype=np.int64)
    own = own_rank[node_rank] == host_rank
    endpoint_rank = np.unique(endpoints.astype(np.str_), return_inverse=True)[1]
    order = np.lexsort((endpoint_rank, host_rank, ~own, node_rank))
    ids, endpoints, own = ids[order], endpoints[order], own[order]
    node, node_rank, host, host_rank = node[order], node_rank[order], host[order], host_rank[order]
    key = (node.astype(np.int64) << 32) | host
    first_series = _begins(key)
    first_vantage = _begins(node_rank[first_series])
    regions, zones, shared = _places(series, ids, node_rank, own, len(nodes))
    return Vantages(
        ids,
        endpoints,
        _back(first_series, len(ids)),
        first_series,
        key[first_series],
        tuple(hosts[rank] for rank in host_rank[first_series].tolist()),
        host[first_series].astype(np.int64),
        own[first_series],
        _back(first_vantage, len(first_series)),
        first_vantage,
        node[first_series][first_vantage].astype(np.int64),
        tuple(nodes),
        regions,
        zones,
        shared,
    )


def where_were(old: Ints, new: Ints) -> Ints:
    """int64[len(new)]: the places among `old` of what is in `new`, -1 for what was not there."""
    if not len(old):
        return np.full(len(new), -1, dtype=np.int64)
    order = np.argsort(old)
    at = order[np.minimum(np.searchsorted(old, new, sorter=order), len(old) - 1)]
    return np.where(old[at] == new, at, -1)


def _ranked(series: AllSeries, label: str, codes: NDArray[np.int32]) -> tuple[list[str], Ints]:
    """The values among `codes`, sorted, and the place of each code in them."""
    used, inverse = np.unique(codes, return_inverse=True)
    values = series.values(label)
    names = [values[code] for code in used.tolist()]
    order = sorted(range(len(names)), key=names.__getitem__)
    rank = np.empty(len(names), dtype=np.int64)
    rank[order] = np.arange(len(names))
    return [names[at] for at in order], rank[inverse]


def _endpoints(series: AllSeries, ids: Ints) -> NDArray[np.object_]:
    """object[S]: the protocol, and the variant where it says more than which node is meant."""
    protocol, variant = series.codes("protocol")[ids], series.codes("variant")[ids]
    pairs, inverse = np.unique(
        (protocol.astype(np.int64) << 32) | variant.astype(np.int64), return_inverse=True
    )
    protocols, variants = series.values("protocol"), series.values("variant")
    names = np.empty(len(pairs), dtype=object)
    for at, pair in enumerate(pairs.tolist()):
        more = variants[pair & 0xFFFFFFFF]
        tail = f"-{more}" if more and not more.startswith(NODE_VARIANT) else ""
        names[at] = protocols[pair >> 32] + tail
    return names[inverse]


def _places(
    series: AllSeries, ids: Ints, node_rank: Ints, own: Mask, count: int
) -> tuple[tuple[str, ...], tuple[str, ...], Mask]:
    """Regions and zones of the nodes by their on-machine agents, and which have more than one place."""
    code = series.code_of("location", Location.ON_MACHINE)
    there = own & (series.codes("location")[ids] == (-1 if code is None else code))
    at = ids[there]
    region, zone = series.codes("region")[at], series.codes("zone")[at]
    places = np.unique(np.stack([node_rank[there], region, zone], axis=1), axis=0)
    regions, zones = [""] * count, [""] * count
    shared = np.bincount(places[:, 0], minlength=count) > 1
    for node, in_region, in_zone in places[~shared[places[:, 0]]].tolist():
        regions[node] = series.values("region")[in_region]
        zones[node] = series.values("zone")[in_zone]
    return tuple(regions), tuple(zones), shared


def _begins(values: Ints) -> Ints:
    """Where runs of equal values begin."""
    return np.flatnonzero(np.concatenate(([True], values[1:] != values[:-1]))).astype(np.int64)


def _back(first: Ints, count: int) -> Ints:
    """The run that each of `count` places is in."""
    return np.repeat(np.arange(len(first)), np.diff(np.append(first, count)))
