"""How commands reach etcd, as options."""

from __future__ import annotations

import asyncio
import functools
import signal
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec

import click

from coalmine_cli.not_installed import NotInstalledError
from coalmine_runtime.printable import printable

if TYPE_CHECKING:
    from coalmine_aggregator.actuate.etcd.settings import EtcdSettings

P = ParamSpec("P")

_FILE = click.Path(path_type=Path, readable=False)

_OPTIONS = (
    click.option(
        "--etcd",
        multiple=True,
        required=True,
        metavar="URL",
        help="A member, https://host:2379; repeat it for the others.",
    ),
    click.option("--prefix", default="coalmine", show_default=True, help="What keys begin with."),
    click.option("--username", default="", help="User, where etcd asks for one."),
    click.option("--password-file", type=_FILE, help="Holds the user's password."),
    click.option("--ca-file", type=_FILE, help="Certificates to trust; the system's where absent."),
    click.option("--certificate-file", type=_FILE, help="Our certificate, where etcd asks for one."),
    click.option("--private-key-file", type=_FILE, help="Its private key."),
    click.option("--allow-http", is_flag=True, help="Go unencrypted beyond this machine."),
)


def reaches_etcd(command: Callable[Concatenate[EtcdSettings, P], None]) -> Callable[..., None]:
    """Gives a command the options, and hands it what they say as its first argument. What is wrong with
    them ends the command with exit code 2."""

    @functools.wraps(command)
    def with_settings(
        etcd: tuple[str, ...],
        prefix: str,
        username: str,
        password_file: Path | None,
        ca_file: Path | None,
        certificate_file: Path | None,
        private_key_file: Path | None,
        allow_http: bool,
        *args: P.args,
        **options: P.kwargs,
    ) -> None:
        given = {
            "prefix": prefix,
            "username": username,
            "password_file": password_file,
            "ca_file": ca_file,
            "certificate_file": certificate_file,
            "private_key_file": private_key_file,
            "allow_http": "true" if allow_http else None,
        }
        command(_settings(etcd, given), *args, **options)

    made: Callable[..., None] = with_settings
    for option in reversed(_OPTIONS):
        made = option(made)
    return made


def run_until_stopped(work: Coroutine[Any, Any, None]) -> None:
    """Until SIGTERM or SIGINT, or until it ends by itself."""

    async def until_told() -> None:
        task = asyncio.ensure_future(work)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, task.cancel)
        await asyncio.wait([task])
        if not task.cancelled():
            task.result()

    asyncio.run(until_told())


def _settings(endpoints: Sequence[str], given: Mapping[str, object]) -> EtcdSettings:
    try:
        from coalmine_aggregator.actuate.etcd.settings import EtcdSettings
    except ModuleNotFoundError as error:
        raise NotInstalledError(error) from None
    from coalmine_runtime.settings import ConfigError, bind
    from coalmine_runtime.yaml_tree import Node

    # Read as a configuration is: with the same checks, and the same words for what is wrong.
    entries = {key: Node(0, text=str(value)) for key, value in given.items() if value}
    entries["endpoints"] = Node(0, items=[Node(0, text=each) for each in endpoints])
    tree = Node(0, entries=entries, lines=dict.fromkeys(entries, 0))
    try:
        return bind(EtcdSettings, tree, "options", Path())
    except ConfigError as error:
        for problem in error.problems:
            key = "etcd" if problem.key.startswith("endpoints") else problem.key
            print(f"--{key.replace('_', '-')}: {printable(problem.what)}", file=sys.stderr)
        sys.exit(2)
