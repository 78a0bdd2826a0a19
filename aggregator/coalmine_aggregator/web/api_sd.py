"""`/api/v1/sd`: Prometheus' discovery of who serves.

Prometheus keeps the list that it has where the answer is an error, and takes an empty one at its word:
so there is an answer of 200 only where everything is known.
"""

from __future__ import annotations

from http import HTTPStatus

import msgspec
from aiohttp import web

from coalmine_aggregator.access.roles import Scope
from coalmine_aggregator.web.entrance import needs
from coalmine_aggregator.web.keys import OPTIONS
from coalmine_aggregator.web.problems import ProblemError, bad_parameter
from coalmine_aggregator.web.query import parse_count, singles
from coalmine_aggregator.web.replies import json_body

MAX_PORT = 65_535


@needs(Scope.METRICS)
async def service_targets(request: web.Request) -> web.Response:
    """The nodes of a service that get traffic, as `http_sd` has them."""
    values = singles(request.query.items(), known=("port",))
    port = parse_count(values, "port", default=0, most=MAX_PORT)
    if not port:
        raise bad_parameter("port", "The port to scrape is missing.", "port=9100")
    known, service = request.app[OPTIONS].targets, request.match_info["service"]
    if known is None or service not in known.services:
        raise ProblemError(
            HTTPStatus.NOT_FOUND,
            "no-such-service",
            f"There is no service {service[:64]} whose nodes can be asked for.",
            hint="remediation.services and remediation.outputs.http_sd say which",
        )
    groups = known.targets(service, port)
    if not groups:
        raise ProblemError(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "not-known",
            f"Who of {service[:64]} gets traffic is not known, or for the other aggregator to say.",
            headers={"Retry-After": "5"},
        )
    return json_body(msgspec.json.encode(groups))
