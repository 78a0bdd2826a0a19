"""The API's description matches its routes, parameters and answers."""

from __future__ import annotations

from typing import Any

import pytest

from coalmine_aggregator.web.app import make_app
from coalmine_aggregator.web.openapi import document
from coalmine_wire.series import LABELS
from tests.aggregator.web.conftest import Site
from tests.aggregator.web.fake_view import FakeView, make_alert, make_history

DOCUMENT = document("0")
IN_PATH = {"id": "2", "service": "ingest"}


def matches(value: object, schema: dict[str, Any], at: str = "") -> list[str]:
    """Where `value` departs from `schema`: the few keywords that our types come out as."""
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/components/schemas/")
        return matches(value, DOCUMENT["components"]["schemas"][name], at)
    if "anyOf" in schema:
        tries = [matches(value, each, at) for each in schema["anyOf"]]
        return [] if [] in tries else tries[0]
    if "enum" in schema:
        return [] if value in schema["enum"] else [f"{at}: {value!r} not in {schema['enum']}"]
    types: dict[str, type | tuple[type, ...]] = {
        "object": dict,
        "array": list,
        "string": str,
        "integer": int,
        "number": (int, float),
        "boolean": bool,
        "null": type(None),
    }
    if not isinstance(value, types[schema["type"]]):
        return [f"{at}: {value!r} is no {schema['type']}"]
    wrong: list[str] = []
    if isinstance(value, list):
        for index, item in enumerate(value):
            wrong += matches(item, schema.get("items", {}), f"{at}[{index}]")
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        wrong += [f"{at}.{name} is missing" for name in schema.get("required", ()) if name not in value]
        for name, item in value.items():
            inner = properties.get(name, schema.get("additionalProperties"))
            if isinstance(inner, dict):
                wrong += matches(item, inner, f"{at}.{name}")
            else:
                wrong.append(f"{at}.{name} is not described")
    return wrong


def test_every_route_is_described_and_every_description_is_routed(view: FakeView) -> None:
    routes = {
        (route.method.lower(), route.resource.canonical)
        for route in make_app(view).router.routes()
        if route.resource is not None and route.method != "HEAD"
    }
    described = {
        (method, path) for path, operations in DOCUMENT["paths"].items() for method in operations
    }
    assert described == {(method, path) for method, path in routes if path.startswith("/api/")}


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/rates?by=protocol&last=3s",
        "/api/v1/fates?by=region",
        "/api/v1/agents",
        "/api/v1/alerts",
        "/api/v1/alerts/{id}/explain",
        "/api/v1/slo",
        "/api/v1/slo/{service}/burn-down?points=3",
        "/api/v1/noise",
        "/api/v1/rates?by=nothing",
        "/api/v1/openapi.json",
    ],
)
async def test_answers_are_as_described(site: Site, path: str) -> None:
    site.view.alerts = [make_alert(1)]
    site.view.closed = [make_alert(2, closed_at=site.view.now, scope={})]
    site.view.history = make_history(site.view.closed[0])
    responses = DOCUMENT["paths"][path.partition("?")[0]]["get"]["responses"]
    async with site.client.get(path.format(**IN_PATH)) as response:
        assert response.status == 200 or "nothing" in path
        described = responses.get(str(response.status), responses["default"])
        schema = described["content"][response.content_type]["schema"]
        body = await response.json(content_type=None)
        if schema != {"type": "object"}:
            assert matches(body, schema) == []
            assert matches({**body, "more": 1}, schema), "an undescribed member is noticed"


@pytest.mark.parametrize("path", ["/api/v1/rates", "/api/v1/fates"])
def test_every_parameter_of_a_question_is_described(path: str) -> None:
    described = {item["name"] for item in DOCUMENT["paths"][path]["get"]["parameters"]}
    assert described == {"by", "last", "from", "to", *LABELS}


@pytest.mark.parametrize("path", sorted(DOCUMENT["paths"]))
async def test_the_described_parameters_are_understood_and_others_refused(
    site: Site, path: str
) -> None:
    if path.endswith("openapi.json"):
        return
    site.view.history = make_history(make_alert(2))
    address = path.format(**IN_PATH)
    for item in DOCUMENT["paths"][path]["get"].get("parameters", []):
        if item["in"] == "path":
            assert f"{{{item['name']}}}" in path
            continue
        given = {
            "last": "5s",
            "from": "1790003590",
            "by": "protocol",
            "limit": "3",
            "status": "alive",
            "points": "3",
            "before": "3",
        }
        parameters = {item["name"]: given.get(item["name"], "udp")}
        if item["name"] == "to":
            parameters = {"from": "1790003590", "to": "1790003595"}
        async with site.client.get(address, params=parameters) as response:
            assert response.status == 200, parameters
    async with site.client.get(address, params={"nonsense": "1"}) as response:
        assert response.status == 400
