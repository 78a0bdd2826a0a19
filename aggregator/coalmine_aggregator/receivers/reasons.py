"""Why something that arrived was not counted as a receipt. Pure."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """One each for whatever is refused; the value is the label in metrics and logs."""

    # of a datapoint, in the order in which they are looked for
    TOO_LONG = "line_too_long"
    MALFORMED = "malformed"
    BAD_KEY = "bad_key"
    UNKNOWN_SERIES = "unknown_series"
    NOT_A_NUMBER = "nan"
    NEGATIVE = "negative"
    NOT_ONE = "not_one"
    PAST = "past"
    FUTURE = "future"

    # of a frame, a stream or a body
    TRUNCATED = "truncated"
    FRAME_TOO_LONG = "frame_too_long"
    FORBIDDEN_OPCODE = "forbidden_opcode"
    BAD_PICKLE = "bad_pickle"
    BAD_REQUEST = "bad_request"
    BODY_TOO_LONG = "body_too_long"
    UNAUTHORIZED = "unauthorized"

    # of a connection
    NOT_ALLOWED = "not_allowed"
    TOO_MANY_CONNECTIONS = "too_many_connections"
    TOO_MANY_FROM_ADDRESS = "too_many_from_address"
    OUT_OF_ROOM = "out_of_room"
    IDLE = "idle"
    TLS_FAILED = "tls_failed"
    RESET = "reset"
    DEFECT = "defect"

    # of the machine we run on
    CANNOT_ACCEPT = "cannot_accept"
    KERNEL_DROPPED = "kernel_dropped"
