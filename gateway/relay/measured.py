"""What step 4 finds."""

from dataclasses import dataclass

from gateway.formats.usage import Usage


@dataclass(slots=True)
class Measured:
    """Usage, its source ("upstream", "counted" or "estimated") and the report as it came.

    `empty` says that the answer came to its end without any output. `rule` is the one that was
    declared for how it ended, where that is not the rule for interruptions; `delivered` is what the
    upstream delivered, where the charge is for less than that by a rule, or for other classes.
    """

    usage: Usage
    source: str
    frame: str | None = None
    empty: bool = False
    rule: str | None = None
    delivered: "Measured | None" = None
