"""What a request is answered with, see RFC 9110."""

from __future__ import annotations

from email.utils import formatdate
from gzip import decompress
from http import HTTPStatus

import pytest

from coalmine_aggregator.status.render import render
from coalmine_aggregator.status_page.answers import HEADERS, HEALTH, Asked, answer, takes_gzip
from tests.aggregator.status import sites

SITE = render(sites.outage())
PAGE = SITE["index.html"]
HOSTS = frozenset({"localhost", "status.example.com"})


def asked(path: str = "/", method: str = "GET", **headers: str) -> Asked:
    return Asked(method, path, {name.replace("_", "-"): value for name, value in headers.items()})


def test_a_document_is_sent_whole_or_compressed() -> None:
    plain = answer(asked(), SITE)
    assert (plain.status, plain.body) == (HTTPStatus.OK, PAGE.body)
    assert "Content-Encoding" not in plain.headers
    small = answer(asked(accept_encoding="br, gzip"), SITE)
    assert small.headers["Content-Encoding"] == "gzip"
    assert decompress(small.body) == PAGE.body
    assert len(small.body) < len(plain.body) / 3
    for each in (plain, small):
        assert each.headers.items() >= {**PAGE.headers(), **HEADERS}.items()
        assert each.headers["Vary"] == "Accept-Encoding"


def test_every_document_is_found_and_names_its_policy() -> None:
    for name, document in SITE.items():
        found = answer(asked(f"/{name}"), SITE)
        assert found.status is HTTPStatus.OK
        assert found.body == document.body
        assert found.headers["X-Content-Type-Options"] == "nosniff"
        assert "Set-Cookie" not in found.headers
        if name.endswith(".html"):
            assert "script-src 'self'" in found.headers["Content-Security-Policy"]
        allowed = found.headers.get("Access-Control-Allow-Origin")
        assert allowed == ("*" if name.endswith((".json", ".atom", ".rss")) else None)


@pytest.mark.parametrize(
    ("header", "has_it"),
    [
        (PAGE.etag, True),
        (PAGE.etag.removeprefix("W/"), True),
        (f'"other", {PAGE.etag}', True),
        ("*", True),
        ('"other"', False),
        ("", False),
    ],
)
def test_who_has_a_document_is_told_so(header: str, has_it: bool) -> None:
    found = answer(asked(if_none_match=header), SITE)
    assert found.status is (HTTPStatus.NOT_MODIFIED if has_it else HTTPStatus.OK)
    assert found.headers["ETag"] == PAGE.etag
    assert (found.body == b"") == has_it


def test_times_say_it_where_no_tag_does() -> None:
    changed = PAGE.last_modified
    for seconds, status in ((0, 304), (60, 304), (-1, 200)):
        header = formatdate(changed + seconds, usegmt=True)
        assert answer(asked(if_modified_since=header), SITE).status == status
    later = formatdate(changed + 60, usegmt=True)
    assert answer(asked(if_modified_since=later, if_none_match='"other"'), SITE).status == 200
    for odd in ("yesterday", "", "Sat, 99 Nov 2026 10:32:42 GMT", "Sat, 28 Nov 99999 10:32:42 GMT"):
        assert answer(asked(if_modified_since=odd), SITE).status == 200


def test_a_folder_without_its_slash_is_one_more_step() -> None:
    found = answer(asked("/history"), SITE)
    assert (found.status, found.headers["Location"]) == (HTTPStatus.MOVED_PERMANENTLY, "history/")


@pytest.mark.parametrize(
    "path", ["/none", "/../etc/passwd", "/index.html/", "//", "/history/999/", "/%2e%2e/x", "*"]
)
def test_what_is_not_there_is_a_page_that_no_cache_keeps(path: str) -> None:
    found = answer(asked(path, if_none_match="*"), SITE)
    assert (found.status, found.body) == (HTTPStatus.NOT_FOUND, SITE["404.html"].body)
    assert found.headers["Cache-Control"] == "no-store"
    assert not {"ETag", "Last-Modified"} & found.headers.keys()


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "X"])
def test_only_reading_is_possible(method: str) -> None:
    found = answer(asked(method=method), SITE)
    assert found.status is HTTPStatus.METHOD_NOT_ALLOWED
    assert found.headers["Allow"] == "GET, HEAD"
    assert found.closes


@pytest.mark.parametrize("header", [{"content_length": "1"}, {"transfer_encoding": "chunked"}])
def test_bodies_are_refused(header: dict[str, str]) -> None:
    found = answer(asked(**header), SITE)
    assert found.status is HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    assert found.closes
    assert answer(asked(content_length="0"), SITE).status is HTTPStatus.OK


@pytest.mark.parametrize(
    ("host", "known"),
    [
        ("status.example.com", True),
        ("Status.Example.com:8443", True),
        ("status.example.com.", True),
        ("localhost:8081", True),
        ("127.0.0.1:8081", True),
        ("[::1]:8081", True),
        ("evil.example", False),
        ("status.example.com.evil.example", False),
        ("", False),
    ],
)
def test_only_known_names_are_answered(host: str, known: bool) -> None:
    found = answer(asked(host=host), SITE, HOSTS)
    assert found.status is (HTTPStatus.OK if known else HTTPStatus.MISDIRECTED_REQUEST)
    assert answer(asked(host=host), SITE).status is HTTPStatus.OK, "where no names are given"


def test_before_there_is_a_site_it_says_when_to_ask_again() -> None:
    for path in ("/", HEALTH, "/none"):
        found = answer(asked(path), None)
        assert found.status is HTTPStatus.SERVICE_UNAVAILABLE
        assert found.headers["Retry-After"] == "5"
    assert answer(asked(HEALTH), SITE).status is HTTPStatus.OK


@pytest.mark.parametrize(
    ("accepted", "takes"),
    [
        ("gzip", True),
        ("GZIP;q=0.5, br", True),
        ("br, *", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000", False),
        ("br", False),
        ("", False),
    ],
)
def test_who_takes_gzip(accepted: str, takes: bool) -> None:
    assert takes_gzip(accepted) == takes
