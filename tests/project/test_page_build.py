"""The build hook: uPlot beside the page's files, from the lock file, asked for once."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
WEB = Path("aggregator/coalmine_aggregator/web")


@pytest.fixture
def hook() -> ModuleType:
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """The sources as they are cloned: nothing is vendored yet."""
    (tmp_path / WEB / "static").mkdir(parents=True)
    shutil.copytree(ROOT / WEB / "npm", tmp_path / WEB / "npm")
    return tmp_path


def test_the_hook_vendors_what_the_lock_names_and_then_asks_nobody(
    hook: ModuleType, sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")  # no node or npm of the machine's own
    assert hook.vendor(sources)
    vendored = sources / WEB / "static" / "vendor"
    locked = json.loads((ROOT / WEB / "npm" / "package-lock.json").read_text())["packages"]
    head = (vendored / "uplot.js").read_text()[:400]
    assert f"(v{locked['node_modules/uplot']['version']})" in head
    assert "MIT License" in (vendored / "uplot.LICENSE.txt").read_text()
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9")
    assert not hook.vendor(sources)
    (vendored / "uplot.css").unlink()
    monkeypatch.delenv("npm_config_registry")
    assert hook.vendor(sources), "what is missing is fetched again"
    assert (vendored / "uplot.css").is_file()


def test_a_registry_out_of_reach_is_told_in_a_sentence(
    hook: ModuleType, sources: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9")
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "cache"))
    with pytest.raises(RuntimeError, match="A registry must be within reach when Coalmine is built"):
        hook.vendor(sources)
    assert not (sources / WEB / "static" / "vendor").exists()


def test_every_package_is_pinned_by_a_hash() -> None:
    locked = json.loads((ROOT / WEB / "npm" / "package-lock.json").read_text())["packages"]
    for name, package in locked.items():
        if name:
            assert package["integrity"].startswith("sha512-"), name
