"""Post-mortems as Markdown, and back."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalmine_aggregator.incidents import written
from coalmine_aggregator.incidents.postmortem_text import parse, render
from coalmine_aggregator.model.incident import (
    ActionItem,
    CellImpact,
    Impact,
    IncidentState,
    Participant,
    Postmortem,
)
from coalmine_aggregator.model.incident_snapshot import SnapshotName
from tests.aggregator.incidents.desks import Office
from tests.aggregator.paging.alerts import NOW, acknowledged, alert, closed, opened

UDP = alert(1, protocol="udp")
WRITTEN = Postmortem(
    people=(Participant("Anna", "incident lead"), Participant("Ben")),
    summary="Malformed packets crashed the UDP service.\n\n- twice\n- on all nodes",
    factors=("No fuzzing of the parser", "One process a node:\nnone to take over"),
    actions=(
        ActionItem("Fuzz the parser | nightly", "Anna", "2025-12-24"),
        ActionItem("Two processes a node", "Ben", is_done=True),
    ),
    cause="A malformed packet.",
    affected="All who send over **UDP**.",
    resolution="We drop such packets.",
)


def of_udp(learned: Postmortem) -> str:
    """The document of a loss of UDP for a minute."""
    office = Office()
    office.take(opened(UDP))
    office.take(acknowledged(UDP, NOW + 20), at=NOW + 20)
    office.act(lambda d: d.update(1, text="It crashes", public="UDP fails", who="anna", now=NOW + 30))
    office.take(closed(UDP, NOW + 60), at=NOW + 60)
    cells = (CellImpact("udp", "eu", 1_234, 2_592), CellImpact("udp", "us", 0, 0))
    office.act(lambda d: d.measured(1, Impact(UDP.since, int(NOW) + 60, cells, NOW + 90), NOW + 90))
    office.due(NOW + 660)
    office.act(lambda d: d.write_up(1, learned, "anna", NOW + 700))
    return render(office[1], office.kept.entries[1], tuple(SnapshotName))


def test_the_whole_record_is_readable() -> None:
    assert of_udp(WRITTEN) == Path(__file__).with_name("postmortem.md").read_text()


def test_people_read_back_what_they_wrote() -> None:
    assert parse(of_udp(WRITTEN)) == WRITTEN
    assert parse(of_udp(Postmortem())) == Postmortem()
    assert parse(of_udp(WRITTEN).replace("\n", "\r\n")) == WRITTEN


def test_one_that_goes_on_says_so() -> None:
    office = Office()
    office.take(opened(UDP))
    text = render(office[1], office.kept.entries[1])
    assert "It lasts still. What was lost was not counted." in text
    assert "None was made." in text
    assert office[1].state is IncidentState.INVESTIGATING


_LINES = [
    "# a",
    "## Summary",
    "### x",
    "---",
    "===",
    "```",
    "<b>&amp;</b>",
    "<!-- x -->",
    "| a | b |",
    "- a",
]
_ODD = st.one_of(
    st.text(max_size=40),
    st.text(alphabet="\\|<>&#-=`~[]:*_ \n\tab\r\u00a0\u2028", max_size=40),
    st.lists(st.sampled_from(_LINES), max_size=5).map("\n".join),
)


def _accepted(text: str) -> bool:
    try:
        written.prose("text", text, 1_000, may_be_empty=False)
    except ValueError:
        return False
    return True


_TEXT = _ODD.filter(_accepted).map(lambda text: written.prose("text", text))
_LINE = _TEXT.map(lambda text: " ".join(text.split("\n")).strip())
_MAYBE = st.just("") | _TEXT
_POSTMORTEMS = st.builds(
    Postmortem,
    people=st.lists(st.builds(Participant, _LINE, st.just("") | _LINE), max_size=4).map(tuple),
    summary=_MAYBE,
    factors=st.lists(_TEXT, max_size=4).map(tuple),
    actions=st.lists(
        st.builds(ActionItem, _TEXT, _LINE, st.sampled_from(["", "2026-01-31"]), st.booleans()),
        max_size=4,
    ).map(tuple),
    cause=_MAYBE,
    affected=_MAYBE,
    resolution=_MAYBE,
)


@given(_POSTMORTEMS)
def test_whatever_people_wrote_comes_back_as_it_was(learned: Postmortem) -> None:
    """Headings, tables, fences, HTML and backslashes within texts stay text, and end no section."""
    learned = written.postmortem(learned)
    text = of_udp(learned)
    assert parse(text) == learned
    assert parse(of_udp(parse(text))) == learned


@given(_POSTMORTEMS)
def test_no_markup_of_people_is_html_or_structure(learned: Postmortem) -> None:
    """All HTML, and all headings, are those of the document itself."""
    ours, theirs = of_udp(Postmortem()), of_udp(written.postmortem(learned))
    headings = [line for line in ours.split("\n") if line.startswith("#")]
    assert [line for line in theirs.split("\n") if line.lstrip(" \t").startswith("#")] == headings
    for line in theirs.split("\n"):
        bare = line.replace("\\\\", "").replace("\\<", "").replace("<br>", "")
        assert "<" not in bare or line.startswith("<!-- ")
        assert not line.lstrip(" \t").startswith(("```", "~~~", "==="))


@given(
    st.text(max_size=200) | st.lists(st.sampled_from([*_LINES, "- ", "## People", "|"])).map("\n".join)
)
def test_any_document_is_read_or_refused_with_its_line(text: str) -> None:
    try:
        parse(text)
    except ValueError as error:
        assert str(error).startswith("line ")  # noqa: PT017


def test_what_is_edited_by_hand_is_read_as_it_is_meant() -> None:
    found = parse(
        "# Incident 7\n"
        "intro\n"
        "## summary ##\n"
        "Two\n"
        "### parts\n"
        "<!-- a remark -->\n"
        "of C:\\data and \\*one\\*\n"
        "## People\n"
        "* Anna : lead: twice\n"
        "+ Ben\n"
        "## Contributing factors\n"
        "- goes on\n"
        "without indent\n"
        "## Action items\n"
        "| Done | What | Owner | Due |\n"
        "|:---|---|---|---|\n"
        "| [x] | a<br>b \\| c | Anna\n"
        "|  | d | Ben | 2026-01-31 |\n"
    )
    assert found == Postmortem(
        people=(Participant("Anna", "lead: twice"), Participant("Ben")),
        summary="Two\n### parts\nof C:\\data and *one*",
        factors=("goes on\nwithout indent",),
        actions=(ActionItem("a\nb | c", "Anna", is_done=True), ActionItem("d", "Ben", "2026-01-31")),
    )


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "line 1: there is no section"),
        ("## Lessons\na", "line 1: no section 'Lessons'; there are People, Summary"),
        ("## Summary\na\n## Summary\nb", "line 3: Summary is there twice"),
        ("## People\n\nAnna", "line 3: is not in the list; begin with '- '"),
        ("## Action items\n- a", "line 2: is not in the table; begin with '|'"),
        ("## Action items\n| no | a |", "line 2: has 2 columns; there are done, what, owner, due"),
        ("## Action items\n| perhaps | a | b | |", "line 2: 'perhaps' is neither yes nor no"),
        ("## Summary\n" + "a" * 8_000_000, "line 1: the document has more than 8,000,000 characters"),
    ],
)
def test_what_cannot_be_read_says_where(text: str, error: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse(text)
    assert str(caught.value).startswith(error)
