"""A Dockerfile read into its stages and instructions."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

INSTRUCTION = re.compile(r"([A-Z]+)\s+(.*)", re.S)


@dataclass(slots=True)
class Stage:
    """One stage: what it begins from, its name, and its instructions in order."""

    base: str
    name: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    def last(self, instruction: str) -> str:
        """Return what the last such instruction says, or nothing."""
        return next((said for name, said in reversed(self.steps) if name == instruction), "")

    def words(self, instruction: str) -> list[str]:
        """Return an instruction that is written in the exec form. Raises ValueError if not."""
        said = json.loads(self.last(instruction))
        if not isinstance(said, list) or not all(isinstance(word, str) for word in said):
            raise ValueError(f"{instruction} is not in the exec form: {said}")
        return said


def stages(path: Path) -> list[Stage]:
    """Read a Dockerfile. Raises ValueError where it cannot be read."""
    lines = path.read_text(encoding="utf-8").splitlines()
    text = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
    found: list[Stage] = []
    for line in text.replace("\\\n", " ").splitlines():
        if not line.strip():
            continue
        match = INSTRUCTION.fullmatch(line.strip())
        if match is None:
            raise ValueError(f"no instruction: {line}")
        name, said = match.groups()
        if name == "FROM":
            base, _, called = said.partition(" AS ")
            found.append(Stage(base.strip(), called.strip() or str(len(found))))
        elif not found:
            raise ValueError(f"{name} before the first FROM")
        else:
            found[-1].steps.append((name, said))
    return found


def pairs(said: str) -> dict[str, str]:
    """Read what ENV or LABEL says: NAME=value, the value in quotes where it has spaces."""
    return {
        name: quoted or plain
        for name, quoted, plain in re.findall(r'([\w.]+)=(?:"([^"]*)"|(\S*))', said)
    }
