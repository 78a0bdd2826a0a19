"""The API's answers about objectives and noise, by service. Pure.

The same promises hold as in `answers`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from coalmine_aggregator.model.views import NoiseView, SloView
from coalmine_aggregator.web.answers import Answer, finite


class SloItem(Answer):
    """One service's objective over the `window_s` that end now.

    Of `judged` datapoints, `bad` went bad and `allowed` were allowed to. `left` is the fraction of the
    error budget that is left: 1 before anything is judged, negative where it is overspent. `burn` are
    burn rates by the name of their window; 1 spends the budget over exactly the objective's window,
    None is said where nothing can be.
    """

    service: str
    objective: float
    window_s: int
    judged: int
    bad: int
    allowed: float | None
    left: float | None
    burn: dict[str, float | None]


class Slos(Answer):
    """`/api/v1/slo`: every service, by name."""

    now: float
    services: list[SloItem]


class BurnDownPoint(Answer):
    """The fraction of the error budget that was left after `slot`."""

    slot: int
    left: float | None


class BurnDown(Answer):
    """`/api/v1/slo/{service}/burn-down`: oldest first, evenly over the window of the objective that
    ends `now`, or at the second that was asked for; over its end alone where nothing earlier is known.
    """

    now: float
    service: str
    objective: float
    window_s: int
    points: list[BurnDownPoint]


class NoiseItem(Answer):
    """What was learned of one service while it was healthy, from `learned_slots` slots.

    `rho` is the dispersion of its loss (0: independent datapoints), `loss` its healthy loss rate,
    `burst_loss` the 99th percentile of the loss in a burst, `burst_span` the slots that one spans. One
    slot moves a statistic by `c` at most, and by more only beyond a loss of `q`. An alert needs a
    statistic of `threshold`, which `patterns` patterns share. A number that is not finite is None.
    """

    service: str
    rho: float | None
    loss: float | None
    burst_loss: float | None
    burst_span: float | None
    q: float | None
    c: float | None
    learned_slots: int
    threshold: float | None
    patterns: int


class Noises(Answer):
    """`/api/v1/noise`: every service, by name."""

    now: float
    services: list[NoiseItem]


def slo_items(by_service: Mapping[str, SloView]) -> list[SloItem]:
    """The objectives as they are told, by service."""
    return [
        SloItem(
            service=service,
            objective=slo.objective,
            window_s=slo.window_s,
            judged=slo.judged,
            bad=slo.bad,
            allowed=finite(slo.allowed),
            left=finite(slo.left),
            burn={window: None if rate is None else finite(rate) for window, rate in slo.burn.items()},
        )
        for service, slo in sorted(by_service.items())
    ]


def noise_items(by_service: Mapping[str, NoiseView]) -> list[NoiseItem]:
    """The noise as it is told, by service."""
    return [
        NoiseItem(
            service=service,
            rho=finite(noise.rho),
            loss=finite(noise.loss),
            burst_loss=finite(noise.burst_loss),
            burst_span=finite(noise.burst_span),
            q=finite(noise.q),
            c=finite(noise.c),
            learned_slots=noise.learned_slots,
            threshold=finite(noise.threshold),
            patterns=noise.patterns,
        )
        for service, noise in sorted(by_service.items())
    ]


def burn_down_points(points: Iterable[tuple[int, float]]) -> list[BurnDownPoint]:
    """The points as they are told."""
    return [BurnDownPoint(slot=slot, left=finite(left)) for slot, left in points]
