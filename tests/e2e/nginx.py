"""A real nginx with conf/nginx.conf, in front of gateways of this machine."""

import re
import subprocess
from pathlib import Path

import httpx

from tests.e2e.server import REPOSITORY, Server, free_port
from tests.waiting import until_sync

GATEWAY = re.compile(r"server gateway-\d:3000")


def configuration(directory: Path, port: int, gateways: list[Server]) -> str:
    """Return conf/nginx.conf with these addresses in the place of a cluster's, and nothing else
    changed but where nginx may write."""
    text = (REPOSITORY / "conf" / "nginx.conf").read_text(encoding="utf-8")
    ports = iter(gateways)
    text = GATEWAY.sub(lambda _: f"server 127.0.0.1:{next(ports).port}", text)
    text = text.replace("listen 80;", f"listen 127.0.0.1:{port};")
    text = text.replace("/dev/stdout", f"{directory}/access.log")
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    places = "".join(f"    {kind}_temp_path {directory}/{kind};\n" for kind in kinds)
    return text.replace("http {\n", "http {\n" + places, 1)


class Nginx:
    """The process. Use as `with Nginx(directory, gateways) as nginx`."""

    def __init__(self, directory: Path, gateways: list[Server]) -> None:
        directory.mkdir()
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = directory / "error.log"
        file = directory / "nginx.conf"
        file.write_text(configuration(directory, self.port, gateways))
        extra = f"daemon off; pid {directory}/nginx.pid;"
        self.command = ["nginx", "-p", str(directory), "-c", str(file), "-g", extra]

    def __enter__(self) -> "Nginx":
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log)
        try:
            until_sync(self._answers, what="nginx answers")
        except BaseException:  # a test whose time is up among them
            self.__exit__()
            raise
        return self

    def _answers(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        try:
            return httpx.get(f"{self.url}/health/live", trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    def __exit__(self, *exc: object) -> None:
        self.process.terminate()
        self.process.wait(30)
