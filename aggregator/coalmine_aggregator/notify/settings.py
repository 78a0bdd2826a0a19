"""Who hears of alerts: one entry of the list `notify`."""

from __future__ import annotations

import dataclasses

from coalmine_aggregator.model.alerts import Change
from coalmine_aggregator.notify.alertmanager.settings import AlertmanagerSettings
from coalmine_aggregator.notify.chat.settings import ChatSettings
from coalmine_aggregator.notify.gateway.settings import GatewaySettings
from coalmine_aggregator.notify.jira.settings import JiraSettings
from coalmine_aggregator.notify.mail.settings import MailSettings
from coalmine_aggregator.notify.opsgenie.settings import OpsgenieSettings
from coalmine_aggregator.notify.pagerduty.settings import PagerDutySettings
from coalmine_aggregator.notify.webhook.settings import WebhookSettings
from coalmine_aggregator.paging.policy import Traits
from coalmine_runtime.settings import SettingError, setting

KINDS = ("alertmanager", "chat", "gateway", "jira", "mail", "opsgenie", "pagerduty", "webhook")


@dataclasses.dataclass(frozen=True, kw_only=True)
class NotifySettings:
    """One receiver, of exactly one kind."""

    alertmanager: AlertmanagerSettings | None = setting("An Alertmanager cluster", None)
    chat: ChatSettings | None = setting("A channel of a chat, through apprise", None)
    gateway: GatewaySettings | None = setting("A gateway that sends SMS or calls phones", None)
    jira: JiraSettings | None = setting("Jira Service Management, its operations", None)
    mail: MailSettings | None = setting("A mail server", None)
    opsgenie: OpsgenieSettings | None = setting("An Opsgenie account", None)
    pagerduty: PagerDutySettings | None = setting("A PagerDuty service, Events API v2", None)
    webhook: WebhookSettings | None = setting(
        "An HTTP endpoint: Standard Webhooks, incident.io, Grafana IRM, or what you say", None
    )
    name: str = setting(
        "By which the outbox knows it over restarts; its kind where absent: two of a kind need names",
        "",
    )

    def __post_init__(self) -> None:
        given = [kind for kind in KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            found = " and ".join(given) or "none"
            raise ValueError(f"expected exactly one of {', '.join(KINDS)}, found {found}")

    @property
    def kind(self) -> str:
        """Which kind of receiver it is."""
        return next(kind for kind in KINDS if getattr(self, kind) is not None)

    @property
    def traits(self) -> Traits:
        """What it is like. The settings of a kind may say otherwise than `Traits` does: `tell` what is
        told, `address` what it needs of a person, `takes_groups`."""
        settings, usual = getattr(self, self.kind), Traits()
        return Traits(
            frozenset(getattr(settings, "tell", usual.hears)) | {Change.OPENED},
            getattr(settings, "address", usual.address),
            getattr(settings, "takes_groups", usual.takes_groups),
        )

    @property
    def known_as(self) -> str:
        """The receiver's name."""
        return self.name or self.kind


def check_names(receivers: list[NotifySettings]) -> None:
    """Raises `SettingError` where two share a name: their deliveries could not be told apart."""
    seen: set[str] = set()
    for i, receiver in enumerate(receivers):
        if receiver.known_as in seen:
            raise SettingError(
                f"notify[{i}].name", f'"{receiver.known_as}" is taken; give each its own'
            )
        seen.add(receiver.known_as)
