"""From the outbox to people: a chat at once, the one on call by mail, and then by phone."""

from __future__ import annotations

from pathlib import Path

from coalmine_aggregator.store.store import Store
from coalmine_runtime import clock
from tests.aggregator.notify.gateway.examples import TWILIO_SMS
from tests.aggregator.notify.receivers import notifying, paging, receivers
from tests.aggregator.store.samples import opened
from tests.servers.chat import MATTERMOST_HOOK, ChatServer
from tests.servers.smtp import SmtpServer
from tests.servers.twilio import TOKEN, Twilio
from tests.servers.waiting import until

PAGING = """
people: {anna: {mail: anna@example.com, phone: "+353 86 123 4567"}}
rotas: {night: {people: [anna], zone: Europe/Dublin, starts: 2025-01-07}}
escalations: {call: [{after: 2s, to: [{receiver: sms, to: night}]}]}
routes:
  - to: [chat, {receiver: mail, to: night}]
    group: {by: [severity], wait: 0.2s}
    escalation: call
"""


async def test_a_chat_hears_of_all_at_once_and_who_is_on_call_is_reached(
    store: Store, tmp_path: Path
) -> None:
    async with ChatServer() as chats, Twilio() as twilio, SmtpServer(tmp_path) as mails:
        sms = TWILIO_SMS.format(url=twilio.url, token=TOKEN).replace("\n", "\n      ")
        entries = receivers(f"""
  - name: chat
    chat: {{url: 'mmost://127.0.0.1:{chats.port}/{MATTERMOST_HOOK}'}}
  - mail: {{server: '127.0.0.1:{mails.port}', from: coalmine@example.com, security: none}}
  - name: sms
    gateway:
      {sms}
""")
        async with notifying(store, entries, paging(PAGING)) as running:
            now = clock.wall()
            begun = [
                opened(number, service, at=now) for number, service in ((1, "ingest"), (2, "logs"))
            ]
            store.put_transitions(running.route(begun, now))

            async def told() -> bool:
                return bool(chats.shown) and len(mails.taken()) == 2

            await until(told, deadline_s=20.0, what="chat and mails")
            assert twilio.messages == []

            async def called() -> bool:
                running.due(clock.wall())
                return len(twilio.messages) == 2

            await until(called, deadline_s=20.0, what="two SMS")
        taken = mails.taken()
    (shown,) = chats.shown
    assert "Restore ingest UDP" in shown.text
    assert "Restore logs UDP" in shown.text
    assert [mail.to for mail in taken] == [["anna@example.com"]] * 2
    assert len({mail.mail["Message-ID"] for mail in taken}) == 2
    assert {message.to for message in twilio.messages} == {"+353861234567"}
