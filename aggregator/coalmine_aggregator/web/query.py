"""What a request asks for: labels, filters, numbers, and questions about counts. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

from coalmine_aggregator.model.label_filter import LabelFilter
from coalmine_aggregator.reading.question import Question
from coalmine_aggregator.web.problems import bad_parameter
from coalmine_aggregator.web.spans import SPAN_NAMES, parse_span, parse_step
from coalmine_wire.series import LABELS

_MAX_VALUE = 255


def parse_question(
    pairs: Iterable[tuple[str, str]], *, settled: int, total_step_s: int | None = None
) -> Question:
    """The question in a query string.

    `by=a,b` (none: one sum over all), a span of time (see `parse_span`), `step`, and any label as
    `label=value`, exactly or a glob. By step, the span is widened to whole steps; `total_step_s` is for
    what makes one sum of all of it, takes no step and no more than was asked for. Raises
    `ProblemError`.
    """
    steps = ("step",) if total_step_s is None else ()
    values = singles(pairs, known=("by", *SPAN_NAMES, *steps, *LABELS))
    by = parse_labels(values.get("by", ""))
    span = parse_span(values, settled)
    step_s = total_step_s
    if step_s is None:
        step_s = parse_step(values, span)
        if span.seconds:
            span = span.widened(step_s, settled)
    return Question(by, parse_where(values), span.first, span.last, step_s)


def parse_labels(text: str, name: str = "by", known: tuple[str, ...] = LABELS) -> tuple[str, ...]:
    """Labels, separated by commas. Raises `ProblemError`."""
    by = tuple(part.strip() for part in text.split(",")) if text else ()
    for label in by:
        if label not in known:
            detail = f"There is no label {label[:64]}."
            raise bad_parameter(name, detail, f"labels are {', '.join(known)}")
    if len(set(by)) != len(by):
        raise bad_parameter(name, "A label is named twice.")
    return by


def parse_where(values: Mapping[str, str]) -> dict[str, str]:
    """The labels that are asked for. Raises `ProblemError`."""
    where = {label: values[label] for label in LABELS if label in values}
    for label, value in where.items():
        if len(value) > _MAX_VALUE:
            raise bad_parameter(label, f"{label} is longer than {_MAX_VALUE} characters.")
        try:
            LabelFilter({label: value})
        except ValueError as error:
            raise bad_parameter(label, f"{label} is {error}.") from None
    return where


def parse_count(values: Mapping[str, str], name: str, *, default: int, most: int) -> int:
    """A whole number from 1 to `most`. Raises `ProblemError`."""
    text = values.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and 1 <= int(text) <= most):
        raise bad_parameter(name, f"{name} must be a whole number from 1 to {most}.")
    return int(text)


def check_text(name: str, value: str) -> None:
    """Refuses a NUL, which no name has and PostgreSQL takes for an error of its own. Raises
    `ProblemError`."""
    if "\0" in value:
        raise bad_parameter(name, f"{name} holds a NUL character.")


def singles(pairs: Iterable[tuple[str, str]], *, known: Iterable[str]) -> dict[str, str]:
    """The parameters, each known and given once, without NULs. Raises `ProblemError`."""
    names = tuple(known)
    values: dict[str, str] = {}
    for name, value in pairs:
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(names)}"
            raise bad_parameter(name[:64], f"There is no parameter {name[:64]}.", hint)
        if name in values:
            raise bad_parameter(name, f"{name} is given twice.")
        check_text(name, value)
        values[name] = value
    return values
