"""A process that writes to a store as the aggregator's database layer does: `python -m <this> URL`.

A line of its input makes another alert, committed; the word `stop` closes the store. Both are answered.
"""

from __future__ import annotations

import sys

import sqlalchemy as sa

from coalmine_aggregator.store import schema
from coalmine_aggregator.store.database import open_engine


def main(url: str) -> None:
    engine = open_engine(url)
    with engine.connect() as held:  # as the aggregator does, it holds a connection all the time
        held.execute(sa.select(1)).all()
        held.rollback()
        tell("ready")
        while sys.stdin.readline().strip() == "write":
            with engine.begin() as connection:
                found = connection.execute(sa.select(sa.func.max(schema.alerts.c.number))).scalar_one()
                number = (found or 0) + 1
                row = {"number": number, "dedup_key": "", "opened_at": 0.0, "body": "{}"}
                connection.execute(sa.insert(schema.alerts).values(row))
            tell("written")
    engine.dispose()
    tell("stopped")
    sys.stdin.readline()


def tell(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
