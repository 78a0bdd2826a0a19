"""A proxy's word: believed from its addresses alone, and only where it is unmistakable."""

from __future__ import annotations

import pytest
from multidict import CIMultiDict

from coalmine_aggregator.access.proxies import AmbiguousError, Passed, Proxies
from coalmine_aggregator.access.roles import Role
from coalmine_aggregator.access.settings import ProxySettings
from coalmine_runtime.quantities import parse_network

PROXIES = Proxies(
    ProxySettings(
        addresses=[parse_network("10.0.0.0/24"), parse_network("fd00::/8")],
        user_header="X-User",
        groups_header="X-Groups",
        viewer=["*"],
        operator=["sre"],
    )
)


def headers(*pairs: tuple[str, str]) -> CIMultiDict[str]:
    return CIMultiDict(pairs)


@pytest.mark.parametrize(
    ("peer", "trusted"),
    [
        ("10.0.0.7", True),
        ("::ffff:10.0.0.7", True),
        ("fd00::1", True),
        ("10.0.1.7", False),
        ("127.0.0.1", False),
        ("", False),
        ("10.0.0.7, 1.2.3.4", False),
        ("fd00::1%eth0", True),
    ],
)
def test_who_is_believed(peer: str, trusted: bool) -> None:
    assert PROXIES.trusts(peer) is trusted
    said = PROXIES.person(peer, headers(("x-user", "ada"), ("X-Groups", "sre")))
    assert said == (Passed("ada", Role.OPERATOR) if trusted else None)
    assert not Proxies(None).trusts(peer)


@pytest.mark.parametrize(
    "pairs",
    [
        (("X-User", "ada"), ("x-user", "root")),
        (("X-User", "  "),),
        (("X-User", "a" * 256),),
        (("X-User", "ada\x1b[31m"),),
        (("X-User", "ada\nroot"),),
        (("X-User", "ada"), ("X-Groups", "sre"), ("X-Groups", "sre")),
    ],
)
def test_a_header_that_could_mean_anybody_is_refused(pairs: tuple[tuple[str, str], ...]) -> None:
    with pytest.raises(AmbiguousError) as caught:
        PROXIES.person("10.0.0.7", headers(*pairs))
    assert str(caught.value).isprintable()
    assert PROXIES.person("8.8.8.8", headers(*pairs)) is None


def test_groups() -> None:
    def role(groups: str) -> Role | None:
        said = PROXIES.person("10.0.0.7", headers(("X-User", "ada"), ("X-Groups", groups)))
        assert said is not None
        return said.role

    assert role("sre") is Role.OPERATOR
    assert role(" a , sre ,b") is Role.OPERATOR
    assert role("SRE") is Role.VIEWER
    assert role("sre2") is Role.VIEWER
    assert role("*") is Role.VIEWER
    assert role("x," * 100_000) is Role.VIEWER


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        ((), "10.0.0.7"),
        (("1.2.3.4",), "1.2.3.4"),
        (("6.6.6.6, 1.2.3.4",), "1.2.3.4"),
        (("6.6.6.6, 1.2.3.4, 10.0.0.9",), "1.2.3.4"),
        (("6.6.6.6", "1.2.3.4"), "1.2.3.4"),
        (("unknown",), "10.0.0.7"),
        (("1.2.3.4, junk",), "10.0.0.7"),
        (("10.0.0.8",), "10.0.0.8"),
        (("2001:db8::1",), "2001:db8::1"),
        ((",".join(["1.2.3.4"] * 1000),), "10.0.0.7"),
    ],
)
def test_whose_request_it_is(forwarded: tuple[str, ...], client: str) -> None:
    given = headers(*(("X-Forwarded-For", each) for each in forwarded))
    assert PROXIES.client("10.0.0.7", given) == client
    assert PROXIES.client("8.8.8.8", given) == "8.8.8.8"
