"""`coalmine remediation` against the real application: text, JSON, what people say, exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from coalmine_aggregator.access.roles import Role
from coalmine_aggregator.actuate.stop_file import Stop, StopFile
from coalmine_aggregator.demo.ports import free_port
from coalmine_aggregator.model.node_view import Verdict
from coalmine_aggregator.model.remediation_event import RemediationKind
from coalmine_aggregator.model.remediation_policy import RemediationPolicy
from coalmine_aggregator.model.withdrawal import Held
from coalmine_aggregator.web.remediation_answers import remediation_answer
from coalmine_cli.incident_text import WIDTH
from coalmine_cli.remediation_text import status_text
from coalmine_cli.told_remediation import Remediation
from tests.aggregator.web.conftest import by_token
from tests.aggregator.web.fake_remediation import FakeRemediation
from tests.aggregator.web.fake_view import FakeView
from tests.cli.running import Done, Serve, run

HOSTILE = "\x1b[2J\u202egnp.\u009b31m\x07\u2066"


async def coalmine(*words: str, **env: str) -> Done:
    """Runs `coalmine remediation ...`."""
    return await run("remediation", *words, **env)


@pytest.fixture
def desk(view: FakeView) -> FakeRemediation:
    view.remediation = FakeRemediation(view.now)
    return view.remediation


def config(folder: Path, **changes: Any) -> Path:
    """An aggregator's configuration whose outputs reach nobody."""
    settings: dict[str, Any] = {
        "services": {"ingest": {}},
        "receive": {"tcp": f"127.0.0.1:{free_port()}"},
        "broker": {"listen": f"127.0.0.1:{free_port()}"},
        "web": {"listen": f"127.0.0.1:{free_port()}"},
        "store": f"sqlite:///{folder / 'history.db'}",
        "remediation": {"services": ["ingest"]},
    }
    path = folder / "aggregator.yaml"
    path.write_text(yaml.safe_dump(settings | changes))
    return path


async def test_who_is_out_and_why(desk: FakeRemediation, serve: Serve) -> None:
    desk.withdraw(repeats=0)
    desk.checks = {"ingest02": desk.now - 10}
    done = await coalmine("status", COALMINE_URL=await serve())
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [
        "Acting: 1 of 4 ingest nodes is out: ingest02, since 2026-09-21 15:12:20 UTC (1",
        "min): failed for 4 s: web-3 and its own agent agree, 12 of 18 lost in 3 s",
        "",
        "ingest: acting, 4 nodes, at most 1 out, 2 stay at least",
        "  NODE      ZONE        VERDICT  WANTED     IN FORCE",
        "  ingest02  eu-west-1a  failed   out: down  nodes out, etcd not known",
        "      since 2026-09-21 15:12:20 UTC, not back before 2026-09-21 15:14:20",
        "      failed for 4 s: web-3 and its own agent agree, 12 of 18 lost in 3 s",
        "      must have helped by 2026-09-21 15:14:10 UTC, or it comes back",
        "      ingest02 (its own agent): bad, 12 of 18 bad in 3 s, failing udp",
        "      web-3: bad, 20 of 30 bad in 3 s, failing udp, tcp",
        "      web-4: no opinion",
        "  3 others are well",
        "",
        "OUTPUT  CONFIRMED  OUT THERE",
        "nodes   1 s ago    ingest02 of ingest",
        "etcd    never      not known",
        "  etcd: 127.0.0.1:2379: Connection refused",
    ]


async def test_nodes_that_are_well_and_services_that_nobody_knows(
    desk: FakeRemediation, serve: Serve
) -> None:
    desk.rules["web"] = RemediationPolicy()
    env = {"COALMINE_URL": await serve()}
    done = await coalmine("status", "--all", **env)
    assert "  ingest04  eu-west-1a  healthy  in" in done.out.splitlines()
    assert "web: dry run, 0 nodes, 2 stay at least" in done.out
    assert "nobody knows its nodes yet: nothing is decided" in done.out
    assert done.out.endswith("No output is configured: nothing of this is in force anywhere.\n")
    desk.decide(frozen="3 of 4 nodes have failed", held=(Held("ingest03", "many", "3 of 4 are bad"),))
    done = await coalmine("status", "--service", "ingest", **env)
    assert done.out.startswith("ingest is frozen: 3 of 4 nodes have failed\n")
    assert "  frozen: 3 of 4 nodes have failed\n" in done.out
    assert "      held by many: 3 of 4 are bad\n" in done.out
    done = await coalmine("status", "--service", "wbe", **env)
    assert (done.code, done.out) == (1, "")
    assert done.err == "There is no service wbe that has opted in to remediation.\n"


