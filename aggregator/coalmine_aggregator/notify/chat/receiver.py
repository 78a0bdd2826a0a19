"""Tells a chat channel; apprise speaks to it, on a thread of its own."""

from __future__ import annotations

from collections.abc import Sequence

from coalmine_aggregator.model.alerts import Severity, Transition
from coalmine_aggregator.notify.chat.errands import Errands
from coalmine_aggregator.notify.chat.message import message_of
from coalmine_aggregator.notify.chat.settings import ChatSettings
from coalmine_aggregator.notify.message_id import message_id
from coalmine_aggregator.notify.notice import Notice
from coalmine_aggregator.notify.page import page_text
from coalmine_aggregator.notify.receiver import RefusedError, TryLaterError

TIMEOUT_S = 20.0
"""For one message: apprise waits 4 s for a connection and 4 s for an answer, and may try again."""

SPACING_S = 1.0
"""Slack takes a message a second and channel; the others are no quicker to read."""

LIMITED_S = 30.0
"""Patience after 429. apprise keeps `Retry-After` to itself; chats ask for seconds."""

_TRY_LATER = frozenset({408, 425, 429})


class Chat:
    """One channel."""

    takes_groups = True
    address = ""

    def __init__(self, settings: ChatSettings) -> None:
        # Only where a chat is configured: it costs 25 MB.
        from coalmine_aggregator.notify.chat.apprise_channel import AppriseChannel, Outcome

        self._platform = settings.platform
        self._channel = AppriseChannel(settings.url.reveal(), self._platform)
        self._errands: Errands[Outcome] = Errands("notify-chat", SPACING_S)

    def start(self, standing: Sequence[Transition]) -> None:
        """A chat keeps what it was told."""

    async def deliver(self, notice: Notice) -> None:
        """See `Receiver.deliver`. Chats know no identity: after a crash, or an answer that was lost, a
        message may stand there twice."""
        pages = [page_text(transition, notice.links) for transition in notice.transitions]
        link = notice.links.view(notice.transition.alert)
        message = message_of([(page.subject, page.body) for page in pages], self._platform, link)
        urgent = any(each.alert.severity is Severity.PAGE for each in notice.transitions)
        key = f"{message_id(notice)} {len(notice.transitions)}"
        try:
            outcome = await self._errands.run(
                key, lambda: self._channel.send(message, urgent), TIMEOUT_S
            )
        except TimeoutError:
            raise TryLaterError(f"no answer in {TIMEOUT_S:g} s") from None
        if outcome.sent:
            return
        status = outcome.status
        if status is None or status in _TRY_LATER or status >= 500:
            raise TryLaterError(outcome.what, LIMITED_S if status == 429 else None)
        raise RefusedError(outcome.what)

    async def close(self) -> None:
        """A message that is on its way ends by itself."""
