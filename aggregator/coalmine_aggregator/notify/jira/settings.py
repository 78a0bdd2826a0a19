"""What the configuration says of Jira Service Management."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from coalmine_aggregator.notify.hook_secret import check_hook_secret
from coalmine_aggregator.notify.jira.alert import MAX_RESPONDERS, MAX_TAG, MAX_TAGS
from coalmine_aggregator.notify.jira.responders import Responder
from coalmine_aggregator.notify.web_url import WebUrl
from coalmine_runtime.settings import Secret, SettingError, setting

ALERTS_URL = WebUrl.parse("https://api.atlassian.com/jsm/ops/integration/v2/alerts")

OURS = 4
"""Tags that are there anyway."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class JiraSettings:
    """An integration of type API, of a team's operations."""

    api_key: Secret = setting("The integration's key, not an API token of a person's")
    url: WebUrl = setting("Where alerts go", ALERTS_URL)
    responders: list[Responder] = setting(
        "Who is called, by id: team:ID, user:ID, escalation:ID, schedule:ID; as the integration says "
        "where absent",
        [],
    )
    tags: list[str] = setting("Tags besides coalmine, fleet, service and class", [])
    hook_secret: Secret | None = setting(
        "What its outgoing webhook brings to acknowledge here, 16 characters or more", None
    )

    def __post_init__(self) -> None:
        check_alert_api(self.api_key, self.url, self.responders, self.tags, self.hook_secret)
        for i, responder in enumerate(self.responders):
            if not responder.by_id:
                raise SettingError(f"responders[{i}]", f'expected an id, not "{responder.name}"')


def check_alert_api(
    api_key: Secret,
    url: WebUrl,
    responders: Sequence[Responder],
    tags: Sequence[str],
    hook_secret: Secret | None,
) -> None:
    """What holds for both that speak this API. Raises `SettingError`."""
    key = api_key.reveal()
    if not key or not (key.isascii() and key.isprintable()) or " " in key:
        raise SettingError("api_key", "expected printable ASCII characters without spaces")
    if not (url.secure or url.loopback):
        raise SettingError("url", f"{url} would carry the key unencrypted")
    if "?" in url.text or url.text.endswith("/"):
        raise SettingError("url", "expected it to end in /alerts")
    if len(responders) > MAX_RESPONDERS:
        raise SettingError("responders", f"expected at most {MAX_RESPONDERS}, found {len(responders)}")
    if len(tags) > MAX_TAGS - OURS:
        raise SettingError("tags", f"expected at most {MAX_TAGS - OURS}, found {len(tags)}")
    for i, tag in enumerate(tags):
        if not 0 < len(tag) <= MAX_TAG or not tag.isprintable():
            raise SettingError(f"tags[{i}]", f"expected 1 to {MAX_TAG} printable characters")
    check_hook_secret(hook_secret)
