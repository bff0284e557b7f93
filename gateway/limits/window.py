"""The arithmetic: how much was admitted in the last span, and when something more fits.

What was admitted is kept as pieces: all that came within a sixtieth of the span is one piece, which
counts until its *last* request is a whole span old. So no span of time, wherever it begins, ever
holds more than the limit; what came first in a piece counts up to a sixtieth longer than it must;
and memory is bounded whatever the limit is. The same arithmetic, in Lua, is in scripts.py.
"""

from collections import deque

PIECES = 60


class Window:
    """Requests and tokens of one subject. Times are milliseconds and never go back."""

    __slots__ = ("_pieces", "requests", "span_ms", "tokens")

    def __init__(self, span_ms: int) -> None:
        self.span_ms = span_ms
        self.requests = 0
        self.tokens = 0
        # Each is [first, last, requests, tokens]; in order, and disjoint.
        self._pieces: deque[list[int]] = deque()

    def prune(self, now_ms: int) -> bool:
        """Forget what is a whole span old; tell whether anything is left."""
        pieces = self._pieces
        while pieces and pieces[0][1] + self.span_ms <= now_ms:
            _, _, requests, tokens = pieces.popleft()
            self.requests -= requests
            self.tokens -= tokens
        return bool(pieces)

    def add(self, now_ms: int, requests: int, tokens: int) -> None:
        """Count what is admitted now."""
        pieces = self._pieces
        if pieces and now_ms - pieces[-1][0] < self.span_ms // PIECES:
            newest = pieces[-1]
            newest[1] = max(newest[1], now_ms)
            newest[2] += requests
            newest[3] += tokens
        else:
            pieces.append([now_ms, now_ms, requests, tokens])
        self.requests += requests
        self.tokens += tokens

    def take_back(self, at_ms: int, requests: int, tokens: int) -> None:
        """Count less of what was admitted then; what is forgotten already stays so."""
        for piece in reversed(self._pieces):
            if piece[0] <= at_ms <= piece[1]:
                requests, tokens = min(requests, piece[2]), min(tokens, piece[3])
                piece[2] -= requests
                piece[3] -= tokens
                self.requests -= requests
                self.tokens -= tokens
                return

    def wait_for_requests(self, now_ms: int, limit: int) -> int:
        """Return in how many milliseconds one more request fits; 0 is now."""
        return self._wait(now_ms, 2, self.requests + 1 - limit)

    def wait_for_tokens(self, now_ms: int, limit: int, tokens: int) -> int:
        """Return in how many milliseconds so many tokens, at most the limit, fit; 0 is now."""
        return self._wait(now_ms, 3, self.tokens + tokens - limit)

    def _wait(self, now_ms: int, column: int, too_many: int) -> int:
        if too_many <= 0:
            return 0
        for piece in self._pieces:
            too_many -= piece[column]
            if too_many <= 0:
                return piece[1] + self.span_ms - now_ms
        raise AssertionError("what is counted is in the pieces")

    def reset_requests(self, now_ms: int) -> int:
        """Return in how many milliseconds no request counts any more."""
        return self._reset(now_ms, 2)

    def reset_tokens(self, now_ms: int) -> int:
        """Return in how many milliseconds no token counts any more."""
        return self._reset(now_ms, 3)

    def _reset(self, now_ms: int, column: int) -> int:
        newest = next((each for each in reversed(self._pieces) if each[column]), None)
        return 0 if newest is None else newest[1] + self.span_ms - now_ms
