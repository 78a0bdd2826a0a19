"""Operations as the API's description has them. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from coalmine_aggregator.web.bodies import Body
from coalmine_aggregator.web.parameters import Parameter
from coalmine_aggregator.web.problems import CONTENT_TYPE, ProblemBody

Operation = dict[str, Any]


def ref(answer: type) -> dict[str, str]:
    """Where the shape of it stands."""
    return {"$ref": f"#/components/schemas/{answer.__name__}"}


PROBLEM = {
    "description": "A problem document (RFC 9457)",
    "content": {CONTENT_TYPE: {"schema": ref(ProblemBody)}},
}


def get(summary: str, answer: type, given: list[Parameter]) -> Operation:
    """Reads."""
    described = (answer.__doc__ or "").strip()
    return text(summary, described, "application/json", given, ref(answer))


def text(
    summary: str,
    description: str,
    content_type: str,
    given: list[Parameter],
    schema: dict[str, Any] | None = None,
) -> Operation:
    """Reads what is of that type; a string, where no schema says otherwise."""
    return {
        "get": {
            "summary": summary,
            "description": description,
            "parameters": given,
            "responses": {
                "200": {
                    "description": summary,
                    "content": {content_type: {"schema": schema or {"type": "string"}}},
                },
                "default": PROBLEM,
            },
        }
    }


def post(
    summary: str,
    answer: type,
    given: list[Parameter],
    body: type[Body] | None = None,
    *,
    made: bool = False,
    who: str = "responders",
) -> Operation:
    """Changes something. `made` says that there may be something new afterwards: that is told by the
    status."""
    answered = {"description": summary, "content": {"application/json": {"schema": ref(answer)}}}
    operation: Operation = {
        "summary": summary,
        "description": f"For {who}. {(answer.__doc__ or '').strip()}",
        "parameters": given,
        "responses": {
            "200": answered,
            **({"201": answered} if made else {}),
            "default": PROBLEM,
        },
    }
    if body is not None:
        operation["requestBody"] = {
            "required": any(field.required for field in msgspec.structs.fields(body)),
            "content": {"application/json": {"schema": ref(body)}},
        }
    return {"post": operation}
