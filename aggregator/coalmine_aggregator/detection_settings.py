"""How detection is set: one number that every threshold follows from, and few others."""

from __future__ import annotations

import dataclasses

from coalmine_aggregator.model.policy import DetectionPolicy
from coalmine_runtime.settings import SettingError, setting

_DEFAULT = DetectionPolicy()


@dataclasses.dataclass(frozen=True, kw_only=True)
class DetectionSettings:
    """Detection over all services."""

    false_pages_per_year: float = setting(
        "Pages of a fleet that is healthy that are accepted in a year; all thresholds follow from it",
        _DEFAULT.false_pages_per_year,
    )
    certificate_days: float = setting(
        "Days before its end from which a certificate is told", _DEFAULT.certificate_days
    )

    def __post_init__(self) -> None:
        if not 1e-6 <= self.false_pages_per_year <= 1e6:
            raise SettingError("false_pages_per_year", "expected more than nothing, such as 1 or 0.2")
        if not 0 <= self.certificate_days <= 3650:
            raise SettingError("certificate_days", "expected days, such as 14")

    def policy(self) -> DetectionPolicy:
        """The same, as the engine takes it."""
        return DetectionPolicy(self.false_pages_per_year, self.certificate_days)
