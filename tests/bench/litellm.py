"""The peer: the LiteLLM proxy in a virtual environment of its own, set up as leanly as it allows.

One worker, no database, the price map that it ships, telemetry and logs off: everything that a
gateway without books can leave out is left out, so the ratios are to the peer's advantage.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil

from tests.bench import wire
from tests.bench.processes import (
    REPOSITORY,
    BenchError,
    Child,
    FakeUpstream,
    Reading,
    bare_environment,
    free_port,
    read_meter,
    wait_for_url,
)

VERSION = "1.106.2"
_ENVIRONMENT = REPOSITORY / ".venv-litellm"
_INSTALL_S = 900

_CONFIG = """\
model_list:
  - model_name: {model}
    litellm_params:
      model: openai/{model}
      api_base: {base_url}/v1
      api_key: {upstream_key}
general_settings:
  master_key: {key}
litellm_settings:
  telemetry: false
"""


def install() -> Path:
    """The `litellm` program of the tested version, installed first where it is missing."""
    program = _ENVIRONMENT / "bin" / "litellm"
    marker = _ENVIRONMENT / "bench-version"
    if program.exists() and marker.exists() and marker.read_text() == VERSION:
        return program
    print(f"installing litellm[proxy] {VERSION} into {_ENVIRONMENT.name} ...", flush=True)
    pip = [str(_ENVIRONMENT / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    steps = (
        [sys.executable, "-m", "venv", str(_ENVIRONMENT)],
        [*pip, "--disable-pip-version-check", f"litellm[proxy]=={VERSION}"],
    )
    for step in steps:
        done = subprocess.run(step, capture_output=True, text=True, timeout=_INSTALL_S, check=False)
        if done.returncode:
            raise BenchError(f"the peer could not be installed:\n{done.stderr[-2000:]}")
    marker.write_text(VERSION)
    return program


class LiteLLM:
    """A LiteLLM proxy with one model, which is the fake upstream's."""

    name = "litellm"
    key = "sk-bench-master"

    def __init__(self, directory: Path, upstream: FakeUpstream) -> None:
        program = install()
        self.port = free_port()
        config = directory / "litellm.yaml"
        config.write_text(
            _CONFIG.format(
                model=wire.MODEL,
                base_url=upstream.base_url,
                upstream_key=upstream.key,
                key=self.key,
            )
        )
        args = [str(program), "--config", str(config), "--host", "127.0.0.1"]
        args += ["--port", str(self.port), "--num_workers", "1", "--telemetry", "False"]
        self.child = Child(
            args, log=directory / "litellm.log", cwd=directory, env=_environment(directory)
        )
        try:
            ready = f"http://127.0.0.1:{self.port}/health/readiness"
            wait_for_url(ready, self.child, within_s=120)
        except BaseException:
            self.child.stop()
            raise

    def read(self) -> Reading:
        """CPU and memory of the proxy with everything below it."""
        return read_meter(self.child, _part_of)

    def check(self, answered: int) -> str:
        """The peer keeps no books here: there is nothing to compare."""
        return f"{answered} complete answers; no books kept"

    def stop(self) -> None:
        """Ends the proxy."""
        self.child.stop()


def _part_of(_process: psutil.Process) -> str:
    return "gateway"


def _environment(directory: Path) -> dict[str, str]:
    """Quiet, offline, in its own home."""
    path = f"{_ENVIRONMENT / 'bin'}:/usr/bin:/bin"
    return bare_environment(
        LITELLM_LOCAL_MODEL_COST_MAP="True",
        LITELLM_LOG="ERROR",
        LITELLM_MODE="PRODUCTION",
        HOME=str(directory),
    ) | {"PATH": path}
