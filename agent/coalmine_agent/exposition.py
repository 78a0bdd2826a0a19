"""Prometheus text format, version 0.0.4, by hand: its client library has no place on a host. Pure."""

from __future__ import annotations

from collections.abc import Sequence

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Labels = dict[str, str]


class Exposition:
    """Gathers families in the order in which they are told."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def counter(self, name: str, doc: str, *samples: tuple[Labels, float]) -> None:
        """`name` ends in `_total`."""
        self._family(name, "counter", doc, samples)

    def gauge(self, name: str, doc: str, *samples: tuple[Labels, float]) -> None:
        """A value that goes up and down."""
        self._family(name, "gauge", doc, samples)

    def histogram(
        self,
        name: str,
        doc: str,
        bounds: Sequence[float],
        *samples: tuple[Labels, Sequence[int], float],
    ) -> None:
        """For each sample its labels, the counts within each bound and above all, and the sum."""
        self._head(name, "histogram", doc)
        for labels, counts, total in samples:
            running = 0
            for bound, count in zip([*map(_number, bounds), "+Inf"], counts, strict=True):
                running += count
                self._lines.append(f"{name}_bucket{_labels({**labels, 'le': bound})} {running}")
            self._lines.append(f"{name}_sum{_labels(labels)} {_number(total)}")
            self._lines.append(f"{name}_count{_labels(labels)} {running}")

    def text(self) -> str:
        """All of it."""
        return "\n".join([*self._lines, ""])

    def _family(self, name: str, kind: str, doc: str, samples: Sequence[tuple[Labels, float]]) -> None:
        self._head(name, kind, doc)
        for labels, value in samples:
            self._lines.append(f"{name}{_labels(labels)} {_number(value)}")

    def _head(self, name: str, kind: str, doc: str) -> None:
        self._lines += (f"# HELP {name} {doc}", f"# TYPE {name} {kind}")


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{key}="{_escape(value)}"' for key, value in labels.items()) + "}"


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))
