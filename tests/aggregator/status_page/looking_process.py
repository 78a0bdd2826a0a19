"""A process that looks at a store as somebody who may read its files and write nothing:
`python -m <this> URL OTHER_URL` prints how many alerts there are. OTHER_URL is looked at first, so that
all code is loaded before rights are given up."""

from __future__ import annotations

import os
import sys

import sqlalchemy as sa

from coalmine_aggregator.status_page.store_file import StoreAwayError, StoreFile
from coalmine_aggregator.store import schema

NOBODY = 65_534


def alerts(url: str) -> int:
    file = StoreFile(url)
    try:
        with file.look() as connection:
            return len(connection.execute(sa.select(schema.alerts.c.number)).all())
    finally:
        file.close()


if __name__ == "__main__":
    alerts(sys.argv[2])
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    try:
        print(alerts(sys.argv[1]))
    except StoreAwayError as error:
        print(error)
