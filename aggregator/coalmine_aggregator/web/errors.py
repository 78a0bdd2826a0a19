"""Turns every error into its problem document.

Handlers raise `ProblemError`; what aiohttp raises itself (no such route, wrong method, body too large)
becomes one, and an error of our own is logged and told without its details.
"""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import web
from aiohttp.typedefs import Handler

from coalmine_aggregator.web.problems import CONTENT_TYPE, ProblemError
from coalmine_runtime.logs import get_logger

log = get_logger("web")


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turns every error into its document."""
    try:
        return await handler(request)
    except ProblemError as problem:
        return _respond(problem, request)
    except web.HTTPException as error:
        if error.status < HTTPStatus.BAD_REQUEST:
            raise
        return _respond(_of_http(error), request)
    except Exception as error:
        log.exception("web.request.failed", error, path=request.path)
        fault = ProblemError(
            HTTPStatus.INTERNAL_SERVER_ERROR,
            "internal",
            "The request failed inside the aggregator; its log says why.",
        )
        return _respond(fault, request)


def _respond(problem: ProblemError, request: web.Request) -> web.Response:
    return web.Response(
        body=problem.body(request.path),
        status=int(problem.status),
        content_type=CONTENT_TYPE,
        headers=problem.headers | {"Cache-Control": "no-store"},
    )


def _of_http(error: web.HTTPException) -> ProblemError:
    status = HTTPStatus(error.status)
    name = status.phrase.lower().replace(" ", "-")
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        allow = error.headers.get("Allow", "")
        return ProblemError(status, name, f"Only {allow} here.", headers={"Allow": allow})
    if status is HTTPStatus.NOT_FOUND:
        return ProblemError(status, name, "There is nothing here.", hint="see /api/v1/openapi.json")
    return ProblemError(status, name, error.reason)
