"""A graph is one sound document that runs and fetches nothing, whatever it is about."""

from __future__ import annotations

import re
from itertools import pairwise
from xml.etree import ElementTree as Xml

from hypothesis import given
from hypothesis import strategies as st

from coalmine_aggregator.graphs.incident_graph import (
    HEIGHT,
    MAX_HEAD,
    MAX_LINES,
    RIGHT,
    WIDTH,
    IncidentGraph,
    Line,
    Mark,
    incident_svg,
)

FIRST = 1_790_078_400
SVG = "{http://www.w3.org/2000/svg}"

values = st.lists(st.none() | st.floats(0, 1e9) | st.just(float("nan")), max_size=40)
texts = st.text(max_size=30) | st.sampled_from(
    ["<script>alert(1)</script>", "]]>", "&amp;", '"/><a href="//x">', "\x00\x1b\ufffe\ud800"]
)
marks = st.builds(Mark, st.floats(FIRST - 100, FIRST + 200), texts)


@given(
    texts, st.lists(st.builds(Line, texts, values, values), max_size=15), st.lists(marks, max_size=6)
)
def test_a_document_of_its_own(title: str, lines: list[Line], marked: list[Mark]) -> None:
    body = incident_svg(
        IncidentGraph(title, FIRST, FIRST + 39, 1, lines, (FIRST + 3, FIRST + 90), marked)
    )
    root = Xml.fromstring(body)
    assert {each.tag for each in root.iter()} <= {
        SVG + name for name in ("svg", "title", "desc", "rect", "text", "path")
    }
    names = {name for each in root.iter() for name in each.attrib}
    assert not {name for name in names if name.startswith("on") or "href" in name or name == "style"}
    assert "url(" not in body.decode()
    for each in root.iter():
        for name in ("x", "y", "width", "height"):
            assert 0 <= float(each.get(name, "0")) <= max(WIDTH, HEIGHT)
        assert "nan" not in each.get("d", "")
        assert "inf" not in each.get("d", "")
    missing = f"; {len(lines) - MAX_LINES} more are not drawn"
    assert (missing in body.decode()) == (len(lines) > MAX_LINES)


def test_what_is_not_known_is_a_gap_and_one_alone_a_dot() -> None:
    line = Line("udp", [1.0, 1.0, None, 4.0, None, 2.0], [None] * 6)
    graph = IncidentGraph("Incident 1", FIRST, FIRST + 59, 10, [line])
    root = Xml.fromstring(incident_svg(graph))
    (curve,) = [each.get("d", "") for each in root.iter(SVG + "path") if each.get("stroke-linejoin")]
    assert curve.count("M") == 3
    assert curve.count("L") == 1
    told = [each.text for each in root.iter(SVG + "text")]
    assert "2026-09-22 12:00:00 to 2026-09-22 12:00:59 UTC, by 10 s" in told
    assert "udp" in told


def test_a_value_lies_where_the_axis_says() -> None:
    line = Line("udp", [50.0, 100.0], [0.5, 1.0])
    root = Xml.fromstring(incident_svg(IncidentGraph("Incident 1", FIRST, FIRST + 1, 1, [line])))
    curves = [each.get("d", "") for each in root.iter(SVG + "path") if each.get("stroke-linejoin")]
    heights = [[float(y) for y in re.findall(r"[ML][\d.]+ ([\d.]+)", each)] for each in curves]
    lines = [
        float(found[1])
        for each in root.iter(SVG + "path")
        if (found := re.match(r"M84 ([\d.]+)H936", each.get("d", "")))
    ]
    assert heights == [[214.0, 128.0], [452.0, 372.0]]
    assert {128.0, 372.0} <= set(lines)
    assert {300.0, 532.0} <= set(lines)


def test_where_nothing_was_measured_it_says_so() -> None:
    graph = IncidentGraph("Incident 1", FIRST, FIRST + 59, 10, [])
    assert b"nothing was measured" in incident_svg(graph)


def test_lines_of_one_height_lie_side_by_side_and_are_said_to() -> None:
    flat = [Line(name, [12.0, 12.0], [0.0, 0.0]) for name in ("tcp", "tls", "udp")]
    flat[2] = Line("udp", [12.0, 0.0], [0.0, 1.0])
    body = incident_svg(IncidentGraph("Incident 1", FIRST, FIRST + 1, 1, flat))
    root = Xml.fromstring(body)
    curves = [each.get("d", "") for each in root.iter(SVG + "path") if each.get("stroke-linejoin")]
    heights = [[float(y) for y in re.findall(r"[ML][\d.]+ ([\d.]+)", each)] for each in curves]
    rising, losing = heights[::2], heights[1::2]
    for bucket in (0, 1):
        for panel in (rising, losing):
            there = sorted(each[bucket] for each in panel)
            assert all(after - before >= 1.9 for before, after in pairwise(there))
    assert rising[2][1] == 300.0
    assert max(each[0] for each in losing) == 532.0
    assert b"lines of one height are drawn side by side" in body
    alone = incident_svg(IncidentGraph("Incident 1", FIRST, FIRST + 1, 1, flat[2:]))
    assert b"side by side" not in alone


@given(st.lists(st.floats(FIRST, FIRST + 400), max_size=4), st.sampled_from([60, 400, 86_400 * 3]))
def test_no_name_of_a_moment_lies_on_another_or_on_the_lines(at: list[float], length: int) -> None:
    names = ("first loss", "seen", "acknowledged", "over")
    marked = [Mark(each, name) for each, name in zip(sorted(at), names, strict=False)]
    line = Line("udp", [12.0, 12.0], [0.0, 0.0])
    body = incident_svg(IncidentGraph("1", FIRST, FIRST + length, 1, [line], None, marked))
    texts = [
        (float(each.get("x", "")), float(each.get("y", "")), each.text or "")
        for each in Xml.fromstring(body).iter(SVG + "text")
        if (each.text or "").startswith(names)
    ]
    assert len(texts) == sum(each.at <= FIRST + length + 1 for each in marked)
    for x, y, text in texts:
        assert x + len(text) * 6.9 <= RIGHT + 5
        assert not [
            other
            for left, height, other in texts
            if other != text and height == y and left <= x < left + len(other) * 6.9
        ]
    curve = next(
        each.get("d", "")
        for each in Xml.fromstring(body).iter(SVG + "path")
        if each.get("stroke-linejoin")
    )
    highest = float(re.findall(r"[ML][\d.]+ ([\d.]+)", curve)[0])
    assert all(y < highest for _, y, _ in texts)


def test_a_day_stands_below_the_time_so_that_no_time_lies_on_another() -> None:
    body = incident_svg(IncidentGraph("Incident 1", FIRST, FIRST + 184, 1, []))
    texts = [each.text for each in Xml.fromstring(body).iter(SVG + "text")]
    assert texts.count("12:00:00") == 2
    assert texts.count("2026-09-22") == 2


def test_a_long_title_ends_within_the_picture() -> None:
    title = "Loss of what has a long name " * 7
    root = Xml.fromstring(incident_svg(IncidentGraph(title, FIRST, FIRST + 9, 1, [])))
    assert [each.text for each in root.iter(SVG + "title")] == [title]
    head = next(each.text or "" for each in root.iter(SVG + "text"))
    assert head.endswith("…")
    assert len(head) == MAX_HEAD
