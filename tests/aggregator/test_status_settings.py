"""The configuration of a status page: a short one is enough, and a bad one says where."""

from __future__ import annotations

from pathlib import Path

import pytest

from coalmine_aggregator.status.components import Component, Publish
from coalmine_aggregator.status.state import (
    FORGET_S,
    MAX_BETTER_S,
    MAX_WINDOW_S,
    MAX_WORSE_S,
    MEMORY_S,
    StateRules,
)
from coalmine_aggregator.status_settings import StatusPageSettings, load_components
from coalmine_runtime.settings import ConfigError, load, loads

BAD = Path(__file__).parent / "bad_status_pages"

SHORT = """
store: sqlite:////var/lib/coalmine/history.db
page: {name: Example}
components:
  - {id: udp, name: UDP ingestion, service: ingest, protocols: [udp]}
"""


@pytest.mark.parametrize("config", sorted(BAD.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_bad_configuration_says_where(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(BAD)
    with pytest.raises(ConfigError) as caught:
        load(StatusPageSettings, config.name, {})
    assert str(caught.value) == config.with_suffix(".txt").read_text().rstrip("\n")


def test_a_short_configuration_is_enough() -> None:
    settings = loads(StatusPageSettings, SHORT, {})
    plan = settings.plan()
    assert plan.components.all == (Component("udp", "UDP ingestion", "ingest", protocols=("udp",)),)
    assert (plan.fleet, plan.state, plan.zone.key, plan.url) == ("default", StateRules(), "UTC", "")
    assert settings.listen.loopback
    assert (settings.export, settings.certificate) == (None, None)


def test_the_page_s_address_ends_without_a_slash() -> None:
    settings = loads(
        StatusPageSettings,
        SHORT.replace("{name: Example}", "{name: Example, url: 'https://status.example.com/'}"),
        {},
    )
    assert settings.plan().url == "https://status.example.com"
    assert settings.plan().info.url == "https://status.example.com"


def test_there_is_room_for_so_many_components() -> None:
    many = "\n".join(f"  - {{id: c{n}, name: C{n}, service: ingest}}" for n in range(201))
    text = f"store: sqlite:///h.db\npage: {{name: Example}}\ncomponents:\n{many}\n"
    with pytest.raises(ConfigError, match="components: more than 200"):
        loads(StatusPageSettings, text, {})


def test_components_are_read_without_the_password_and_the_certificate(tmp_path: Path) -> None:
    path = tmp_path / "status-page.yaml"
    path.write_text(
        "store: postgresql://status:${NOT_SET}@db/coalmine\n"
        "certificate: {certificate_file: /not/there.pem, private_key_file: /not/there.key}\n"
        "page: {name: Example}\n"
        "components:\n"
        "  - {id: udp, name: UDP, service: ingest, publish: held}\n"
        "state: {degraded: 2%}\n"
    )
    components = load_components(path)
    (component,) = components.all
    assert component == Component("udp", "UDP", "ingest", publish=Publish.HELD)
    assert components.least_share == 0.02


def test_components_that_cannot_be_say_where(tmp_path: Path) -> None:
    path = tmp_path / "status-page.yaml"
    path.write_text("page: {name: Example}\ncomponents:\n  - {id: udp, name: UDP}\n")
    with pytest.raises(ConfigError) as caught:
        load_components(path)
    assert str(caught.value) == (
        f"{path}:3: components[0].service: is missing (The service that it is part of)"
    )
    path.write_text("page: {name: Example}\n")
    with pytest.raises(ConfigError, match="components: is missing"):
        load_components(path)


def test_an_hour_is_enough_for_whatever_may_be_set() -> None:
    assert FORGET_S + MAX_WORSE_S + MAX_WINDOW_S <= MEMORY_S
    assert MAX_BETTER_S <= FORGET_S
