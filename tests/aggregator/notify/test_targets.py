"""No name, whatever it resolves to and whenever, leads a request where it must not go."""

from __future__ import annotations

import socket

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from hypothesis import given
from hypothesis import strategies as st

from coalmine_aggregator.notify.guarded import guarded
from coalmine_aggregator.notify.http import Client
from coalmine_aggregator.notify.receiver import RefusedError, TryLaterError
from coalmine_aggregator.notify.targets import Target, target_of
from coalmine_aggregator.notify.web_url import WebUrl
from coalmine_runtime.settings import SettingError
from tests.servers.hook import Hook

PUBLIC = ["93.184.215.14", "8.8.8.8", "2606:2800:21f:cb07::1", "64:ff9b::808:808", "2002:808:808::1"]
PRIVATE = ["10.0.0.7", "172.16.9.9", "172.31.255.255", "192.168.1.1", "100.64.0.1", "fd12::1"]
PRIVATE += ["::ffff:10.0.0.7", "64:ff9b::a00:7", "2002:a00:7::1"]
NEVER = [
    *("127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"),
    *("0.0.0.0", "0.1.2.3", "::", "::ffff:0.0.0.0"),
    *("169.254.169.254", "169.254.0.1", "fe80::1", "fe80::1%eth0", "::ffff:169.254.169.254"),
    *("100.100.100.200", "fd00:ec2::254", "2002:a9fe:a9fe::1"),
    *("224.0.0.1", "239.1.1.1", "255.255.255.255", "240.0.0.1", "ff02::1", "fec0::1"),
    *("::127.0.0.1", "::10.0.0.7", "192.0.2.1", "2001:db8::1", "198.18.0.1", "2001::1"),
]


class Names(AbstractResolver):
    """Answers with one list of addresses after the other; the last for good."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked += 1
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address in found
        ]

    async def close(self) -> None:
        pass


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_fine(address: str) -> None:
    assert Target().refusal(address) == ""


@pytest.mark.parametrize("address", PRIVATE)
def test_private_ones_only_where_that_is_meant(address: str) -> None:
    assert address in Target().refusal(address)
    assert "allow_private" in Target().refusal(address)
    assert Target(private=True).refusal(address) == ""


@pytest.mark.parametrize("address", NEVER)
def test_others_never(address: str) -> None:
    for target in (Target(), Target(private=True)):
        assert address in target.refusal(address)


@pytest.mark.parametrize("address", [*PUBLIC, *PRIVATE, "169.254.169.254", "0.0.0.0"])
def test_who_says_loopback_gets_nothing_else(address: str) -> None:
    assert "not this machine" in Target(loopback=True).refusal(address)


@given(st.ip_addresses(v=4))
def test_what_is_mapped_is_judged_as_what_it_is(address: object) -> None:
    for target in (Target(), Target(private=True)):
        plain = target.refusal(str(address))
        assert bool(target.refusal(f"::ffff:{address}")) == bool(plain)


@pytest.mark.parametrize("host", ["10.0.0.7", "[::ffff:10.0.0.7]", "169.254.169.254", "[fe80::1]"])
def test_literal_addresses_are_refused_at_the_start(host: str) -> None:
    with pytest.raises(SettingError, match=r"private|link-local|metadata"):
        target_of(WebUrl.parse(f"https://{host}/x"), private=False)


@pytest.mark.parametrize("address", ["127.0.0.1", "::ffff:127.0.0.1", "10.255.255.1", "0.0.0.0"])
async def test_a_name_that_resolves_to_such_an_address_is_not_connected_to(
    hook: Hook, address: str
) -> None:
    async with guarded(Target(), Names([address])) as session:
        client = Client(session)
        with pytest.raises(TryLaterError, match=address.replace(".", r"\.")):
            await client.post(f"http://x.test:{hook.port}/hook", b"{}", accept=[204])
    assert hook.messages == []


async def test_a_name_that_is_rebound_gets_no_further(hook: Hook) -> None:
    """The same name a second time has another address: each connection is judged by its own."""
    names = Names(["127.0.0.1"], ["10.0.0.7"])
    async with guarded(Target(loopback=True), names) as session:
        connector = session.connector
        assert isinstance(connector, aiohttp.TCPConnector)
        url, alone = f"http://x.test:{hook.port}/hook", {"Connection": "close"}
        await Client(session).post(url, b"{}", accept=[204], headers=alone)
        connector.clear_dns_cache()
        with pytest.raises(TryLaterError, match=r"10\.0\.0\.7 is not this machine"):
            await Client(session).post(url, b"{}", accept=[204], headers=alone)
    assert names.asked == 2
    assert len(hook.messages) == 1


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f.0.0.1", "0177.0.0.1", "0"])
async def test_numbers_that_the_system_reads_as_addresses_are_looked_at_too(
    hook: Hook, host: str
) -> None:
    target = target_of(WebUrl.parse(f"http://{host}:{hook.port}/hook"), private=False)
    async with guarded(target) as session:
        with pytest.raises((TryLaterError, RefusedError)):
            await Client(session).post(f"http://{host}:{hook.port}/hook", b"{}", accept=[204])
    assert hook.messages == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_who_says_loopback_reaches_it(hook: Hook, host: str) -> None:
    url = WebUrl.parse(f"http://{host}:{hook.port}/hook")
    async with guarded(target_of(url, private=False)) as session:
        await Client(session).post(url.text, b"{}", accept=[204])
    assert len(hook.messages) == 1


async def test_a_session_of_its_own_is_closed_and_a_shared_one_is_not() -> None:
    async with aiohttp.ClientSession() as shared:
        await Client(shared).close()
        assert not shared.closed
    own = guarded(Target())
    await Client(own, owned=True).close()
    assert own.closed
