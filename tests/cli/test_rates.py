"""`coalmine rates` against the real application: sums, steps, filters, errors."""

from __future__ import annotations

import json
import re

from coalmine_aggregator.model.fates import Fate
from coalmine_cli.rates_text import rates_table, steps_table
from coalmine_cli.told_counts import RateGroup, Rates
from tests.aggregator.web.fake_view import FakeView, Trouble
from tests.cli.running import Serve, run


def cells(line: str) -> list[str]:
    return re.split(r"\s{2,}", line.strip())


async def test_sums_by_labels(view: FakeView, serve: Serve) -> None:
    view.troubles = [
        Trouble(where={"protocol": "udp", "region": "eu-west-1"}, first=view.settled - 9),
        Trouble(where={"protocol": "tcp"}, first=view.settled, fate=Fate.UNKNOWN),
    ]
    done = await run("rates", "--by", "protocol,region", "--last", "1m", "--url", await serve())
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert cells(lines[0]) == [
        *("PROTOCOL", "REGION", "SUM RATE", "RECEIVED", "EXPECTED", "LOSS", "LOST", "UNKNOWN")
    ]
    rows = {tuple(row[:2]): row[2:] for row in map(cells, lines[1:-2])}
    assert len(rows) == 6 * 4
    assert rows["udp", "eu-west-1"] == ["2.50 of 3", "150", "180", "16.7%", "30", "-"]
    assert rows["udp", "us-east-1"] == ["4 of 4", "240", "240", "0%", "-", "-"]
    assert rows["tcp", "us-east-1"][-1] == "4"
    assert lines[-1].endswith("UTC, of which 60 s are known")


async def test_steps_filters_and_json(view: FakeView, serve: Serve) -> None:
    view.troubles = [Trouble(where={"region": "eu-west-1"}, first=view.settled)]
    url = await serve()
    words = (
        "rates",
        "--last",
        "3s",
        "--step",
        "1s",
        "--where",
        "region=eu-west-1",
        "--where",
        "protocol=udp",
    )
    done = await run(*words, "--url", url)
    assert [cells(line)[1:] for line in done.out.splitlines()] == [
        ["SUM RATE", "RECEIVED", "EXPECTED", "LOSS", "LOST"],
        ["3 of 3", "3", "3", "0%", "-"],
        ["3 of 3", "3", "3", "0%", "-"],
        ["0 of 3", "0", "3", "100%", "3"],
    ]
    told = json.loads((await run(*words, "--json", "--url", url)).out)
    assert told["step"] == 1
    assert told["groups"][0]["received"] == [3, 3, 0]


async def test_what_is_asked_wrongly_is_told(serve: Serve) -> None:
    url = await serve()
    for words, told in (
        (("--by", "colour"), "There is no label colour"),
        (("--last", "soon"), "last must be a length of time"),
        (("--where", "flavour=sour"), "There is no parameter flavour"),
        (("--where", "udp"), "expected LABEL=VALUE"),
        (("--last", "1h", "--from", "0"), "Either last, or from and to"),
    ):
        done = await run("rates", *words, "--url", url)
        assert (done.code, done.out) == (2, "")
        assert told in done.err


async def test_nothing_there_is_said(serve: Serve) -> None:
    done = await run("rates", "--where", "region=mars", "--url", await serve())
    assert done.code == 0
    assert done.out.startswith("Nothing is known of 2026-")


def test_nothing_drives_the_terminal_and_columns_stay_columns() -> None:
    group = RateGroup({"host": "\x1b[2J\x1b]0;x\x07" + "long" * 50}, [0], [2], [1], {"lost": [1]})
    rates = Rates(0, 0, ["host"], 1, [1], [group, RateGroup({"host": ""}, [0], [1], [1], {})])
    for lines in (rates_table(rates), steps_table(rates)):
        assert all(line.isprintable() for line in lines)
        assert r"\x1b[2J\x1b]0;x\x07longlong" in lines[1]
        assert lines[0].index("SUM RATE") + len("SUM RATE") == lines[2].index("1 of 1") + len("1 of 1")