async def test_json_is_the_answer_itself(desk: FakeRemediation, serve: Serve) -> None:
    env = {"COALMINE_URL": await serve()}
    desk.withdraw()
    told = json.loads((await coalmine("status", "--json", **env)).out)
    assert told["services"][0]["withdrawn"][0]["node"] == "ingest02"
    told = json.loads((await coalmine("log", "--json", **env)).out)
    assert told["events"][0]["kind"] == "withdrawn"


async def test_the_log_with_its_evidence(desk: FakeRemediation, serve: Serve) -> None:
    env = {"COALMINE_URL": await serve()}
    assert (await coalmine("log", **env)).out == "Nothing was done.\n"
    desk.withdraw()
    desk.say(RemediationKind.HELD, node="ingest03", rail="many", text="too many", dry_run=True)
    desk.say(RemediationKind.STOPPED, service="", by="anna", text="it flaps")
    done = await coalmine("log", **env)
    assert done.out.splitlines() == [
        "2026-09-21 15:13:20  all of it: stopped by anna",
        "    it flaps",
        "2026-09-21 15:13:20  ingest ingest03: held by many (dry run)",
        "    too many",
        "2026-09-21 15:13:20  ingest ingest02: withdrawn",
        "    failed for 4 s: web-3 and its own agent agree, 12 of 18 lost in 3 s",
        "    ingest02 (own): bad",
        "    web-3: bad",
    ]
    done = await coalmine("log", "--node", "ingest03", "--last", "1h", "--limit", "1", **env)
    assert done.out.startswith("2026-09-21 15:13:20  ingest ingest03: held")
    done = await coalmine("log", "--limit", "1", **env)
    assert done.out.endswith("There is more: narrow it down, or ask for more with --limit.\n")
    assert (await coalmine("log", "--last", "yesterday", **env)).code == 2


async def test_people_pin_and_release(desk: FakeRemediation, serve: Serve) -> None:
    env = {"COALMINE_URL": await serve()}
    done = await coalmine("pin", "ingest", "ingest01", "out", "--why", "new disks", **env)
    assert done.code == 0
    assert done.out.splitlines() == [
        "ingest01 of ingest is pinned out by local since 2026-09-21 15:13:20 UTC: new disks",
        "Release it: coalmine remediation release ingest ingest01",
    ]
    assert "      pinned out by local: new disks\n" in (await coalmine("status", **env)).out
    done = await coalmine("release", "ingest", "ingest01", **env)
    assert (done.code, done.out) == (0, "ingest01 of ingest is released\n")
    done = await coalmine("release", "ingest", "ingest01", **env)
    assert (done.code, done.err) == (1, "ingest01 of ingest is not pinned.\n")
    done = await coalmine("pin", "ingest", "ingst01", "out", "--why", "new disks", **env)
    assert done.code == 1
    assert done.err.startswith("ingest has no node ingst01: did you mean ingest01 or ")
    assert (await coalmine("pin", "ingest", "ingest01", "out", **env)).code == 2
    assert (await coalmine("pin", "ingest", "ingest01", "up", "--why", "x", **env)).code == 2


async def test_it_is_stopped_and_resumed_by_the_aggregator(
    desk: FakeRemediation, serve: Serve, tmp_path: Path
) -> None:
    env = {"COALMINE_URL": await serve()}
    path = config(tmp_path)
    done = await coalmine("stop", "--why", "it flaps", "--config", str(path), **env)
    assert (done.code, done.err) == (0, "")
    assert done.out == "Stopped by local: whoever is out comes back, nobody is withdrawn\n"
    assert desk.stopped == Stop("local", "it flaps", desk.now)
    assert not (tmp_path / "remediation.stop").exists(), "that is for the aggregator to write"
    done = await coalmine("resume", **env)
    assert done.code == 0
    assert (await coalmine("status", **env)).out.startswith("Acting: none of 4")


async def test_only_operators_stop_it(desk: FakeRemediation, serve: Serve) -> None:
    token = "correct-horse-battery"
    env = {
        "COALMINE_URL": await serve(access=by_token(token, role=Role.RESPONDER)),
        "COALMINE_TOKEN": token,
    }
    done = await coalmine("stop", "--why", "it flaps", **env)
    assert done.code == 2
    assert "This needs the scope operate" in done.err
    assert done.err.endswith("on its host, --config AGGREGATOR.YAML does without it\n")
    assert desk.stopped is None


