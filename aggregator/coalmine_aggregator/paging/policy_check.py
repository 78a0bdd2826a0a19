"""What a policy must hold to: names lead somewhere, people can be told, nothing is too much. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from coalmine_aggregator.model.scopes import PREFERENCE
from coalmine_aggregator.paging.policy import Group, PagingPolicy, Route
from coalmine_aggregator.paging.routing import GROUP_BY
from coalmine_aggregator.paging.target import Target

MAX_ROUTES: Final = 500
MAX_TARGETS: Final = 50
MAX_ESCALATIONS: Final = 100
MAX_ROTAS: Final = 200
MAX_PEOPLE: Final = 1_000
MAX_RULES: Final = 50
LONGEST_WAIT_S: Final = 3_600.0


class PolicyError(ValueError):
    """`path` is the place within the section `paging` as it is written there, such as
    `routes[0].to[1]`; the rest says what is wrong with it."""

    def __init__(self, path: str, what: str) -> None:
        super().__init__(f"{path}: {what}")
        self.path = path
        self.what = what


def check(policy: PagingPolicy) -> None:
    """Raises `PolicyError` for the first thing that cannot be."""
    for path, count, most in (
        ("routes", len(policy.routes), MAX_ROUTES),
        ("escalations", len(policy.escalations), MAX_ESCALATIONS),
        ("rotas", len(policy.rotas), MAX_ROTAS),
        ("people", len(policy.people), MAX_PEOPLE),
        ("inhibit", len(policy.inhibit), MAX_RULES),
    ):
        if count > most:
            raise PolicyError(path, f"{count} of them; there may be {most}")
    for name, rota in policy.rotas.items():
        if name in policy.people:
            raise PolicyError(f"rotas.{name}", "is the name of a person too")
        _checked(f"rotas.{name}", rota.check)
        for person in sorted(rota.members):
            if person not in policy.people:
                raise PolicyError(f"rotas.{name}", f"no person {person!r}")
    for name, escalation in policy.escalations.items():
        _checked(f"escalations.{name}", escalation.check)
        for place, step in enumerate(escalation.steps):
            _check_targets(policy, f"escalations.{name}[{place}].to", step.targets)
    for place, rule in enumerate(policy.inhibit):
        _checked(f"inhibit[{place}]", rule.check)
    for place, route in enumerate(policy.routes):
        _check_route(policy, f"routes[{place}]", route)
    _check_targets(policy, "fallback", policy.fallback)
    everyone_needs_one = all(traits.address for traits in policy.receivers.values())
    if policy.receivers and everyone_needs_one and not policy.fallback:
        # What no route takes, and that a receiver does not deliver, would be told to nobody.
        raise PolicyError("fallback", "is needed, as every receiver needs a person or a rota")


def _check_route(policy: PagingPolicy, path: str, route: Route) -> None:
    _checked(f"{path}.match", route.match.check)
    _check_targets(policy, f"{path}.to", route.to)
    if route.hours is not None:
        _checked(f"{path}.hours", route.hours.check)
    if route.group is not None:
        _check_group(f"{path}.group", route.group)
    if route.escalation and route.escalation not in policy.escalations:
        raise PolicyError(f"{path}.escalation", f"no escalation {route.escalation!r}")
    if route.escalation and not route.to:
        # Its clock starts when the route first tells somebody.
        raise PolicyError(f"{path}.to", "is empty, so its escalation would never begin")


def _check_targets(policy: PagingPolicy, path: str, targets: tuple[Target, ...]) -> None:
    if len(targets) > MAX_TARGETS:
        raise PolicyError(path, f"{len(targets)} of them; there may be {MAX_TARGETS}")
    for place, target in enumerate(targets):
        _check_target(policy, f"{path}[{place}]", target)


def _check_target(policy: PagingPolicy, path: str, target: Target) -> None:
    traits = policy.receivers.get(target.receiver)
    if traits is None:
        raise PolicyError(path, f"no receiver {target.receiver!r}")
    if not target.to:
        if traits.address:
            raise PolicyError(path, f"receiver {target.receiver!r} needs a person or a rota")
        return
    if not traits.address:
        raise PolicyError(path, f"receiver {target.receiver!r} tells nobody in particular")
    rota = policy.rotas.get(target.to)
    if rota is None and target.to not in policy.people:
        raise PolicyError(path, f"no person and no rota {target.to!r}")
    for name in sorted({target.to} if rota is None else rota.members):
        if not policy.people[name].address(traits.address):
            raise PolicyError(
                path, f"{name!r} has no {traits.address}, which {target.receiver!r} needs"
            )


def _check_group(path: str, group: Group) -> None:
    for name in group.by:
        if name not in (*GROUP_BY, *PREFERENCE):
            known = ", ".join((*GROUP_BY, *PREFERENCE))
            raise PolicyError(f"{path}.by", f"no {name!r}; there are {known}")
    if not 0.0 <= group.wait_s <= LONGEST_WAIT_S:
        raise PolicyError(f"{path}.wait", f"must be 0 to {LONGEST_WAIT_S:g} s")


def _checked(path: str, check: Callable[[], None]) -> None:
    try:
        check()
    except ValueError as error:
        where, colon, what = str(error).partition(": ")
        if not colon:
            raise PolicyError(path, where) from None
        raise PolicyError(f"{path}{where if where.startswith('[') else f'.{where}'}", what) from None
