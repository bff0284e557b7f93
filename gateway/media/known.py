"""What of a request's price is known before it is sent."""

from dataclasses import dataclass

from ledger.price_variants import Variant

# What a vendor makes when neither the request nor the answer says so (OpenAI's own defaults).
USUAL_SIZE, USUAL_QUALITY = "1024x1024", "standard"


@dataclass(slots=True)
class Known:
    """What is sold by the piece, and how much of it there can be at most.

    `unit` is the class of usage that a price by the piece counts, `count` how many of it: exact
    where `source` is "counted". `tokens_in` and `tokens_out` are upper bounds for models that are
    sold by the token. `size` and `quality` are those of images; None while they are not known.
    """

    unit: str
    count: int
    source: str = "counted"
    tokens_in: int = 0
    tokens_out: int = 0
    size: str | None = None
    quality: str | None = None

    @property
    def is_input(self) -> bool:
        """Whether the pieces are sent rather than made."""
        return self.unit != "images"

    @property
    def variant(self) -> Variant | None:
        """Return what is made, as far as prices can depend on it."""
        return Variant(self.size, self.quality) if self.unit == "images" else None

    def made(self, size: str | None, quality: str | None) -> None:
        """Take note of what an answer says was made, where the request left it open."""
        self.size = self.size or size or USUAL_SIZE
        self.quality = self.quality or quality or USUAL_QUALITY
