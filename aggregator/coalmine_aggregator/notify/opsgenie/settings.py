"""What the configuration says of an Opsgenie account."""

from __future__ import annotations

import dataclasses

from coalmine_aggregator.notify.jira.responders import Responder
from coalmine_aggregator.notify.jira.settings import check_alert_api
from coalmine_aggregator.notify.web_url import WebUrl
from coalmine_runtime.settings import Secret, setting

ALERTS_URL = WebUrl.parse("https://api.opsgenie.com/v2/alerts")


@dataclasses.dataclass(frozen=True, kw_only=True)
class OpsgenieSettings:
    """An integration of type API."""

    api_key: Secret = setting("The integration's key")
    url: WebUrl = setting(
        "Where alerts go; in the EU https://api.eu.opsgenie.com/v2/alerts", ALERTS_URL
    )
    responders: list[Responder] = setting(
        "Who is called, by name or id: team:ops, user:anna@example.com, escalation:..., schedule:...; "
        "as the integration says where absent",
        [],
    )
    tags: list[str] = setting("Tags besides coalmine, fleet, service and class", [])
    hook_secret: Secret | None = setting(
        "What its outgoing webhook brings to acknowledge here, 16 characters or more", None
    )

    def __post_init__(self) -> None:
        check_alert_api(self.api_key, self.url, self.responders, self.tags, self.hook_secret)
