"""The image: built from the lock, run by nobody, stopped and watched as an engine does it.

`make image-check` follows the Dockerfile step by step; these are the rules that need no building.
"""

from pathlib import Path

import pytest

from tests.e2e.server import REPOSITORY
from tests.packaging.dockerfile import Stage, pairs, stages

STAGES = stages(REPOSITORY / "Dockerfile")
BUILD, FINAL = next(stage for stage in STAGES if stage.name == "build"), STAGES[-1]


def said(stage: Stage, instruction: str) -> list[str]:
    return [words for name, words in stage.steps if name == instruction]


def test_packages_are_installed_by_their_hashes_alone() -> None:
    installs = [step for step in said(BUILD, "RUN") if "pip install" in step]
    assert len(installs) == 2
    assert "--require-hashes -r conf/requirements.lock" in installs[0]
    assert "--no-deps --no-build-isolation ." in installs[1] and "pip check" in installs[1]
    assert said(BUILD, "COPY")[0].startswith("conf/requirements.lock")  # a layer that stays
    assert not [stage.name for stage in STAGES if said(stage, "ADD")]


def test_the_final_stage_is_small_and_runs_as_nobody() -> None:
    assert BUILD.base == FINAL.base == "python:3.11-slim"
    assert said(FINAL, "COPY") == ["--from=build /opt/tollgate /opt/tollgate"]
    assert "apt-get" not in " ".join(said(FINAL, "RUN"))
    user, _, group = FINAL.last("USER").partition(":")
    assert int(user) >= 10000 and int(group) >= 10000
    assert FINAL.last("VOLUME") == pairs(FINAL.last("ENV"))["TOLLGATE_DATA_DIR"] == "/data"
    labels = pairs(FINAL.last("LABEL"))
    assert labels["org.opencontainers.image.title"] == "Tollgate"
    assert labels["org.opencontainers.image.licenses"] == "MIT AND GPL-2.0-only"


def test_signals_reach_the_server_itself() -> None:
    assert FINAL.words("ENTRYPOINT") == ["tollgate"]
    assert FINAL.words("CMD") == ["serve"]
    assert FINAL.last("STOPSIGNAL") == "SIGTERM"
    assert "CMD [" in FINAL.last("HEALTHCHECK") and "/health/live" in FINAL.last("HEALTHCHECK")


def test_what_is_no_dockerfile_is_refused(tmp_path: Path) -> None:
    for text in ("RUN true\n", "FROM x\nnonsense\n", "FROM x\nCMD 5\n"):
        (tmp_path / "Dockerfile").write_text(text)
        with pytest.raises(ValueError):
            stages(tmp_path / "Dockerfile")[0].words("CMD")