async def test_without_an_aggregator_the_file_is_written(tmp_path: Path) -> None:
    outputs = {
        "etcd": {"endpoints": [f"http://127.0.0.1:{free_port()}"]},
        "nodes": {},
        "http_sd": {},
    }
    path = config(tmp_path, remediation={"services": ["ingest"], "outputs": outputs})
    env = {"COALMINE_URL": f"http://127.0.0.1:{free_port()}"}
    done = await coalmine("stop", "--why", "it flaps", "--config", str(path), **env)
    assert done.code == 0, done.err
    file = tmp_path / "remediation.stop"
    found = StopFile(file).read()
    assert found is not None
    assert found.why == "it flaps"
    assert " at " in found.by
    assert found.at > 0
    lines = done.out.splitlines()
    assert lines[0].startswith(f"Stopped: {file} is written")
    told = {line.split(":")[0].strip(): line.partition(": ")[2] for line in lines[1:4]}
    assert told["nodes"].startswith("not told: the embedded broker takes withdrawals from its own")
    assert told["etcd"].startswith("not told: ")
    assert told["http_sd"] == "told that nobody is out"
    assert "within 20 s of the" in done.out
    assert lines[-1] == f"Resume: coalmine remediation resume --config {path}"
    assert "is the aggregator running there?" in done.err
    done = await coalmine("stop", "--why", "again", "--config", str(path), **env)
    assert (done.code, done.out.startswith("Stopped already by ")) == (0, True)
    assert StopFile(file).read() == found, "who was first stays"
    done = await coalmine("resume", "--config", str(path), **env)
    assert (done.code, done.out) == (0, f"Resumed: {file} is gone\n")
    assert not file.exists()
    done = await coalmine("resume", "--config", str(path), **env)
    assert (done.code, done.out) == (0, f"It is not stopped: there is no {file}\n")


async def test_a_stop_that_is_not_certain_is_no_success(tmp_path: Path) -> None:
    env = {"COALMINE_URL": f"http://127.0.0.1:{free_port()}"}
    done = await coalmine("stop", "--why", "it flaps", **env)
    assert (done.code, done.out) == (2, "")
    assert "--config AGGREGATOR.YAML" in done.err
    nowhere = tmp_path / "none" / "remediation.stop"
    path = config(tmp_path, remediation={"services": ["ingest"], "stop_file": str(nowhere)})
    done = await coalmine("stop", "--why", "it flaps", "--config", str(path), **env)
    assert done.code == 2
    assert done.out.startswith(f"NOT written: {nowhere}: No such file or directory\n")
    last = done.err.splitlines()[-1]
    assert last.startswith(f"coalmine remediation: the stop is not certain: {nowhere}: No such file")
    assert "Resume:" not in done.out
    path.write_text("services: {ingest: {}}\nremedation: {}\n")
    done = await coalmine("stop", "--why", "it flaps", "--config", str(path), **env)
    assert done.code == 2
    assert 'did you mean "remediation"?' in done.err
    done = await coalmine("stop", "--why", " ", **env)
    assert (done.code, "1 to 400 characters" in done.err) == (2, True)


async def test_outputs_are_told_where_no_file_can_be_written(tmp_path: Path) -> None:
    outputs = {"etcd": {"endpoints": [f"http://127.0.0.1:{free_port()}"]}, "http_sd": {}}
    folder = tmp_path / "folder"
    folder.write_text("none")
    rules = {"services": ["ingest"], "outputs": outputs, "stop_file": str(folder / "stop")}
    path = config(tmp_path, remediation=rules)
    env = {"COALMINE_URL": f"http://127.0.0.1:{free_port()}"}
    words = ("stop", "--why", "it flaps", "--config", str(path))
    done = await coalmine(*words, **env)
    assert done.code == 2
    lines = done.out.splitlines()
    assert lines[0] == f"NOT written: {folder / 'stop'}: Not a directory", "nor is it stopped already"
    assert any(line.startswith("  etcd: not told: ") for line in lines)
    assert "  http_sd: told that nobody is out" in lines
    assert "the stop is not certain" in done.err
    done = await coalmine(*words, "--json", **env)
    told = json.loads(done.out)
    assert (done.code, told["stopped"]) == (2, None)
    assert told["trouble"] == f"{folder / 'stop'}: Not a directory"
    assert {each["name"]: bool(each["trouble"]) for each in told["outputs"]} == {
        "etcd": True,
        "http_sd": False,
    }


async def test_programs_read_what_was_done_without_an_aggregator(tmp_path: Path) -> None:
    path = config(tmp_path, remediation={"services": ["ingest"], "outputs": {"http_sd": {}}})
    env = {"COALMINE_URL": f"http://127.0.0.1:{free_port()}"}
    file = str(tmp_path / "remediation.stop")
    done = await coalmine("stop", "--why", HOSTILE, "--config", str(path), "--json", **env)
    assert done.code == 0, done.err
    told = json.loads(done.out)
    stopped = told.pop("stopped")
    assert stopped["why"] == HOSTILE
    assert told == {
        "file": file,
        "trouble": "",
        "outputs": [{"name": "http_sd", "trouble": ""}],
        "untold": "",
        "lease_s": 20.0,
        "peer": "",
    }
    assert all(line.isprintable() for line in done.out.split("\n"))
    again = json.loads(
        (await coalmine("stop", "--why", "x", "--config", str(path), "--json", **env)).out
    )
    assert again["stopped"] == stopped, "who was first stays"
    for was_stopped in (True, False):
        done = await coalmine("resume", "--config", str(path), "--json", **env)
        assert (done.code, json.loads(done.out)) == (
            0,
            {"stopped": None, "file": file, "was_stopped": was_stopped},
        )


