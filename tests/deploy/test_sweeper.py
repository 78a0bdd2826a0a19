"""What is shipped for Kubernetes: rights, and a sweeper whose command and configuration are sound."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from coalmine_aggregator.actuate.kubernetes.settings import KubernetesSettings
from coalmine_cli.remediation_sweep import sweep
from coalmine_runtime.settings import loads
from tests.deploy.dashboard import DEPLOY
from tests.servers.kubernetes import MAY

OBJECTS: list[dict[str, Any]] = list(
    yaml.safe_load_all((DEPLOY / "kubernetes" / "remediation.yaml").read_text())
)


def of_kind(kind: str) -> dict[str, Any]:
    (found,) = [each for each in OBJECTS if each["kind"] == kind]
    return found


def test_the_role_has_what_the_output_needs_and_nothing_else() -> None:
    rules = of_kind("Role")["rules"]
    assert all(rule["apiGroups"] == [""] for rule in rules)
    assert {
        (verb, resource) for rule in rules for verb in rule["verbs"] for resource in rule["resources"]
    } == MAY
    assert of_kind("RoleBinding")["roleRef"]["name"] == of_kind("Role")["metadata"]["name"]
    assert (
        of_kind("RoleBinding")["subjects"][0]["name"] == of_kind("ServiceAccount")["metadata"]["name"]
    )


def test_everything_is_in_one_namespace() -> None:
    assert {each["metadata"]["namespace"] for each in OBJECTS} == {"prod"}


def test_the_sweeper_s_command_and_configuration_are_sound(tmp_path: Path) -> None:
    (name, text), *others = of_kind("ConfigMap")["data"].items()
    assert not others
    settings = loads(KubernetesSettings, f"{text}url: http://127.0.0.1:1\ntoken_file:\n", {})
    assert settings.namespace == "prod"
    pod = of_kind("Deployment")["spec"]["template"]["spec"]
    assert "command" not in pod["containers"][0]  # the image's own is `coalmine`
    arguments = pod["containers"][0]["args"]
    assert arguments[-1] == f"{pod['containers'][0]['volumeMounts'][0]['mountPath']}/{name}"
    config = tmp_path / name
    config.write_text(text)
    assert arguments[:2] == ["remediation", "sweep"]
    given = sweep.make_context("sweep", [*arguments[2:-1], str(config)]).params
    assert given == {"older": 60.0, "every": 10.0, "config": config}
    assert pod["serviceAccountName"] == of_kind("ServiceAccount")["metadata"]["name"]
