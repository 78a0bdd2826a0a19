"""What goes wrong with etcd. Pure."""

from __future__ import annotations


class EtcdUnreachableError(OSError):
    """No member answered in time, or none that could do it; later one may."""


class EtcdRefusedError(ValueError):
    """It said no, or something that is not understood; asked again, it says the same."""
