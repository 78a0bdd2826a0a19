"""The steps that `install.sh` calls. What is told goes to standard output, a line each; a refusal to
standard error, with its exit code."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

import click

from coalmine_install import credentials, findings, health, listeners, template, written
from coalmine_install.refusal import Code, RefusalError
from coalmine_runtime.config_error import ConfigError
from coalmine_runtime.version import VERSION

TEMPLATES = Path(sys.prefix) / "share" / "coalmine" / "templates"
ROLES = ("agent", "aggregator", "status-page")

_ENV_LOOKS = 60
_ENV_PAUSE_S = 0.05

_ROLE = click.argument("role", type=click.Choice(ROLES))
_CONFIG = click.argument("config", type=click.Path(path_type=Path))


@click.group()
def steps() -> None:
    """Steps of install.sh."""


@steps.command("write")
@click.option("--template", "name", required=True)
@click.option("--set", "said", multiple=True)
@click.option("--root", type=click.Path(path_type=Path), default="/")
@click.option("--templates", type=click.Path(path_type=Path), default=TEMPLATES)
@click.option("--old", type=click.Path(path_type=Path), help="The configuration that there is.")
@click.argument("target", type=click.Path(path_type=Path))
def write(
    name: str, said: tuple[str, ...], root: Path, templates: Path, old: Path | None, target: Path
) -> None:
    """Writes a configuration to TARGET, or nothing where the old one was made so or was edited."""
    given = _given(said)
    how = " ".join([name, *(f"{key}={value}" for key, value in sorted(given.items()))])
    if old is not None and old.is_file():
        was = written.how_written(old.read_text())
        if was == how:
            return
        if was is None:
            print(f"{old}: somebody edited it, so it is kept; nothing of --template and --set is in it")
            return
    text = (templates / f"{name}.yaml").read_text()
    template.check_names(text, given)
    found = findings.find(name, given, root)
    body = template.render(text, found.values)
    try:
        target.write_text(written.with_head(body, VERSION, how))
    except OSError as error:
        raise RefusalError(Code.DISK, f"{target} cannot be written: {error.strerror}") from error
    for line in found.told:
        print(line)


@steps.command("check")
@_ROLE
@_CONFIG
def check(role: str, config: Path) -> None:
    """Whether this version understands CONFIG."""
    program = Path(sys.prefix) / "bin" / "coalmine"
    with credentials.as_started(_env(role)) as env:
        done = subprocess.run(  # noqa: S603
            [program, role, "check", config], env=env, capture_output=True, text=True, check=False
        )
    if done.returncode == 0:
        print(done.stdout, end="")
        return
    by = written.version_written(config.read_text(errors="replace")) if config.is_file() else None
    newer = by is not None and _order(by) > _order(VERSION)
    why = f"{config} is of the newer version {by}" if newer else f"{config} does not fit"
    said = (done.stderr.strip() or done.stdout.strip()).replace(
        env[credentials.VARIABLE], "/etc/credstore"
    )
    raise RefusalError(Code.CONFIG, f"{why}; Coalmine {VERSION} says of it:\n{said}")


@steps.command("free")
@_ROLE
@_CONFIG
def free(role: str, config: Path) -> None:
    """Whether the ports that CONFIG names are free."""
    with credentials.as_started(_env(role)) as env:
        found = listeners.listeners(role, config, env)
    listeners.check_free(found)


@steps.command("healthy")
@_ROLE
@_CONFIG
@click.option("--within", type=float, required=True)
def healthy(role: str, config: Path, within: float) -> None:
    """Waits until the service is well."""
    unit = f"coalmine-{role}.service"
    with credentials.as_started(_env(role)) as env:
        probe = health.probe_of(role, config, env)
    print(health.wait(unit, probe, within))


@steps.command("store")
@click.argument("act", type=click.Choice(("plan", "copy", "restore")))
@_CONFIG
@click.option("--left-by", default="", help="The version that left the copy.")
@click.option("--newer", default="", help="The version whose store gives way to it.")
def store(act: str, config: Path, left_by: str, newer: str) -> None:
    """Says what this version would do with the store, copies it, puts the copy back."""
    from coalmine_install import store as kept

    with credentials.as_started(_env("aggregator")) as env:
        plan = kept.plan(config, env)
    if act == "plan":
        if plan.verdict == "older" and plan.file is not None:
            kept.check_room(plan.file)
        print(plan.verdict, plan.stored or "-", plan.newest or "-", plan.file or "-")
    elif plan.file is None:
        raise RefusalError(Code.STORE, "the store is no SQLite file")
    elif act == "copy":
        print(kept.copy(plan.file, left_by))
    elif aside := kept.restore(plan.file, left_by, newer):
        print(aside)


def _given(said: tuple[str, ...]) -> dict[str, str]:
    given: dict[str, str] = {}
    for each in said:
        key, equals, value = each.partition("=")
        if not equals or not key or not value or not value.isprintable():
            raise RefusalError(Code.CONFIG, f"--set {each}: expected key=value")
        given[key] = value
    return given


def _env(role: str) -> Mapping[str, str]:
    """What the service has: that of its process, or this one's where it has none."""
    unit = f"coalmine-{role}.service"
    for _ in range(_ENV_LOOKS):
        shown = subprocess.run(  # noqa: S603
            ["systemctl", "show", "--property=MainPID", "--value", unit],  # noqa: S607
            capture_output=True,
            text=True,
            check=False,
        ).stdout.strip()
        if shown in ("", "0"):
            break
        try:
            entries = Path("/proc", shown, "environ").read_bytes().split(b"\0")
        except OSError:  # it has just ended
            break
        pairs = [os.fsdecode(entry).partition("=") for entry in entries if entry]
        env = {name: value for name, _, value in pairs}
        if "INVOCATION_ID" in env:
            return env
        time.sleep(_ENV_PAUSE_S)  # systemd has made the process, and it is not the service yet
    return {credentials.VARIABLE: "/etc/credstore", **os.environ}


def _order(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def _refuse(code: int, message: str) -> NoReturn:
    print(message, file=sys.stderr)
    sys.exit(code)


def main() -> None:
    """Runs one step."""
    try:
        steps()
    except RefusalError as refusal:
        _refuse(refusal.code, str(refusal))
    except ConfigError as error:
        _refuse(Code.CONFIG, str(error))


if __name__ == "__main__":
    main()
