"""The paths of incidents in the API's description. Pure."""

from __future__ import annotations

from typing import Final

from coalmine_aggregator.web import parameters
from coalmine_aggregator.web.incident_answers import IncidentAnswer, Incidents
from coalmine_aggregator.web.incident_bodies import (
    MergeBody,
    NoteBody,
    OpenBody,
    PostmortemBody,
    ReopenBody,
    TitleBody,
    UpdateBody,
)
from coalmine_aggregator.web.incident_detail_answers import IncidentDetail
from coalmine_aggregator.web.incident_number_answers import IncidentNumbers
from coalmine_aggregator.web.openapi_operations import Operation, get, post, text

SHAPES: Final = (
    Incidents,
    IncidentDetail,
    IncidentAnswer,
    IncidentNumbers,
    OpenBody,
    UpdateBody,
    NoteBody,
    TitleBody,
    ReopenBody,
    MergeBody,
    PostmortemBody,
)
"""What these paths are answered with, and sent."""

_ONE: Final = "/api/v1/incidents/{number}"


def incident_paths() -> dict[str, Operation]:
    """All of them."""
    number = parameters.INCIDENT
    return {
        "/api/v1/incidents": {
            **get("Pages of incidents, the newest first", Incidents, parameters.INCIDENTS),
            **post("Open an incident by hand", IncidentAnswer, [], OpenBody, made=True),
        },
        "/api/v1/incidents/numbers": get(
            "How soon incidents were seen, taken and over",
            IncidentNumbers,
            parameters.INCIDENT_NUMBERS,
        ),
        _ONE: get("All that is known of an incident", IncidentDetail, parameters.TIMELINE),
        f"{_ONE}/postmortem.md": text(
            "The post-mortem as a document",
            "Markdown: what people wrote, numbers, impact, timeline. Where nobody wrote one, what "
            "there is to begin with. What is sent back has the same shape.",
            "text/markdown",
            number,
        ),
        f"{_ONE}/snapshots/{{name}}.svg": text(
            "A graph that is kept with an incident",
            "SVG without scripts and references.",
            "image/svg+xml",
            parameters.INCIDENT_GRAPH,
        ),
        f"{_ONE}/update": post("Say how it stands", IncidentAnswer, number, UpdateBody),
        f"{_ONE}/note": post("Note something", IncidentAnswer, number, NoteBody),
        f"{_ONE}/title": post("Call it otherwise", IncidentAnswer, number, TitleBody),
        f"{_ONE}/publish": post(
            "Publish it on all components that it touches", IncidentAnswer, number, who="operators"
        ),
        f"{_ONE}/withhold": post("Keep it from customers", IncidentAnswer, number, who="operators"),
        f"{_ONE}/reopen": post("It goes on after all", IncidentAnswer, number, ReopenBody),
        f"{_ONE}/merge": post(
            "It is part of another, which is answered", IncidentAnswer, number, MergeBody
        ),
        f"{_ONE}/postmortem": post(
            "Write the post-mortem, in place of the one before",
            IncidentAnswer,
            number,
            PostmortemBody,
        ),
    }
