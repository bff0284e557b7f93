"""Traces where they are off: nothing of them is loaded, and what they need is said in words."""

import subprocess
import sys

import pytest

from gateway.settings import Settings, SettingsError, resolve
from tests.forks import ROOT


def test_settings() -> None:
    environ = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318",
        "OTEL_EXPORTER_OTLP_HEADERS": "Authorization=Bearer%20abc, x=y",
        "OTEL_TRACES_SAMPLER_ARG": "0.25",
    }
    found = resolve({}, environ, ROOT / "nowhere")
    assert found.otel_headers == (("authorization", "Bearer abc"), ("x", "y"))
    assert found.otel_ratio == 0.25 and "abc" not in repr(found)
    for name, value in (("ENDPOINT", "collector:4318"), ("HEADERS", "nothing")):
        with pytest.raises(SettingsError, match=f"OTEL_EXPORTER_OTLP_{name}"):
            resolve({}, {f"OTEL_EXPORTER_OTLP_{name}": value}, ROOT / "nowhere")
    assert Settings().otel_endpoint is None


def test_nothing_of_it_is_loaded_and_the_start_says_what_it_needs() -> None:
    code = (
        "import sys, gateway.app, gateway.server, gateway.worker\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])\n"
        "sys.modules['opentelemetry'] = None\n"
        "from gateway.settings import Settings\n"
        "try: gateway.app._spans(Settings(otel_endpoint='http://x'), None, None)\n"
        "except ValueError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    loaded, refused = done.stdout.splitlines()
    assert loaded == "[]" and "pip install 'tollgate[otel]'" in refused, done.stderr
