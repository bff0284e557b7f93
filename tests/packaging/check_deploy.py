"""`make deploy-check`: Dockerfile, compose.yaml, Kubernetes manifests and systemd's unit, each read
by a tool that knows its format. Run by the environment that has those tools (tools.txt)."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import compose_spec
import yaml

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
UNIT = ROOT / "conf" / "tollgate.service"


class Flat(yaml.SafeDumper):
    """Writes YAML without anchors, which the reader of compose files does not follow."""

    def ignore_aliases(self, data: object) -> bool:
        """Never refer to what was written before."""
        return True


def run(*command: str | Path) -> None:
    """Run a tool; end with what it says if it finds fault."""
    done = subprocess.run([str(each) for each in command], capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    print("ok:", Path(command[0]).name, *(Path(each).name for each in command[1:]))


def systemd() -> None:
    """Let systemd judge its unit, with programs in the places that the unit names."""
    if shutil.which("systemd-analyze") is None:
        print("skipped: systemd-analyze is not installed")
        return
    text = UNIT.read_text(encoding="utf-8").replace("/opt/tollgate/bin/tollgate", "/bin/true")
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory, UNIT.name)
        file.write_text(text, encoding="utf-8")
        run("systemd-analyze", "verify", "--man=no", file)


def main() -> None:
    """Check all of them; the first fault ends it, with exit status 1."""
    run(BIN / "hadolint", ROOT / "Dockerfile")
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    compose_spec.PyCompose.from_yaml(yaml.dump(compose, Dumper=Flat)).validate()
    print("ok: compose.yaml")
    for manifest in sorted((ROOT / "conf" / "kubernetes").glob("*.yaml*")):
        run(BIN / "kubernetes-validate", "--strict", manifest)
    systemd()


if __name__ == "__main__":
    main()
