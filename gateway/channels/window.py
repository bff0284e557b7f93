"""The last results of a channel: a ring of bits of fixed length."""


class Window:
    """Remembers the last `size` results; takes the memory of one integer."""

    __slots__ = ("_bits", "_filled", "_size")

    def __init__(self, size: int) -> None:
        self._size = size
        self._bits = 0
        self._filled = 0

    def add(self, ok: bool) -> None:
        """Note a result; the oldest is forgotten when the window is full."""
        self._bits = ((self._bits << 1) | ok) & ((1 << self._size) - 1)
        self._filled = min(self._filled + 1, self._size)

    def clear(self) -> None:
        """Forget everything."""
        self._bits = self._filled = 0

    @property
    def is_full(self) -> bool:
        """Whether there are enough results to judge by."""
        return self._filled >= self._size

    @property
    def rate(self) -> float:
        """The share of good results, 0 to 1; 1 when there are none."""
        return self._bits.bit_count() / self._filled if self._filled else 1.0
