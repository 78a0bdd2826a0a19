"""The man pages: every command is told, and no formatter finds fault with how."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from coalmine_cli.main import main
from coalmine_runtime.version import VERSION
from release.man_page import Edition, pages
from release.man_pages import FILES, write
from tests.servers.process import executable

EPOCH = 1_790_000_000  # 2026-09-21
NAMES = [
    "coalmine",
    "coalmine-agent",
    "coalmine-aggregator",
    "coalmine-alerts",
    "coalmine-demo",
    "coalmine-incidents",
    "coalmine-rates",
    "coalmine-remediation",
    "coalmine-status-page",
    "coalmine-top",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("man")
    write(made, EPOCH)
    return made


def shown(page: Path) -> str:
    """As it is read, in one line: what a line ends on says nothing."""
    env = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "MANWIDTH": "120", "MANPAGER": "cat"}
    program = executable("man", "man-db")
    argv = [program, "--no-hyphenation", "--no-justification", "-l", str(page)]
    done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=60, check=True)
    return " ".join(done.stdout.split())


def leaves(command: click.Command, context: click.Context) -> Iterator[click.Context]:
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from leaves(found, click.Context(found, info_name=name, parent=context))
    else:
        yield context


def test_there_is_a_page_for_the_command_and_each_of_its_first_words(folder: Path) -> None:
    assert sorted(page.stem for page in folder.iterdir()) == NAMES
    assert set(FILES) <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_no_formatter_warns(folder: Path, name: str) -> None:
    page = folder / f"{name}.1"
    lint = [executable("mandoc", "mandoc"), "-Tlint", "-Wwarning", str(page)]
    done = subprocess.run(lint, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    man = [executable("man", "man-db"), "--warnings=w", "-E", "UTF-8", "-l", "-Tutf8", "-Z", str(page)]
    env = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "MANROFFSEQ": "", "MANWIDTH": "80"}
    done = subprocess.run(man, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_page_with_a_mistake_would_be_found(folder: Path, tmp_path: Path) -> None:
    page = tmp_path / "coalmine.1"
    page.write_text((folder / "coalmine.1").read_text() + ".TX nonsense\n")
    lint = [executable("mandoc", "mandoc"), "-Tlint", "-Wwarning", str(page)]
    done = subprocess.run(lint, capture_output=True, text=True, timeout=60, check=False)
    assert "unknown macro" in done.stdout + done.stderr


def test_every_command_stands_in_its_page_with_its_arguments_and_options(folder: Path) -> None:
    told = {name: shown(folder / f"{name}.1") for name in NAMES}
    seen = 0
    for context in leaves(main, click.Context(main, info_name="coalmine")):
        page = "-".join(context.command_path.split()[:2])
        usage = " ".join([context.command_path, *context.command.collect_usage_pieces(context)])
        assert usage in told[page]
        for parameter in context.command.params:
            if record := parameter.get_help_record(context):
                for text in record:
                    assert " ".join(text.split()) in told[page]
        seen += 1
    assert seen > 30


def test_a_page_tells_what_an_operator_looks_up(folder: Path) -> None:
    agent = shown(folder / "coalmine-agent.1")
    assert "NAME coalmine-agent - send datapoints from this host, each second" in agent
    assert f"coalmine {VERSION} 2026-09-21" in agent
    assert (
        "EXIT STATUS 0 fine 1 the command did its work and the answer is no 2 it could not start"
        in agent
    )
    assert "/etc/coalmine/agent.yaml CONFIG of the service coalmine-agent." in agent
    assert "SEE ALSO coalmine(1), coalmine-aggregator(1)," in agent
    incidents = shown(folder / "coalmine-incidents.1")
    assert "COALMINE_URL Stands for --url where that is not given." in incidents
    assert "COALMINE_TOKEN" in incidents


def test_lines_that_are_kept_and_lines_that_look_like_requests() -> None:
    @click.command(epilog="\b\n.kept\n  as it is\n\nand \\ that\nflows")
    @click.option("--dotted", help=".dot at the start")
    def told() -> None:
        """Do it. With more."""

    @click.group()
    def group() -> None:
        """Be a group."""

    group.add_command(told)
    made = pages("g", group, Edition("1", "2026-01-31"), {})
    assert sorted(made) == ["g-told.1", "g.1"]
    text = made["g-told.1"]
    assert "g\\-told \\- do it\n" in text
    assert ".nf\n\\&.kept\n\\&  as it is\n.fi\n.PP\nand \\e that flows\n" in text
    assert "\n\\&.dot at the start\n" in text
