"""What would hide something else in a graph is drawn beside it. Pure. All in pixels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Course = list[float | None]


def lines_beside(courses: Sequence[Course], apart: float, top: float, bottom: float) -> bool:
    """Moves heights that lie less than half of `apart` from each other so far apart, around where they
    are and within `top` and `bottom`, in the order of the courses. Says whether any was moved."""
    is_moved = False
    for place in range(max(map(len, courses), default=0)):
        heights = ((course[place], course) for course in courses if place < len(course))
        found = sorted(
            (
                (height, order, course)
                for order, (height, course) in enumerate(heights)
                if height is not None
            ),
            key=lambda each: each[:2],
        )
        while found:
            together = [each for each in found if each[0] - found[0][0] < apart / 2]
            del found[: len(together)]
            if len(together) > 1:
                is_moved = True
                over = (len(together) - 1) * apart
                first = max(top, min(bottom - over, together[0][0] - over / 2))
                for row, (_, _, course) in enumerate(sorted(together, key=lambda each: each[1])):
                    course[place] = first + row * apart
    return is_moved


def rows_beside(spans: Iterable[tuple[float, float]], most: int) -> list[int]:
    """The row, from 0 at the top, of each label that reaches from `begin` to `end`, told from left
    to right: below all that it would lie on, as far as there are rows. A line from where it begins down
    cuts none of the others then."""
    placed: list[tuple[int, float]] = []
    for begin, end in spans:
        below = max((row + 1 for row, reaches in placed if reaches > begin), default=0)
        placed.append((min(below, most - 1), end))
    return [row for row, _ in placed]
