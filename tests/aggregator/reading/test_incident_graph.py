"""The graph of an incident shows what was delivered and lost, second by second, in both databases."""

from __future__ import annotations

import re
from xml.etree import ElementTree as Xml

import numpy as np

from coalmine_aggregator.graphs.incident_graph import Mark
from coalmine_aggregator.model.endings import PLAIN_ENDING, ending_of
from coalmine_aggregator.model.fates import Fate
from coalmine_aggregator.reading.incident_graph import GraphAsked, incident_graph
from coalmine_aggregator.reading.library import Library
from tests.aggregator.reading.conftest import Stores
from tests.aggregator.reading.kept import START, UNSEEN, Past, fleet

SVG = "{http://www.w3.org/2000/svg}"
TOP, FLOOR = 387.0, {315.0, 547.0}  # below a row for the name of a moment
BESIDE = 2.0
HEIGHTS = re.compile(r"[ML][\d.]+ ([\d.]+)")


def test_an_outage_is_seen_where_it_was(stores: Stores) -> None:
    series = fleet()
    endings = np.full((300, len(series)), PLAIN_ENDING, dtype=np.uint8)
    udp = [column for column, each in enumerate(series) if each.protocol == "udp"]
    endings[100:200, udp] = ending_of(Fate.LOST, 0)
    endings[250:260] = UNSEEN
    asked = GraphAsked(
        "Incident 1: all UDP is lost",
        "ingest",
        START,
        START + 299,
        (START + 100, START + 199),
        (Mark(START + 100.0, "first loss"),),
    )
    with stores.reader(Past(series, endings)).connect() as connection:
        root = Xml.fromstring(incident_graph(Library(), connection, asked))
    curves = [each for each in root.iter(SVG + "path") if each.get("stroke-linejoin") == "round"]
    heights = [list(map(float, HEIGHTS.findall(each.get("d", "")))) for each in curves]
    tcp, tcp_lost, udp_rates, udp_lost = heights
    assert [len(each) for each in heights] == [290] * 4
    assert [each.get("d", "").count("M") for each in curves] == [2] * 4
    (rate,) = set(tcp)
    assert set(tcp_lost) <= FLOOR | {each - BESIDE for each in FLOOR}
    assert set(udp_rates[100:200]) <= FLOOR
    assert set(udp_lost[100:200]) == {TOP}
    assert set(udp_rates[:100] + udp_rates[200:]) == {rate + BESIDE}
    assert set(udp_lost[:100] + udp_lost[200:]) <= FLOOR
    words = [each.text for each in root.iter(SVG + "text")]
    assert {"tcp", "udp", "first loss 15:01:40"} <= set(words), words
