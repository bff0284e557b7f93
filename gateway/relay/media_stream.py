"""Watches a stream of images, speech or a transcript go by, and keeps none of what is large."""

from dataclasses import replace

from gateway.dialects.dialect import Dialect
from gateway.media.answers import Follower, Made, seconds
from gateway.media.known import Known
from gateway.relay.pass_meter import PassMeter


class MediaMeter(PassMeter):
    """One stream. Only the text of a transcript is kept, for the case that no usage is reported."""

    def __init__(self, dialect: Dialect, known: Known) -> None:
        # Several images have several ends, of which any can be the last.
        super().__init__(replace(dialect, closes=known.unit != "images" or known.count == 1))
        self._keeps = dialect.name == "transcripts"
        self._wanted = known.count if known.unit == "images" else 1

    @property
    def whole(self) -> bool:
        """Whether every image that was asked for is there, or all that is said or was heard."""
        return self.finished and (self.done or (self.made().count or 1) >= self._wanted)

    def made(self) -> Made:
        """Return what was made so far."""
        follower = self._follower
        assert isinstance(follower, Follower)
        found = replace(follower.made, report=self.report, texts=self.delivered())
        found.delivered = found.delivered or self.events > 0
        found.count = found.count or 0
        if self._keeps:
            # A transcript's ends are not what is sold.
            found.count = seconds({"usage": self.report})
        return found

    def _keep(self, piece: bytes) -> None:
        if self._keeps:
            super()._keep(piece)
