"""What a check says: how bad it is, what is the case, and how to mend it."""

from dataclasses import dataclass

OK, WARNING, FAULT = "ok", "warning", "fault"
#: From harmless to bad; a level's place is the exit status.
LEVELS = (OK, WARNING, FAULT)


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report. `mend` is empty where nothing is to be done."""

    level: str
    says: str
    mend: str = ""


def ok(says: str) -> list[Finding]:
    """Say that all is well."""
    return [Finding(OK, says)]


def warning(says: str, mend: str) -> list[Finding]:
    """Say that something works, but not well or not for long."""
    return [Finding(WARNING, says, mend)]


def fault(says: str, mend: str) -> list[Finding]:
    """Say that something does not work."""
    return [Finding(FAULT, says, mend)]


def worst(findings: list[Finding]) -> str:
    """Return the worst level of all."""
    return max((each.level for each in findings), key=LEVELS.index, default=OK)
