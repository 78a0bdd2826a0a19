"""Withdrawals in a real etcd, as they are wanted."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from coalmine_aggregator.actuate.etcd.etcd_error import EtcdRefusedError, EtcdUnreachableError
from coalmine_aggregator.actuate.etcd.output import EtcdOutput
from coalmine_aggregator.actuate.etcd.record import encode, record_of
from coalmine_aggregator.demo.ports import free_port
from coalmine_aggregator.model.withdrawal import Mode, Phase
from tests.aggregator.actuate.etcd.etcd_reach import reach
from tests.aggregator.actuate.running import running, until_out, until_trouble
from tests.aggregator.actuate.words import withdrawal, word, words
from tests.servers.etcd import Etcd, User
from tests.servers.waiting import until

FOLDER = "coalmine/withdrawn/"


async def nodes(etcd: Etcd, token: str = "") -> list[str]:
    return [key.removeprefix(FOLDER) for key in sorted(await etcd.keys(FOLDER, token))]


async def until_keys(etcd: Etcd, *wanted: str) -> None:
    async def so() -> bool:
        return await nodes(etcd) == list(wanted)

    await until(so, deadline_s=10.0, what=f"keys are {wanted}", explain=etcd.tail)


async def test_keys_follow_what_is_wanted(etcd: Etcd) -> None:
    output = EtcdOutput(reach(etcd.url), "agg-a")
    async with running(output, word(withdrawal("web-3", Phase.DRAIN))) as say:
        await until_keys(etcd, "ingest/web-3")
        (value,) = (await etcd.keys(FOLDER)).values()
        record = json.loads(value)
        assert (record["phase"], record["aggregator"], record["lease_s"]) == ("drain", "agg-a", 20.0)
        say(word("web-3", "web-1"), word("db-1", service="sql", nodes=("db-1", "db-2")))
        await until_keys(etcd, "ingest/web-1", "ingest/web-3", "sql/db-1")
        await until_out(output, "web-1", "web-3")
        assert b'"phase":"down"' in (await etcd.keys(FOLDER))[f"{FOLDER}ingest/web-3"]
        say(word(), word(service="sql", nodes=("db-1", "db-2")))
        await until_keys(etcd)
        await until_out(output)
        assert output.standing().trouble == ""


async def test_what_somebody_deletes_or_overwrites_is_put_again(etcd: Etcd) -> None:
    output = EtcdOutput(reach(etcd.url), "agg-a")
    async with running(output, word("web-3")):
        await until_keys(etcd, "ingest/web-3")
        ours = (await etcd.keys(FOLDER))[f"{FOLDER}ingest/web-3"]
        await etcd.call("kv/deleterange", {"key": "AA==", "range_end": "AA=="})
        await until_keys(etcd, "ingest/web-3")
        await etcd.put(f"{FOLDER}ingest/web-3", "mine")

        async def mended() -> bool:
            return (await etcd.keys(FOLDER)) == {f"{FOLDER}ingest/web-3": ours}

        await until(mended, deadline_s=10.0, what="it is as wanted again")


async def test_a_lease_that_somebody_revokes_is_granted_anew(etcd: Etcd) -> None:
    output = EtcdOutput(reach(etcd.url), "agg-a")
    async with running(output, word("web-3")):
        await until_keys(etcd, "ingest/web-3")
        (lease,) = (await etcd.call("lease/leases", {}))["leases"]
        await etcd.call("lease/revoke", lease)

        async def anew() -> bool:
            leases = (await etcd.call("lease/leases", {})).get("leases", [])
            return lease not in leases and await nodes(etcd) == ["ingest/web-3"]

        await until(anew, deadline_s=10.0, what="it is there under another lease")


@pytest.mark.parametrize("right", ["WRITE", "READ"])
async def test_a_lease_is_not_kept_alive_by_who_can_no_longer_bring_nodes_in(
    etcd: Etcd, right: str
) -> None:
    """As where its rights were taken, but for one: who cannot return a node must not keep it out."""
    users = [User("agg", "secret", ("READWRITE", FOLDER)), User("less", "less", (right, FOLDER))]
    await etcd.close_to_others(users)
    output = EtcdOutput(reach(etcd.url, user=("agg", "secret")), "agg-a")
    async with running(output, word("web-3", lease_s=9.0)) as say:
        await until_out(output, "web-3")
        for call, role in (("grant", "less"), ("revoke", "agg")):
            asked = {"role": role, "user" if call == "grant" else "name": "agg"}
            answer = await etcd.call(f"auth/user/{call}", asked, await etcd.token("root", "root"))
            assert "error" not in answer, answer
        say(word(lease_s=9.0))
        await until_trouble(output, "permission denied")

        async def gone() -> bool:
            return await nodes(etcd, await etcd.token("root", "root")) == []

        await until(gone, deadline_s=40.0, what="the lease has ended", explain=etcd.tail)


@pytest.mark.parametrize("mode", [Mode.DRY_RUN, Mode.STOPPED])
async def test_a_dry_run_and_a_stop_take_back_what_we_have_said(etcd: Etcd, mode: Mode) -> None:
    theirs = encode(record_of(withdrawal("web-1"), "agg-b", 20.0))
    output = EtcdOutput(reach(etcd.url), "agg-a")
    async with running(output, word("web-3")) as say:
        await until_keys(etcd, "ingest/web-3")
        say(word("web-3", mode=Mode.STANDBY))
        await etcd.put(f"{FOLDER}ingest/web-1", theirs)
        say(word("web-3", mode=mode))
        await until_keys(etcd, "ingest/web-1")


async def test_on_standby_everything_is_left_as_it_is(etcd: Etcd) -> None:
    ours = EtcdOutput(reach(etcd.url), "agg-a")
    theirs = EtcdOutput(reach(etcd.url), "agg-b")
    async with running(ours, word("web-3")) as say, running(theirs, word(mode=Mode.STANDBY)) as they:
        await until_keys(etcd, "ingest/web-3")
        say(word("web-3", mode=Mode.STANDBY))
        they(word("web-3"))  # handed over: it goes on without a gap

        async def taken_over() -> bool:
            return b"agg-b" in (await etcd.keys(FOLDER)).get(f"{FOLDER}ingest/web-3", b"")

        await until(taken_over, deadline_s=10.0, what="the other stands behind it")
        they(word())
        await until_keys(etcd)
        await asyncio.sleep(0.5)
        assert await nodes(etcd) == []
        assert theirs.standing().trouble == ""


@pytest.mark.parametrize(("name", "node"), [("agg-b", "web-1"), ("agg-a", "web-3")])
async def test_two_that_both_decide_are_told_of_it(etcd: Etcd, name: str, node: str) -> None:
    """Also where they have the same name, or want the same."""
    ours, theirs = EtcdOutput(reach(etcd.url), "agg-a"), EtcdOutput(reach(etcd.url), name)
    async with running(ours, word("web-3")), running(theirs, word(node)):
        await until_trouble(ours, "against us")
        await until_trouble(theirs, "against us")


async def test_a_prefix_is_kept_to(etcd: Etcd) -> None:
    strangers = ["coalmine/withdrawn", "other/withdrawn/ingest/web-1", "coalmine-2/withdrawn/x/y"]
    for key in strangers:
        await etcd.put(key, "x")
    output = EtcdOutput(reach(etcd.url), "agg-a")
    async with running(output, word("web-3")) as say:
        await until_keys(etcd, "ingest/web-3")
        say(word())
        await until_keys(etcd)
    await output.clear()
    assert sorted({**await etcd.keys("coal"), **await etcd.keys("oth")}) == sorted(strangers)


async def test_clear_takes_back_everything_from_a_process_of_its_own(etcd: Etcd) -> None:
    for name, node in (("agg-a", "web-1"), ("agg-b", "web-2")):
        value = encode(record_of(withdrawal(node), name, 20.0))
        await etcd.put(f"{FOLDER}ingest/{node}", value)
    await EtcdOutput(reach(etcd.url), "agg-a").clear()
    assert await nodes(etcd) == []
    gone = EtcdOutput(reach(f"http://127.0.0.1:{free_port()}"), "agg-a")
    with pytest.raises(EtcdUnreachableError):
        await gone.clear()


async def test_a_role_for_the_prefix_is_enough(etcd: Etcd) -> None:
    await etcd.close_to_others([User("coalmine", "battery", ("READWRITE", "coalmine/"))])
    root = await etcd.token("root", "root")
    output = EtcdOutput(reach(etcd.url, user=("coalmine", "battery")), "agg-a")
    async with running(output, word("web-3")) as say:
        await until_out(output, "web-3")
        assert await nodes(etcd, root) == ["ingest/web-3"]
        say(word())
        await until_out(output)
        await output.clear()
    outside = EtcdOutput(reach(etcd.url, prefix="other", user=("coalmine", "battery")), "agg-a")
    async with running(outside, word("web-3")):
        await until_trouble(outside, "permission denied")
    with pytest.raises(EtcdRefusedError, match="permission denied"):
        await outside.clear()


async def test_an_etcd_without_space_still_brings_nodes_in(tmp_path: Path) -> None:
    etcd = Etcd(tmp_path / "etcd", quota=200_000)
    await etcd.start()
    output = EtcdOutput(reach(etcd.url), "agg-a")
    try:
        async with running(output, word("web-3")) as say:
            await until_keys(etcd, "ingest/web-3")

            async def full() -> bool:
                answer = await etcd.put("much", "x" * 20_000)
                return "database space exceeded" in answer.get("error", "")

            await until(full, deadline_s=20.0, what="it takes no more", explain=etcd.tail)
            say(word("web-1"))
            await until_keys(etcd)
            await until_trouble(output, "database space exceeded")
    finally:
        await etcd.kill()


async def test_an_old_word_said_again_keeps_no_lease_alive(etcd: Etcd) -> None:
    output = EtcdOutput(reach(etcd.url), "agg-a")
    last = word("web-3", at=5.0, lease_s=3.0)

    async def unknown() -> bool:
        return output.standing().out is None

    task = asyncio.create_task(output.run())
    try:
        output.show(words(last))
        await until_keys(etcd, "ingest/web-3")

        async def ended() -> bool:
            output.show(words(last))
            return not await nodes(etcd)

        await until(ended, deadline_s=10.0, what="nobody is out any more")
        await until(unknown, deadline_s=10.0, what="nobody knows")
    finally:
        task.cancel()
        await asyncio.wait([task])
