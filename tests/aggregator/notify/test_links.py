"""Links to the page: what the page of an alert shows, and what labels may hold."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from coalmine_aggregator.model.scopes import Scope
from coalmine_aggregator.notify.links import Links
from coalmine_aggregator.notify.web_url import WebUrl
from coalmine_aggregator.settings import WebSettings
from coalmine_runtime.settings import SettingError
from tests.aggregator.store.samples import alert

BEGAN = 1_763_608_320


def view(base: str, scope: Scope = (("protocol", "udp"),)) -> str:
    return Links(base, "ingest").view(alert()._replace(since=BEGAN, scope=scope))


@pytest.mark.parametrize("base", ["https://coalmine.example", "https://coalmine.example/"])
def test_the_page_as_it_stood_narrowed_to_the_scope(base: str) -> None:
    assert view(base) == "https://coalmine.example/?at=2025-11-20T03:12:00Z&scope=protocol:udp"


def test_without_a_base_there_is_no_link() -> None:
    assert view("") == ""


def test_all_of_a_service_has_no_scope() -> None:
    assert view("https://c.example/sub", ()) == "https://c.example/sub/?at=2025-11-20T03:12:00Z"


def test_one_of_several_services_is_named() -> None:
    link = Links("https://c.example").view(alert()._replace(since=BEGAN))
    assert link == "https://c.example/?at=2025-11-20T03:12:00Z&scope=service:ingest,protocol:udp"


def test_hostile_values_stay_within_the_scope() -> None:
    hostile = "a&b=c#d <x>\n:,"
    link = view("https://c.example", (("region", hostile), ("zone", "z1")))
    assert parse_qs(urlsplit(link).query)["scope"] == [f"region:{hostile},zone:z1"]
    assert urlsplit(link).fragment == ""
    assert link.isprintable()


def test_the_public_address_has_no_query() -> None:
    with pytest.raises(SettingError, match="query"):
        WebSettings(url=WebUrl.parse("https://c.example/?a=b"))