async def test_who_may_not_resume_it_does_not_do_so_past_the_aggregator(
    desk: FakeRemediation, serve: Serve, tmp_path: Path
) -> None:
    token = "correct-horse-battery"
    url = await serve(access=by_token(token, role=Role.RESPONDER))
    path, file = config(tmp_path), StopFile(tmp_path / "remediation.stop")
    stop = Stop("anna", "it flaps", desk.now)
    file.write(stop)
    for given, said in (({"COALMINE_TOKEN": token}, "needs the scope operate"), ({}, "wants a token")):
        done = await coalmine("resume", "--config", str(path), COALMINE_URL=url, **given)
        assert (done.code, done.out) == (2, "")
        assert said in done.err
        assert file.read() == stop


async def test_what_was_stopped_elsewhere_is_not_resumed_here(
    desk: FakeRemediation, serve: Serve, tmp_path: Path
) -> None:
    url, path, file = await serve(), config(tmp_path), StopFile(tmp_path / "remediation.stop")
    file.write(Stop("anna", "it flaps", desk.now))
    desk.elsewhere = True
    done = await coalmine("resume", "--config", str(path), COALMINE_URL=url)
    assert (done.code, done.out) == (2, "")
    assert "resume it there" in done.err
    assert file.read() is not None


async def test_a_stop_that_a_restart_would_forget_is_told(
    desk: FakeRemediation, serve: Serve, tmp_path: Path
) -> None:
    env = {"COALMINE_URL": await serve()}
    desk.broken = True
    done = await coalmine("stop", "--why", "it flaps", **env)
    assert (done.code, done.out) == (2, "")
    assert "It is stopped, but the stop file is not written: /srv/remediation.stop" in done.err
    told = (await coalmine("status", **env)).out
    assert told.startswith("Stopped by local, only until a restart, since ")
    assert "Read-only file system" in " ".join(told.split())
    # Whoever may write there does what the aggregator could not.
    done = await coalmine("stop", "--why", "it flaps", "--config", str(config(tmp_path)), **env)
    assert done.code == 0, done.err
    assert StopFile(tmp_path / "remediation.stop").read() is not None
    # The same for taking it back.
    done = await coalmine("resume", "--config", str(config(tmp_path)), **env)
    assert done.code == 0, done.err
    assert StopFile(tmp_path / "remediation.stop").read() is None


async def test_a_pair_is_stopped_at_both(tmp_path: Path) -> None:
    path = config(
        tmp_path,
        broker={"url": f"mqtt://127.0.0.1:{free_port()}"},
        pair={"name": "a", "peer": "b"},
    )
    env = {"COALMINE_URL": f"http://127.0.0.1:{free_port()}"}
    done = await coalmine("stop", "--why", "it flaps", "--config", str(path), **env)
    assert done.code == 0, done.err
    assert "Aggregator b has a stop file of its own: stop it there, too\n" in done.out


async def test_whatever_is_told_is_text_in_80_columns(desk: FakeRemediation, serve: Serve) -> None:
    env = {"COALMINE_URL": await serve()}
    out = desk.withdraw(why=f"{HOSTILE} {'w' * 300}", by=HOSTILE)
    desk.decide(out=(out,), frozen=HOSTILE, held=(Held("ingest03", HOSTILE, HOSTILE),))
    desk.nodes = {
        "ingest": tuple(
            each._replace(verdict=Verdict.FAILED, text=HOSTILE, zone=HOSTILE)
            for each in desk.nodes["ingest"]
        )
    }
    desk.stopped = Stop(HOSTILE, HOSTILE)
    desk.say(RemediationKind.PINNED, text=HOSTILE, by=HOSTILE, evidence=(HOSTILE,), rail=HOSTILE)
    for words in (("status",), ("log",), ("status", "--json"), ("log", "--json")):
        done = await coalmine(*words, **env)
        assert done.code == 0, done.err
        assert all(line.isprintable() for line in done.out.split("\n")), words
        if "--json" not in words and words != ("status",):
            assert max(map(len, done.out.splitlines())) <= WIDTH


def test_a_newer_aggregator_is_understood(desk: FakeRemediation) -> None:
    desk.withdraw()
    answer = msgspec.to_builtins(remediation_answer(desk, desk.now, None))
    answer["mode"] = answer["services"][0]["mode"] = "dreaming"
    answer["services"][0]["news"] = 1
    told = msgspec.convert(answer, Remediation)
    assert any("ingest: dreaming" in line for line in status_text(told, every=False))
