"""Settings of Kubernetes, as people write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from coalmine_aggregator.actuate.kubernetes.settings import KubernetesSettings
from coalmine_runtime.settings import ConfigError, loads
from tests.conftest import Authority

LOCAL = "url: http://127.0.0.1:8001\ntoken_file:\n"
PODS = "pods: {ingest: {selector: app=ingest}}\n"


def test_a_proxy_on_loopback_needs_neither_token_nor_certificate() -> None:
    settings = loads(KubernetesSettings, f"{LOCAL}namespace: prod\n{PODS}", {})
    assert settings.token_file is None
    assert str(settings.pods["ingest"].node) == "pod"


def test_in_a_cluster_the_service_account_is_used(tmp_path: Path, authority: Authority) -> None:
    (tmp_path / "token").write_text("t")
    text = f"namespace: prod\n{PODS}token_file: {tmp_path}/token\nca_file: {authority.ca_file}\n"
    assert loads(KubernetesSettings, text, {}).url.text == "https://kubernetes.default.svc"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (f"{LOCAL}namespace: prod\npods: {{}}", "is empty"),
        (f"{LOCAL}namespace: prod\npods: {{ingest: {{selector: ' '}}}}", "every pod"),
        (f"{LOCAL}namespace: a/../b\n{PODS}", "no name of a namespace"),
        (f"{LOCAL}namespace: prod\n{PODS}condition: Ready", "a.example/b"),
        (f"{LOCAL}namespace: prod\npods: {{ingest: {{selector: a=b, node: host}}}}", "machine"),
        (f"{LOCAL}namespace: prod\npods: {{ingest: {{selector: a=b, node: 'label:'}}}}", "machine"),
        (f"namespace: prod\n{PODS}url: http://10.0.0.1\ntoken_file:\nca_file:\n", "loopback alone"),
        (f"namespace: prod\n{PODS}", "token_file: /var/run/secrets"),
        (f"{LOCAL}namespace: prod\n{PODS}every: 5m", "1s to 60s"),
    ],
)
def test_bad_settings(text: str, what: str) -> None:
    with pytest.raises(ConfigError, match=what):
        loads(KubernetesSettings, text, {})
