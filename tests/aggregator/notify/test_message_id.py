"""One message, one id."""

from __future__ import annotations

from coalmine_aggregator.notify.message_id import message_id
from coalmine_aggregator.notify.notice import Notice
from tests.aggregator.store.samples import changed, closed, opened


def test_tries_share_it_and_no_other_message_does() -> None:
    notice = Notice((opened(),))
    assert message_id(notice) == message_id(Notice((opened(),)))
    others = [
        Notice((changed(),)),
        Notice((closed(),)),
        Notice((opened(2),)),
        Notice((opened(1, "logs"),)),
        Notice((opened(1, at=5.0),)),
        notice._replace(contact="anna@example.com"),
        notice._replace(contact="ben@example.com"),
        notice._replace(step=1),
        notice._replace(step=1, repeat=1),
        notice._replace(step=1, repeat=2),
    ]
    assert len({message_id(each) for each in (notice, *others)}) == 11
