"""The manifests as kustomize renders them: valid by Kubernetes' own schemas, confined, of a piece."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from coalmine_runtime.version import VERSION
from tests.deploy.tools import tool

pytestmark = pytest.mark.prove

KUBERNETES = Path(__file__).resolve().parents[2] / "deploy" / "kubernetes"
OVERLAYS = sorted(path.name for path in (KUBERNETES / "overlays").iterdir())
COMPONENTS = sorted(path.name for path in (KUBERNETES / "components").iterdir())
RELEASES = ("1.35", "1.37")
"""The oldest whose pods know their zone, and the newest that the schemas know."""

OPERATORS = ("ServiceMonitor",)
"""Kinds that Kubernetes itself does not know."""

Manifest = dict[str, Any]


def render(folder: Path) -> list[Manifest]:
    done = subprocess.run(
        [tool("kubectl"), "kustomize", str(folder)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""  # deprecations
    return list(yaml.safe_load_all(done.stdout))


@cache
def overlay(name: str) -> list[Manifest]:
    return render(KUBERNETES / "overlays" / name)


@pytest.fixture(params=OVERLAYS)
def manifests(request: pytest.FixtureRequest) -> list[Manifest]:
    return overlay(request.param)


def pods(manifests: list[Manifest]) -> Iterator[tuple[Manifest, Manifest]]:
    """Each workload with its pod."""
    for each in manifests:
        if each["kind"] in ("DaemonSet", "Deployment", "StatefulSet"):
            yield each, each["spec"]["template"]


def of(manifests: list[Manifest], kind: str) -> dict[str, Manifest]:
    return {each["metadata"]["name"]: each for each in manifests if each["kind"] == kind}


def validate(manifests: list[Manifest]) -> None:
    import kubernetes_validate

    for each in manifests:
        if each["kind"] not in OPERATORS:
            for release in RELEASES:
                kubernetes_validate.validate(each, release, strict=True)


def test_they_are_valid(manifests: list[Manifest]) -> None:
    validate(manifests)
    names = [(each["kind"], each["metadata"]["name"]) for each in manifests]
    assert len(set(names)) == len(names)
    for each in manifests:
        assert each["metadata"]["labels"]["app.kubernetes.io/name"] == "coalmine"
        assert each["kind"] == "Namespace" or each["metadata"]["namespace"] == "coalmine"


def test_a_mistake_is_found() -> None:
    import kubernetes_validate

    (daemon,) = of(overlay("one-cluster"), "DaemonSet").values()
    wrong = {**daemon, "spec": {**daemon["spec"], "replicass": 3}}
    with pytest.raises(kubernetes_validate.ValidationError, match="replicass"):
        validate([wrong])


@pytest.mark.parametrize("component", COMPONENTS)
def test_components_fit(component: str, tmp_path: Path) -> None:
    (tmp_path / "kustomization.yaml").write_text(
        yaml.safe_dump(
            {
                "apiVersion": "kustomize.config.k8s.io/v1beta1",
                "kind": "Kustomization",
                "resources": [_relative(KUBERNETES / "overlays" / "one-cluster", tmp_path)],
                "components": [_relative(KUBERNETES / "components" / component, tmp_path)],
            }
        )
    )
    rendered = render(tmp_path)
    validate(rendered)
    if component == "on-loopback":
        (daemon,) = of(rendered, "DaemonSet").values()
        pod = daemon["spec"]["template"]["spec"]
        assert pod["hostNetwork"]
        values = {each["name"]: each.get("value") for each in pod["containers"][0]["env"]}
        assert values == {"NODE": None, "NODE_ADDRESS": "127.0.0.1", "REGION": None, "ZONE": None}
    else:
        (monitor,) = of(rendered, "ServiceMonitor").values()
        (service,) = of(rendered, "Service").values()
        wanted = monitor["spec"]["selector"]["matchLabels"].items()
        assert wanted <= service["metadata"]["labels"].items()
        assert monitor["spec"]["endpoints"][0]["port"] in [
            each["name"] for each in service["spec"]["ports"]
        ]


def test_pods_are_restricted(manifests: list[Manifest]) -> None:
    """As the standard `restricted` has it, and no more of the machine than that needs."""
    (namespace,) = of(manifests, "Namespace").values()
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    volumes = {"configMap", "secret", "emptyDir"}
    for workload, template in pods(manifests):
        pod, name = template["spec"], workload["metadata"]["name"]
        assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & set(pod), name
        assert pod["automountServiceAccountToken"] is False
        security = pod["securityContext"]
        assert security["runAsNonRoot"] is True
        assert security["runAsUser"] == security["runAsGroup"] == security["fsGroup"] == 65532
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
        for volume in pod["volumes"]:
            assert set(volume) - {"name"} <= volumes, name
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert not [port for port in container.get("ports", []) if "hostPort" in port]
            assert container["image"] == f"registry.example/coalmine:{VERSION}"
            assert set(container["resources"]["requests"]) == {"cpu", "memory"}
            assert set(container["resources"]["limits"]) == {"memory"}


def test_what_selects_pods_finds_them(manifests: list[Manifest]) -> None:
    templates = [template["metadata"]["labels"] for _, template in pods(manifests)]

    def found(labels: dict[str, str]) -> list[dict[str, str]]:
        return [each for each in templates if labels.items() <= each.items()]

    for workload, template in pods(manifests):
        assert found(workload["spec"]["selector"]["matchLabels"]) == [template["metadata"]["labels"]]
    for service in of(manifests, "Service").values():
        assert len(found(service["spec"]["selector"])) == 1
    for kind in ("PodDisruptionBudget", "NetworkPolicy"):
        for name, each in of(manifests, kind).items():
            selector = each["spec"].get("selector") or each["spec"]["podSelector"]
            assert len(found(selector["matchLabels"])) == 1, name
    policies = [
        each["spec"]["podSelector"]["matchLabels"] for each in of(manifests, "NetworkPolicy").values()
    ]
    assert len(policies) == len(templates)  # nobody is without


def test_ports_are_those_that_are_listened_on(manifests: list[Manifest]) -> None:
    for workload, template in pods(manifests):
        (container,) = template["spec"]["containers"]
        config = yaml.safe_load(_config(manifests, template))
        listened = _ports(config)
        told = {port["name"]: port["containerPort"] for port in container.get("ports", [])}
        assert set(told.values()) == listened, workload["metadata"]["name"]
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            asked = container.get(probe, {})
            port = (asked.get("httpGet") or asked.get("tcpSocket") or {}).get("port")
            assert port is None or port in told
            if words := asked.get("exec", {}).get("command"):
                assert words == ["healthy", f"http://{config['metrics']}/health"]
        for service in of(manifests, "Service").values():
            if service["spec"]["selector"].items() <= template["metadata"]["labels"].items():
                ports = service["spec"].get("ports", [])
                assert {each["targetPort"] for each in ports} <= set(told)
        for policy in of(manifests, "NetworkPolicy").values():
            if (
                policy["spec"]["podSelector"]["matchLabels"].items()
                <= template["metadata"]["labels"].items()
            ):
                let = {
                    port["port"] for rule in policy["spec"].get("ingress", []) for port in rule["ports"]
                }
                assert let == set(told)


def test_a_pod_has_all_that_its_configuration_names(manifests: list[Manifest]) -> None:
    secrets = documented_secrets()
    for workload, template in pods(manifests):
        (container,) = template["spec"]["containers"]
        text = _config(manifests, template)
        given = {each["name"]: each for each in container.get("env", [])}
        assert set(re.findall(r"\$\{(\w+)\}", _without_comments(text))) == set(given)
        for each in given.values():
            if reference := each.get("valueFrom", {}).get("secretKeyRef"):
                assert reference["key"] in secrets[reference["name"]]
        mounts = {each["mountPath"]: each["name"] for each in container["volumeMounts"]}
        volumes = {each["name"]: each for each in template["spec"]["volumes"]}
        claims = {each["metadata"]["name"] for each in workload["spec"].get("volumeClaimTemplates", [])}
        assert set(mounts.values()) == set(volumes) | claims
        for folder, name in re.findall(r"(/etc/coalmine/\w+)/([\w.-]+)", text):
            assert name in secrets[volumes[mounts[folder]]["secret"]["secretName"]]


def documented_secrets() -> dict[str, set[str]]:
    """What docs/containers.md has operators make: the keys of each secret."""
    text = (KUBERNETES.parents[1] / "docs" / "containers.md").read_text().replace("\\\n", " ")
    made = re.findall(r"kubectl (?:-n coalmine )?create secret (?:generic|tls) (\S+)(.*)", text)
    assert made
    return {name: set(re.findall(r"--from-(?:file|literal)=([\w.-]+)=", rest)) for name, rest in made}


def _config(manifests: list[Manifest], template: Manifest) -> str:
    (volume,) = [each for each in template["spec"]["volumes"] if "configMap" in each]
    ((name, text),) = of(manifests, "ConfigMap")[volume["configMap"]["name"]]["data"].items()
    (container,) = template["spec"]["containers"]
    assert container["args"][-1] == f"/etc/coalmine/config/{name}"
    return str(text)


def _ports(config: Manifest) -> set[int]:
    """Of what listens beyond loopback."""
    return {int(port) for port in re.findall(r"'(?:listen|tcp)': ':(\d+)'", str(config))}


def _without_comments(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))


def _relative(path: Path, start: Path) -> str:
    return str(Path(*[".."] * (len(start.parts) - 1), *path.parts[1:]))
