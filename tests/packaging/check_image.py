"""`make image-check`: what the Dockerfile says, done step by step without a container engine.

Each stage is this machine's file system with a layer of its own above it (overlayfs, in a private
mount namespace), with the Python that runs this at /usr/local as in the image that the Dockerfile
begins from. RUN and COPY write to the layer. Then the final stage's command is started as the first
process of its namespace and as the image's user, is asked as HEALTHCHECK asks it, and is told to
stop. Needs root, Linux and the network.
"""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.e2e.server import REPOSITORY, free_port
from tests.packaging.dockerfile import Stage, pairs, stages
from tests.waiting import until_sync

BASE_PATH = "/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin"
# What nobody needs to run the product, as names of directories and files.
TOOLS = {"pip", "setuptools", "wheel", "gcc", "cc", "make", "git", "uv"}
PRIVATE = ["unshare", "--mount", "--propagation", "private"]
STOP_S = 30


def run(*command: str | Path, **given: object) -> None:
    """Run a command; what it says is shown when it fails."""
    words = [str(each) for each in command]
    done = subprocess.run(words, capture_output=True, text=True, **given)  # type: ignore[call-overload]
    if done.returncode:
        sys.exit(f"{shlex.join(words)}\n{done.stdout}{done.stderr}")


class Layered:
    """A stage's root directory: the machine's files, and above them what its steps write."""

    def __init__(self, stage: Stage, work: Path) -> None:
        self.stage = stage
        self.root = work / stage.name / "root"
        self.layer = work / stage.name / "layer"
        self.environ = {"PATH": BASE_PATH, "LD_LIBRARY_PATH": "/usr/local/lib", "HOME": "/root"}
        kept = ("PIP_CERT", "PIP_FIND_LINKS", "PIP_INDEX_URL", "SSL_CERT_FILE")
        self.environ |= {name: os.environ[name] for name in kept if name in os.environ}
        self.workdir = "/"
        self._mount("/", self.layer, self.root)
        if sys.base_prefix != "/usr":
            self._mount(sys.base_prefix, work / stage.name / "python", self.root / "usr/local")
        else:
            (self.root / "usr/local/bin/python").symlink_to("/usr/bin/python3")
            for guard in self.root.glob("usr/lib/python3*/EXTERNALLY-MANAGED"):
                guard.unlink()  # the distribution keeps its Python to itself, the image does not
        run("mount", "-t", "proc", "proc", self.root / "proc")
        run("mount", "--rbind", "/dev", self.root / "dev")

    @staticmethod
    def _mount(lower: str, upper: Path, at: Path) -> None:
        scratch = upper.with_name(upper.name + "-scratch")
        for directory in (upper, scratch, at):
            directory.mkdir(parents=True, exist_ok=True)
        options = f"lowerdir={lower},upperdir={upper},workdir={scratch}"
        run("mount", "-t", "overlay", "overlay", "-o", options, at)

    def build(self, context: Path, others: "dict[str, Layered]") -> None:
        """Take all steps in their order."""
        for name, said in self.stage.steps:
            if name == "ENV":
                values = pairs(said).items()
                self.environ |= {
                    key: value.replace("$PATH", self.environ["PATH"]) for key, value in values
                }
            elif name == "WORKDIR":
                self.workdir = said
                self.place(said).mkdir(parents=True, exist_ok=True)
            elif name == "RUN":
                print(f"{self.stage.name}: {said[:80]}", flush=True)
                run(*self.inside("/bin/sh", "-e", "-c", said), env=self.environ)
            elif name == "COPY":
                self._copy(said.split(), context, others)

    def _copy(self, words: list[str], context: Path, others: "dict[str, Layered]") -> None:
        origin = context
        if words[0].startswith("--from="):
            origin = others[words.pop(0).removeprefix("--from=")].root
        *sources, target = words
        for source in sources:
            found, place = origin / source.lstrip("/"), self.place(target)
            if found.is_dir():
                shutil.copytree(found, place, symlinks=True, dirs_exist_ok=True)
            else:
                aim = place / found.name if target.endswith("/") else place
                aim.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(found, aim)

    def place(self, path: str) -> Path:
        """Return where a path of the stage is on this machine."""
        return self.root / str(Path(self.workdir, path)).lstrip("/")

    def inside(self, *command: str, user: str = "0:0") -> list[str]:
        """Return a command that runs in this root directory, in the working directory."""
        return ["chroot", f"--userspec={user}", str(self.root), "/bin/sh", "-c",
                f'cd {shlex.quote(self.workdir)} && exec "$@"', "sh", *command]  # fmt: skip


