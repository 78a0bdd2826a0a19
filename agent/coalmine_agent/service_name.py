"""The name of a service, as it stands in the configuration."""

from __future__ import annotations

from coalmine_wire.series import is_label


class ServiceName(str):
    """A service's name, as it stands in every series name."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> ServiceName:
        """Raises ValueError where a series name could not carry it unchanged."""
        if not is_label(text):
            raise ValueError(f'"{text}": a service\'s name has only the characters a-z 0-9 _ -')
        if text.startswith("_"):
            raise ValueError(f'"{text}": names that begin with "_" are kept for Coalmine itself')
        return cls(text)
