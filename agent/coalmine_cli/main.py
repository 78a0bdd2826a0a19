"""The one command `coalmine`. A subcommand's module is imported when it is called, and no other."""

from __future__ import annotations

import importlib
from typing import ClassVar

import click

from coalmine_cli.not_installed import NotInstalledError
from coalmine_runtime.version import VERSION


class _Lazy(click.Group):
    """Its subcommands stand here by name, with the line of help that would need their import."""

    subcommands: ClassVar[dict[str, tuple[str, str]]] = {
        "agent": ("coalmine_cli.agent", "Send datapoints from this host, each second."),
        "aggregator": ("coalmine_cli.aggregator", "Count what arrives, and page when it does not."),
        "alerts": ("coalmine_cli.alerts", "See what is open, and why; acknowledge, silence."),
        "demo": ("coalmine_cli.demo", "Watch a fleet on this machine, and break things."),
        "incidents": ("coalmine_cli.incidents", "See incidents, say how they stand, write them up."),
        "rates": ("coalmine_cli.rates", "See what arrived of what was sent, by any labels."),
        "remediation": (
            "coalmine_cli.remediation",
            "See which nodes are out of service discovery, and why.",
        ),
        "status-page": (
            "coalmine_cli.status_page",
            "Show customers how the service does, or export that.",
        ),
        "top": ("coalmine_cli.top", "Watch sum rates, alerts and agents in this terminal."),
    }

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.subcommands)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.subcommands:
            return None
        try:
            module = importlib.import_module(self.subcommands[cmd_name][0])
        except ModuleNotFoundError as error:
            if (error.name or "").startswith("coalmine_cli"):
                raise
            raise NotInstalledError(error) from None
        command: click.Command = getattr(module, cmd_name.replace("-", "_"))
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in self.subcommands.items()])


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="coalmine")
def main() -> None:
    """Synthetic canaries: one datapoint a second to every endpoint, counted where it arrives."""


if __name__ == "__main__":
    main()
