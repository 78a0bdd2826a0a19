"""Length-prefixed pickles on a stream, over TCP or TLS. Pure."""

from __future__ import annotations

from coalmine_aggregator.receivers.gather import Gather
from coalmine_aggregator.receivers.intake import Receive, RefusedError, Scratch
from coalmine_aggregator.receivers.reasons import Reason
from coalmine_aggregator.receivers.rejections import Rejections
from coalmine_wire.pickle_codec import ForbiddenOpcodeError, PickleError, decode_points
from coalmine_wire.pickle_frames import FrameCutter, FrameTooLongError


class PickleIntake:
    """A frame that is no list of datapoints is counted and skipped: the next one can be told.

    One that holds a forbidden opcode, or says that it is too long, ends the connection.
    """

    __slots__ = ("_cutter", "_gather", "_rejections", "_scratch", "units")

    done = False

    def __init__(self, gather: Gather, rejections: Rejections, scratch: Scratch) -> None:
        self._gather = gather
        self._rejections = rejections
        self._scratch = scratch
        self._cutter = FrameCutter()
        self.units = 0

    @property
    def held(self) -> int:
        return self._cutter.held

    def read(self, receive: Receive) -> int:
        count = receive(self._scratch.view)
        if count:
            self._took(count)
        return count

    def _took(self, count: int) -> None:
        frames: list[bytes] = []
        try:
            self._cutter.feed(self._scratch.view[:count], frames)
        except FrameTooLongError as error:
            raise RefusedError(Reason.FRAME_TOO_LONG, str(error)) from None
        finally:
            for body in frames:
                self._decode(body)
        self.units += len(frames)

    def _decode(self, body: bytes) -> None:
        try:
            points, malformed = decode_points(body)
        except ForbiddenOpcodeError as error:
            raise RefusedError(Reason.FORBIDDEN_OPCODE, error.opcode) from None
        except PickleError as error:
            self._rejections.count(Reason.BAD_PICKLE, detail=str(error))
            return
        if malformed:
            self._rejections.count(Reason.MALFORMED, malformed)
        self._gather.add_points(points)

    def replies(self) -> bytes:
        return b""

    def ended(self) -> Reason | None:
        return Reason.TRUNCATED if self._cutter.held else None
