"""`coalmine remediation`: what is taken out of service discovery, and why."""

from __future__ import annotations

import click

from coalmine_cli.remediation_acts import log, pin, release, status
from coalmine_cli.remediation_file_sd import file_sd
from coalmine_cli.remediation_shadow import shadow
from coalmine_cli.remediation_stop import resume, stop
from coalmine_cli.remediation_sweep import sweep
from coalmine_cli.remediation_watch import watch


@click.group()
def remediation() -> None:
    """See which nodes are out of service discovery, and why; overrule that, or stop it."""


for command in (status, log, pin, release, stop, resume, file_sd, shadow, sweep, watch):
    remediation.add_command(command)
