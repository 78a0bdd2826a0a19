"""A stand-in for a Kubernetes API server, as far as pods and their status go, with a kubelet.

It does what is documented: bearer tokens and what each may do (401, 403), lists by label selector in
pages whose continue tokens run out (410), strategic merge patches of the subresource status alone (415
for another kind, conditions merged by type, 409 for another uid or resourceVersion, 400 for unknown
fields under strict validation, 422 for a condition that is none), 429 with Retry-After. The kubelet
makes a pod ready once its containers are and every condition that its readiness gates name is true.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterable
from typing import Any

from aiohttp import web

from tests.servers.web_stand_in import WebStandIn

TOKEN = "eyJhbGciOiJSUzI1NiJ9.e30.c2lnbmF0dXJl"
NAMESPACE = "prod"
GATE = "coalmine.dev/in-service"

MAY = frozenset({("list", "pods"), ("patch", "pods/status")})
"""What the service account may do, as the documentation says it needs."""

_STRATEGIC = "application/strategic-merge-patch+json"
_CONDITION = {
    "type",
    "status",
    "reason",
    "message",
    "lastProbeTime",
    "lastTransitionTime",
    "observedGeneration",
}
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\Z")
_TYPE = re.compile(r"([a-z0-9.-]+/)?[A-Za-z0-9][A-Za-z0-9_.-]*\Z")
_REASON = re.compile(r"[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?\Z")


class Kubernetes(WebStandIn):
    """One cluster. `busy` is how many more requests are answered by 429."""

    def __init__(self, token: str = TOKEN, may: Iterable[tuple[str, str]] = MAY) -> None:
        self.token = token
        self.may = frozenset(may)
        self.pods: dict[str, dict[str, Any]] = {}
        self.busy = 0
        self.refusals: list[int] = []
        self.patches: list[tuple[str, dict[str, Any]]] = []
        self.lists = 0
        self.page_limit = 500
        self.forget_pages = False
        self._version = 1000
        self._pages: dict[str, list[str]] = {}

    @property
    def url(self) -> str:
        """Of the API."""
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}"

    def _route(self, app: web.Application) -> None:
        pods = f"/api/v1/namespaces/{NAMESPACE}/pods"
        app.router.add_get(pods, self._list)
        app.router.add_route("PATCH", pods + "/{name}/status", self._patch_status)

    def add(
        self,
        name: str,
        *,
        labels: dict[str, str] | None = None,
        machine: str = "",
        gates: tuple[str, ...] = (GATE,),
        condition: str = "",
        probed: str | None = None,
        containers_ready: bool = True,
    ) -> None:
        """A pod that runs; under a name that is taken, another takes its place."""
        conditions: list[dict[str, Any]] = [
            {"type": "ContainersReady", "status": str(containers_ready), "lastProbeTime": None},
            {"type": "Ready", "status": "False", "lastProbeTime": None},
        ]
        if condition:
            conditions.append({"type": GATE, "status": condition, "lastProbeTime": probed})
        self.pods[name] = {
            "metadata": {
                "name": name,
                "namespace": NAMESPACE,
                "uid": str(uuid.uuid4()),
                "labels": {"app": "ingest"} if labels is None else labels,
                "managedFields": [{"manager": "kubelet"}],
            },
            "spec": {
                "nodeName": machine or f"machine-{name}",
                "containers": [{"name": "ingest", "image": "ingest:1"}],
                "readinessGates": [{"conditionType": gate} for gate in gates],
            },
            "status": {"phase": "Running", "conditions": conditions},
        }
        self._touch(self.pods[name])

    def condition(self, name: str, kind: str = GATE) -> dict[str, Any]:
        """One condition of a pod, empty where it has none."""
        found = self.pods[name]["status"]["conditions"]
        return next((each for each in found if each["type"] == kind), {})

    def ready(self) -> list[str]:
        """The pods that a Service sends traffic to."""
        return [name for name in self.pods if self.condition(name, "Ready").get("status") == "True"]

    def _touch(self, pod: dict[str, Any]) -> None:
        """A new version; and the kubelet looks at it."""
        self._version += 1
        pod["metadata"]["resourceVersion"] = str(self._version)
        states = {each["type"]: each["status"] for each in pod["status"]["conditions"]}
        gates = [gate["conditionType"] for gate in pod["spec"]["readinessGates"]]
        ready = all(states.get(kind) == "True" for kind in ("ContainersReady", *gates))
        for each in pod["status"]["conditions"]:
            if each["type"] == "Ready":
                each["status"] = str(ready)

    def _refuse(
        self, code: int, reason: str, message: str, headers: dict[str, str] | None = None
    ) -> web.Response:
        self.refusals.append(code)
        status = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": message,
            "reason": reason,
            "code": code,
        }
        return web.json_response(status, status=code, headers=headers)

    def _denied(self, request: web.Request, verb: str, resource: str) -> web.Response | None:
        if self.busy:
            self.busy -= 1
            return self._refuse(429, "TooManyRequests", "please try again later", {"Retry-After": "1"})
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return self._refuse(401, "Unauthorized", "Unauthorized")
        if (verb, resource) not in self.may:
            user = "system:serviceaccount:prod:coalmine"
            what = f'pods is forbidden: User "{user}" cannot {verb} resource "{resource}"'
            return self._refuse(403, "Forbidden", what)
        return None

    async def _list(self, request: web.Request) -> web.Response:
        denied = self._denied(request, "list", "pods")
        if denied is not None:
            return denied
        self.lists += 1
        if "continue" in request.query:
            names = self._pages.pop(request.query["continue"], None)
            if names is None or self.forget_pages:
                return self._refuse(410, "Expired", "The provided continue parameter is too old")
        else:
            try:
                chosen = _selector(request.query.get("labelSelector", ""))
            except ValueError as error:
                return self._refuse(400, "BadRequest", str(error))
            names = sorted(name for name, pod in self.pods.items() if chosen(pod["metadata"]["labels"]))
        limit = min(int(request.query.get("limit", "500")), self.page_limit)
        page, rest = names[:limit], names[limit:]
        meta: dict[str, Any] = {"resourceVersion": str(self._version)}
        if rest:
            token = uuid.uuid4().hex
            self._pages[token] = rest
            meta |= {"continue": token, "remainingItemCount": len(rest)}
        items = [self.pods[name] for name in page if name in self.pods]
        return web.json_response(
            {"kind": "PodList", "apiVersion": "v1", "metadata": meta, "items": items}
        )

    async def _patch_status(self, request: web.Request) -> web.Response:
        denied = self._denied(request, "patch", "pods/status")
        if denied is not None:
            return denied
        if request.content_type != _STRATEGIC:
            return self._refuse(
                415, "UnsupportedMediaType", f"{request.content_type}: expected a patch"
            )
        name = request.match_info["name"]
        pod = self.pods.get(name)
        if pod is None:
            return self._refuse(404, "NotFound", f'pods "{name}" not found')
        patch = json.loads(await request.read())
        meta = patch.get("metadata", {})
        for key in ("uid", "resourceVersion"):
            if key in meta and meta[key] != pod["metadata"][key]:
                what = f'Operation cannot be fulfilled on pods "{name}": {key} differs'
                return self._refuse(409, "Conflict", what)
        conditions = patch.get("status", {}).get("conditions", [])
        unknown = [key for each in conditions for key in each.keys() - _CONDITION]
        unknown += patch.get("status", {}).keys() - {"conditions"}
        unknown += patch.keys() - {"metadata", "status"}
        if unknown and request.query.get("fieldValidation") == "Strict":
            what = f'strict decoding error: unknown field "{unknown[0]}"'
            return self._refuse(400, "BadRequest", what)
        wrong = [what for each in conditions for what in _wrong(each)]
        if wrong:
            return self._refuse(422, "Invalid", f'Pod "{name}" is invalid: {wrong[0]}')
        self.patches.append((name, patch))
        for each in conditions:
            known = self.condition(name, each["type"])
            if known:
                known.update(each)
            else:
                pod["status"]["conditions"].append(dict(each))
        self._touch(pod)
        return web.json_response(pod)


def _wrong(condition: dict[str, Any]) -> Iterable[str]:
    if not _TYPE.match(condition.get("type", "")):
        yield "status.conditions.type: Invalid value"
    if condition.get("status") not in ("True", "False", "Unknown"):
        yield f"status.conditions.status: Unsupported value: {condition.get('status')}"
    if len(condition.get("message", "")) > 32_768:
        yield "status.conditions.message: Too long"
    if not _REASON.match(condition.get("reason", "X")):
        yield "status.conditions.reason: Invalid value"
    for key in ("lastProbeTime", "lastTransitionTime"):
        if key in condition and not _TIME.match(condition[key]):
            yield f"status.conditions.{key}: Invalid value"


def _selector(text: str) -> Any:
    """Equality-based label selectors: `a=b,c!=d,e`."""
    tests = []
    for part in filter(None, text.split(",")):
        match = re.match(r"([A-Za-z0-9./_-]+)(==|=|!=)?([A-Za-z0-9._-]*)\Z", part.strip())
        if match is None:
            raise ValueError(f"unable to parse requirement: {part}")
        tests.append(match.groups())

    def matches(labels: dict[str, str]) -> bool:
        return all(
            (key in labels if how is None else (labels.get(key) == value) == (how != "!="))
            for key, how, value in tests
        )

    return matches
