"""`coalmine status-page`: what it says of a configuration, and what it exports."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import yaml

from coalmine_aggregator.store.database import open_engine
from tests.cli.running import run


def config(folder: Path, **more: object) -> Path:
    file = folder / "status-page.yaml"
    settings: dict[str, object] = {
        "store": f"sqlite:///{folder}/history.db",
        "page": {"name": "Example"},
        "components": [{"id": "udp", "name": "UDP", "service": "ingest", "protocols": ["udp"]}],
    }
    file.write_text(yaml.safe_dump(settings | more))
    return file


def make_store(folder: Path) -> None:
    open_engine(f"sqlite:///{folder}/history.db").dispose()


async def test_check_opens_nothing(tmp_path: Path) -> None:
    file = config(tmp_path)
    done = await run("status-page", "check", str(file))
    assert done == (0, f"{file}: fine: 1 component\n", "")
    assert not (tmp_path / "history.db").exists()


async def test_what_is_wrong_with_a_configuration_is_told_with_its_line(tmp_path: Path) -> None:
    file = config(tmp_path, componets=[])
    for words in (("check", str(file)), ("run", str(file)), ("export", str(file), str(tmp_path / "x"))):
        done = await run("status-page", *words)
        assert (done.code, done.out) == (2, "")
        assert done.err.startswith(f"{file}:")
        assert 'componets: unknown key; did you mean "components"?' in done.err


async def test_export_writes_a_copy_and_says_how_large_it_is(tmp_path: Path) -> None:
    make_store(tmp_path)
    target = tmp_path / "site"
    done = await run("status-page", "export", str(config(tmp_path)), str(target))
    files = [path for path in target.resolve().rglob("*") if path.is_file()]
    assert done == (0, f"{target}: {len(files)} files\n", "")
    assert "UDP" in (target / "index.html").read_text()


async def test_export_goes_where_the_configuration_says(tmp_path: Path) -> None:
    make_store(tmp_path)
    done = await run("status-page", "export", str(config(tmp_path, export={"to": "site"})))
    assert done.code == 0
    assert (tmp_path / "site" / "index.html").exists()


async def test_export_without_a_place_says_what_to_give(tmp_path: Path) -> None:
    file = config(tmp_path)
    done = await run("status-page", "export", str(file))
    expected = f'coalmine status-page: give a directory, or "export" in {file}\n'
    assert done == (2, "", expected)


@pytest.mark.parametrize("trouble", ["no store", "not ours"])
async def test_what_cannot_be_exported_is_one_line_and_touches_nothing(
    tmp_path: Path, trouble: str
) -> None:
    target = tmp_path / "site"
    expected = f"{tmp_path}/history.db: no such file"
    if trouble == "not ours":
        make_store(tmp_path)
        target.mkdir()
        (target / "mine").write_text("precious")
        expected = f"{target}: holds something that no export wrote; give another folder"
    done = await run("status-page", "export", str(config(tmp_path)), str(target))
    assert done == (1, "", f"coalmine status-page: {expected}\n")
    assert [path.name for path in target.glob("*")] == (["mine"] if trouble == "not ours" else [])


async def test_a_port_that_is_taken_is_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = await run("status-page", "run", str(config(tmp_path, listen=address)))
    assert done == (2, "", f"coalmine status-page: listen {address}: Address already in use\n")
