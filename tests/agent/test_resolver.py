"""Look-ups against a name server that answers, refuses, hangs."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from pathlib import Path

import aiodns
import pytest

from coalmine_agent.resolver import PATIENCE_S, Addresses, ResolveError, Resolver
from coalmine_agent.target import Target, literal_address
from coalmine_runtime.clock import monotonic
from coalmine_wire.protocols import Protocol
from coalmine_wire.reports import Step, Verdict
from tests.agent.attempts import attempt, listener, plan_for
from tests.agent.dns import REFUSED, NameServer, name_server

NAME = "carbon.example"


async def look_up(resolver: Resolver, name: str = NAME) -> Addresses | ResolveError:
    answer: asyncio.Future[Addresses | ResolveError] = asyncio.get_running_loop().create_future()
    resolver.look_up(name, socket.AF_INET, answer.set_result)
    return await answer


def resolver_at(server: NameServer, fresh_at_least_s: float = 0.0) -> Resolver:
    return Resolver([f"127.0.0.1:{server.port}"], fresh_at_least_s=fresh_at_least_s)


async def test_answers_in_full() -> None:
    async with name_server() as server:
        server.addresses = ["192.0.2.1", "192.0.2.2"]
        resolver = resolver_at(server)
        answer = await look_up(resolver)
        await resolver.close()
    assert isinstance(answer, Addresses)
    assert set(answer.found) == {(socket.AF_INET, "192.0.2.1"), (socket.AF_INET, "192.0.2.2")}
    assert answer.stale == ""


async def test_an_answer_holds_for_its_time_to_live() -> None:
    async with name_server() as server:
        server.addresses, server.ttl_s = ["192.0.2.1"], 60
        resolver = resolver_at(server)
        await look_up(resolver)
        at_once: list[object] = []
        assert resolver.look_up(NAME, socket.AF_INET, at_once.append) is None
        await resolver.close()
    assert at_once == [Addresses(((socket.AF_INET, "192.0.2.1"),))]
    assert resolver.queries == 1


async def test_attempts_at_one_time_share_a_query() -> None:
    async with name_server() as server:
        server.addresses = ["192.0.2.1"]
        resolver = resolver_at(server)
        answers = await asyncio.gather(*(look_up(resolver) for _ in range(20)))
        await resolver.close()
    assert resolver.queries == 1
    assert len(answers) == 20


async def test_an_unknown_name_is_an_error() -> None:
    async with name_server() as server:
        server.code = 3
        resolver = resolver_at(server)
        answer = await look_up(resolver)
        await resolver.close()
    assert isinstance(answer, ResolveError)
    assert NAME in str(answer)


async def test_a_failing_server_leaves_the_last_good_addresses() -> None:
    async with name_server() as server:
        server.addresses = ["192.0.2.1"]
        resolver = resolver_at(server)
        await look_up(resolver)
        server.code = REFUSED
        answer = await look_up(resolver)
        await resolver.close()
    assert isinstance(answer, Addresses)
    assert answer.found == ((socket.AF_INET, "192.0.2.1"),)
    assert answer.stale
    assert resolver.stale_uses == 1
    assert resolver.failures == 1


async def test_a_hanging_server_leaves_them_after_a_while_and_then_at_once() -> None:
    async with name_server() as server:
        server.addresses = ["192.0.2.1"]
        resolver = resolver_at(server)
        await look_up(resolver)
        server.silent = True
        began = monotonic()
        first = await look_up(resolver)
        waited_s = monotonic() - began
        at_once: list[object] = []
        resolver.look_up(NAME, socket.AF_INET, at_once.append)
        await resolver.close()
    assert waited_s == pytest.approx(PATIENCE_S, abs=0.1)
    assert isinstance(first, Addresses)
    assert first.stale
    assert at_once == [first]


class Behind(Resolver):
    """Reads the test's file where c-ares reads the system's."""

    def _open(self) -> aiodns.DNSResolver:
        self._nameservers = self._resolv_conf.read_text().split()[1:]
        return super()._open()


async def test_name_servers_that_changed_behind_a_link_are_asked(tmp_path: Path) -> None:
    """As NetworkManager does it. The query that was on its way to the old one has its answer."""
    there, resolv_conf = tmp_path / "there", tmp_path / "resolv.conf"
    resolv_conf.symlink_to(there)
    async with name_server() as old, name_server() as new:
        there.write_text(f"nameserver 127.0.0.1:{old.port}\n")
        old.addresses, new.addresses = ["192.0.2.1"], ["192.0.2.2"]
        resolver = Behind(fresh_at_least_s=0.0, resolv_conf=resolv_conf)
        first = await look_up(resolver)
        there.rename(tmp_path / "gone")
        without = await look_up(resolver)
        under_way = asyncio.create_task(look_up(resolver, "other.example"))
        await asyncio.sleep(0)
        (tmp_path / "next").write_text(f"nameserver 127.0.0.1:{new.port}\n")
        (tmp_path / "next").rename(there)
        second, other = await asyncio.gather(look_up(resolver), under_way)
        await resolver.close()
    assert first == Addresses(((socket.AF_INET, "192.0.2.1"),))
    assert without == other == first
    assert second == Addresses(((socket.AF_INET, "192.0.2.2"),))


async def test_one_given_up_is_never_called() -> None:
    async with name_server() as server:
        server.silent = True
        resolver = resolver_at(server)
        answers: list[object] = []
        give_up = resolver.look_up(NAME, socket.AF_INET, answers.append)
        assert give_up is not None
        await server.asked.get()
        give_up()
        give_up()
        await resolver.close()
    assert answers == []


async def test_an_attempt_is_abandoned_while_its_name_hangs() -> None:
    async with name_server() as server:
        server.silent = True
        resolver = resolver_at(server)
        ended = await attempt(
            plan_for(Protocol.TCP, 2003, host=NAME), deadline_s=0.2, resolver=resolver
        )
        await resolver.close()
    assert ended.outcome.verdict is Verdict.ABANDONED
    assert ended.outcome.step is Step.RESOLVE
    assert ended.took_s == pytest.approx(0.2, abs=0.05)


async def test_an_attempt_says_that_its_address_was_the_last_good_one() -> None:
    async with name_server() as server, listener() as served:
        server.addresses = ["127.0.0.1"]
        resolver = resolver_at(server)
        plan = plan_for(Protocol.TCP, served.port, host=NAME)
        fresh = await attempt(plan, resolver=resolver)
        server.code = REFUSED
        stale = await attempt(plan, resolver=resolver)
        await resolver.close()
    assert fresh.outcome.verdict is Verdict.SENT
    assert fresh.us(Step.RESOLVE) > 0
    assert fresh.outcome.error == ""
    assert stale.outcome.verdict is Verdict.SENT
    assert stale.outcome.error.startswith("last good address: ")


async def test_the_hosts_file_counts() -> None:
    resolver = Resolver()
    answer = await look_up(resolver, "localhost")
    await resolver.close()
    assert isinstance(answer, Addresses)
    assert (socket.AF_INET, "127.0.0.1") in answer.found


@pytest.mark.parametrize(
    ("host", "sockaddr"),
    [
        ("192.0.2.1", ("192.0.2.1", 2003)),
        ("2001:db8::1", ("2001:db8::1", 2003, 0, 0)),
        ("fe80::1%7", ("fe80::1", 2003, 0, 7)),
        ("carbon.example", None),
        ("1234", None),
        ("", None),
    ],
)
def test_literal_addresses_take_no_look_up(host: str, sockaddr: object) -> None:
    address = literal_address(host, 2003)
    assert (address and address.sockaddr) == sockaddr


V6, V4 = socket.AF_INET6, socket.AF_INET
FOUND = [(V6, "2001:db8::1"), (V6, "2001:db8::2"), (V4, "192.0.2.1")]


def chosen(target: Target, found: Sequence[tuple[int, str]], slot: int) -> list[str]:
    return [address.sockaddr[0] for address in target.choose(found, slot)]


def test_addresses_take_turns_within_the_first_family() -> None:
    target = Target(0, plan_for(Protocol.TCP, 2003, host=NAME))
    assert chosen(target, FOUND, 6) == ["2001:db8::1", "192.0.2.1"]
    assert chosen(target, FOUND, 7) == ["2001:db8::2", "192.0.2.1"]
    assert chosen(target, FOUND[:2], 8) == ["2001:db8::1"]  # there is no other family


def test_the_family_that_was_reached_last_comes_first() -> None:
    target = Target(0, plan_for(Protocol.TCP, 2003, host=NAME))
    target.reached(V4)
    assert chosen(target, FOUND, 6) == ["192.0.2.1", "2001:db8::1"]
    first, other = target.choose(FOUND, 6)
    target.unreachable(first, other)  # in time: a black hole leaves none for the other family
    assert chosen(target, FOUND, 7) == ["2001:db8::2", "192.0.2.1"]
    target.unreachable(target.choose(FOUND, 7)[0], None)
    assert chosen(target, FOUND, 7) == ["2001:db8::2", "192.0.2.1"]


def test_on_loopback_ipv4_comes_first() -> None:
    target = Target(0, plan_for(Protocol.UDP, 2003, host="localhost"))
    assert chosen(target, [(V6, "::1"), (V4, "127.0.0.1")], 6) == ["127.0.0.1", "::1"]