def context_of(work: Path) -> Path:
    """Copy what .dockerignore lets through."""
    context = work / "context"
    context.mkdir()
    for line in (REPOSITORY / ".dockerignore").read_text().splitlines():
        source = REPOSITORY / line[1:].rstrip("/")
        if line.startswith("!"):
            ignored = shutil.ignore_patterns("__pycache__", ".env")
            if source.is_dir():
                shutil.copytree(source, context / source.name, ignore=ignored)
            else:
                shutil.copy(source, context)
    return context


def check_files(final: Layered) -> None:
    """Nothing that only building needs may be in the final layer, nor what anybody can change."""
    files = [path for path in final.layer.rglob("*") if path.is_file() and not path.is_symlink()]
    ours = [path for path in files if path.is_relative_to(final.layer / "opt")]
    size = sum(path.stat().st_size for path in ours)
    print(f"final: {len(ours)} files below /opt, {size / 1e6:.0f} MB")
    tools = {path.name for path in (final.layer / "opt").rglob("*")} & TOOLS
    assert ours and not tools, tools
    loose = [path for path in ours if path.stat().st_mode & 0o022]
    assert not loose, loose[:5]
    assert not list((final.layer / "src").glob("*")), "sources are left"
    python = final.inside("python", "-c", "import pip")
    assert subprocess.run(python, env=final.environ, capture_output=True).returncode, "pip is left"


def check_running(final: Layered) -> None:
    """Start it as an engine would, ask it as HEALTHCHECK does, stop it; it must end well."""
    stage, user = final.stage, final.stage.last("USER")
    port = free_port()
    environ = {**final.environ, "PORT": str(port), "HOST": "127.0.0.1"}
    command = [*stage.words("ENTRYPOINT"), *stage.words("CMD"), "--demo"]
    alone = [
        "unshare",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc=" + str(final.root / "proc"),
    ]
    server = subprocess.Popen([*alone, *final.inside(*command, user=user)], env=environ,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)  # fmt: skip
    _, _, asking = stage.last("HEALTHCHECK").partition("CMD ")
    try:
        asked = final.inside(*json.loads(asking), user=user)
        until_sync(lambda: _passes(asked, environ), 60, "HEALTHCHECK passes")
        (first,) = _children(server.pid)
        status = Path(f"/proc/{first}/status").read_text()
        assert f"NSpid:\t{first}\t1\n" in status and "Uid:\t10001" in status, status
        print(f"final: {shlex.join(command)} is healthy, process 1, user {user}")
        os.kill(first, signal.Signals[stage.last("STOPSIGNAL")])
        said, _ = server.communicate(timeout=STOP_S)
        assert server.returncode == 0, said.decode()
        print("final: stopped by one SIGTERM, exit status 0")
        verify = final.inside("tollgate", "ledger", "verify", user=user)
        done = subprocess.run(verify, env=environ, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        print(done.stdout.splitlines()[0])
    finally:
        if server.poll() is None:
            server.kill()


def _passes(command: list[str], environ: dict[str, str]) -> bool:
    return subprocess.run(command, env=environ, capture_output=True).returncode == 0


def _children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def main() -> None:
    """Build all stages below a directory in memory, then look at the last one."""
    if os.geteuid() != 0 or sys.platform != "linux":
        sys.exit("image-check needs root on Linux: it mounts file systems of its own")
    if "--private" not in sys.argv:
        os.execvp(PRIVATE[0], [*PRIVATE, sys.executable, "-m", __spec__.name, "--private"])
    with tempfile.TemporaryDirectory(prefix="tollgate-image-") as name:
        work = Path(name)
        run("mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", work)
        built: dict[str, Layered] = {}
        try:
            context = context_of(work)
            for stage in stages(REPOSITORY / "Dockerfile"):
                built[stage.name] = Layered(stage, work)
                built[stage.name].build(context, built)
            final = list(built.values())[-1]
            check_files(final)
            check_running(final)
        finally:
            subprocess.run(["umount", "-R", "-l", str(work)], capture_output=True)


if __name__ == "__main__":
    main()
