"""URLs and hosts of settings: what is taken, what is refused, and what no error repeats."""

from __future__ import annotations

import pytest

from coalmine_runtime.quantities import Address, is_host
from coalmine_runtime.url import Url, split_url


def split(text: str) -> Url:
    return split_url(text, schemes=("https",), example="https://h/path")


def test_takes_a_url_apart() -> None:
    assert split("https://Carbon.example:8443/a/b?c=d") == (
        "https",
        "carbon.example",
        8443,
        "/a/b",
        "c=d",
    )
    assert split("https://[2001:db8::1]") == ("https", "2001:db8::1", None, "", "")


@pytest.mark.parametrize(
    "text",
    [
        "http://h/",
        "https:///path",
        "https://h:0/",
        "https://h:99999/",
        "https://h/#part",
        "https://h/a b",
        "https://h/ü",
        "https://a..b/",
        "https://[::g]/",
    ],
)
def test_refuses(text: str) -> None:
    with pytest.raises(ValueError, match=r"URL|host"):
        split(text)


@pytest.mark.parametrize(
    "text",
    [
        "https://user:sesame@h/",
        "https:/user:sesame@h/",
        "user:sesame@h:8883",
        "https://user:sesame@h:port/",
    ],
)
def test_an_error_never_repeats_a_password(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w") as caught:
        split(text)
    assert "sesame" not in str(caught.value)


def test_an_address_with_a_key_in_front_is_not_repeated() -> None:
    with pytest.raises(ValueError, match="host:port") as caught:
        Address.parse("sesame@carbon.example:2003")
    assert "sesame" not in str(caught.value)


@pytest.mark.parametrize("text", ["carbon.example.", "a_b", "münchen.example", "::1", "fe80::1%eth0"])
def test_hosts(text: str) -> None:
    assert is_host(text)


@pytest.mark.parametrize(
    "text", ["", ".", "a..b", "x" * 64, "a." * 127 + "b", "a b", "a/b", "::g", "\x00"]
)
def test_no_hosts(text: str) -> None:
    assert not is_host(text)
