"""Problem documents (RFC 9457): what every answer of 400 and above is. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

import msgspec

CONTENT_TYPE = "application/problem+json"

TYPE_ROOT = "urn:coalmine:problem:"
"""`type` is this and the problem's name; the names are listed in docs/api.md."""


class ProblemBody(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """The members of RFC 9457. `hint` says what to do instead, `parameter` which one was wrong."""

    type: str
    title: str
    status: int
    detail: str = ""
    instance: str = ""
    hint: str = ""
    parameter: str = ""


class ProblemError(Exception):
    """An answer of 400 or above.

    `name` is the stable name by which machines tell problems apart; `detail` is for people.
    """

    def __init__(
        self,
        status: HTTPStatus,
        name: str,
        detail: str,
        *,
        hint: str = "",
        parameter: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.name = name
        self.detail = detail
        self.hint = hint
        self.parameter = parameter
        self.headers = dict(headers or {})

    def body(self, path: str) -> bytes:
        """The document; `path` is that of the request."""
        return msgspec.json.encode(
            ProblemBody(
                type=TYPE_ROOT + self.name,
                title=self.status.phrase,
                status=int(self.status),
                detail=self.detail,
                instance=path,
                hint=self.hint,
                parameter=self.parameter,
            )
        )


def bad_parameter(parameter: str, detail: str, hint: str = "") -> ProblemError:
    """The problem of a parameter that is unknown, given twice, or not understood."""
    return ProblemError(HTTPStatus.BAD_REQUEST, "bad-parameter", detail, hint=hint, parameter=parameter)
