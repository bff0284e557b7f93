"""What step 4 finds."""

from dataclasses import dataclass

from gateway.formats.usage import Usage


@dataclass(slots=True)
class Measured:
    """Usage, its source ("upstream", "counted" or "estimated") and the report as it came.

    `delivered` is what the upstream delivered, where the charge is for less than that by policy, or
    for other classes of it.
    """

    usage: Usage
    source: str
    frame: str | None = None
    delivered: Usage | None = None
