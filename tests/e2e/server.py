"""A real Tollgate in its own process, driven as its operator would drive it."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.waiting import until_sync

ROOT_ACCESS_TOKEN = "a" * 32
ROOT_KEY = "r" * 48
ROOT_PASSWORD = "root-password"
SECRET_KEY = "k" * 43
SANDBOX = 1000
REPOSITORY = Path(__file__).parent.parent.parent
READY_S = 60
STOP_S = 60
# Those that were started and did not end yet, so that a test that fails leaves nothing behind.
RUNNING: "set[Server]" = set()


def free_port() -> int:
    """Return a port that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """`tollgate serve` on a directory, with its management API at hand."""

    def __init__(self, directory: Path, **environ: str) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environ = {
            **{
                k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG", "MONGO_DRIVER")
            },
            "PYTHONPATH": str(REPOSITORY),
            "INITIAL_ROOT_PASSWORD": ROOT_PASSWORD,
            "INITIAL_ROOT_TOKEN": f"sk-{ROOT_KEY}",
            "INITIAL_ROOT_ACCESS_TOKEN": ROOT_ACCESS_TOKEN,
            "TOLLGATE_SECRET_KEY": SECRET_KEY,
            # All of a test comes from one address, and much faster than people.
            "GLOBAL_API_RATE_LIMIT": "0",
            "GLOBAL_WEB_RATE_LIMIT": "0",
            **environ,
        }
        self.log = directory / "server.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.http = httpx.Client(base_url=self.url, timeout=60, trust_env=False)

    def command(self, *args: str) -> list[str]:
        return [sys.executable, "-W", "error", "-m", "gateway.cli", *args]

    def launch(self, *flags: str) -> "Server":
        """Start without waiting for anything."""
        RUNNING.add(self)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command(
                    "serve",
                    "--port",
                    str(self.port),
                    "--data-dir",
                    str(self.directory / "data"),
                    *flags,
                ),
                cwd=self.directory,
                env=self.environ,
                stdout=log,
                stderr=log,
            )
        return self

    def start(self, *flags: str) -> "Server":
        """Start and return when it is ready; a server that ends early fails with its log."""
        return self.launch(*flags).until(self._is_ready, "the server is ready")

    def until(self, condition: Callable[[], bool], what: str) -> "Server":
        """Wait for what belongs to a start. Where it does not come, nothing is left running."""
        try:
            until_sync(condition, READY_S, what)
        except BaseException as error:  # a test's time that is up, and Ctrl-C, are no Exceptions
            said = self.last_words()
            self.abandon()
            if isinstance(error, AssertionError):
                raise AssertionError(f"{error}\n{said}") from None
            raise
        return self

    def _is_ready(self) -> bool:
        assert self.process is not None and self.process.poll() is None, "it ended"
        try:
            return self.http.get("/health/ready").status_code == 200
        except httpx.TransportError:
            return False

    def stop(self) -> None:
        """Stop as an operator does, and insist that it ends well."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                assert self.process.wait(STOP_S) == 0, self.last_words()
            except subprocess.TimeoutExpired:
                self.kill()
                raise
        self.http.close()
        RUNNING.discard(self)

    def last_words(self) -> str:
        """Return the end of the log, and how the process ended if it did."""
        ended = None if self.process is None else self.process.poll()
        log = self.log.read_text(errors="replace")[-4000:] if self.log.exists() else ""
        return f"exit status {ended}\n{log}"

    def abandon(self) -> None:
        """End whatever still runs."""
        if self.process is not None and self.process.poll() is None:
            self.kill()
        self.http.close()
        RUNNING.discard(self)

    def kill(self) -> None:
        """Kill the whole tree at once, as a power cut would."""
        assert self.process is not None
        parent = psutil.Process(self.process.pid)
        tree = [parent, *parent.children(recursive=True)]
        for process in tree:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        self.process.wait(STOP_S)
        psutil.wait_procs(tree, timeout=STOP_S)

    def mongo_url(self) -> str:
        """Return where the embedded database listens."""
        import json

        return str(json.loads((self.directory / "data" / "embedded.json").read_text())["url"])

    # -- the command line -----------------------------------------------------------------------

    def cli(self, *args: str) -> subprocess.CompletedProcess[str]:
        """Run a ledger command on this server's data directory."""
        return subprocess.run(
            self.command(*args),
            cwd=self.directory,
            env={**self.environ, "TOLLGATE_DATA_DIR": str(self.directory / "data")},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def verified(self) -> str:
        """Insist that the books balance, and return what verify said."""
        done = self.cli("ledger", "verify")
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    # -- the management API ---------------------------------------------------------------------

    def api(self, method: str, path: str, body: Any = None, token: str = ROOT_ACCESS_TOKEN) -> Any:
        """Call the management API and return its data; a refusal fails the test."""
        answer = self.raw(method, path, body, token)
        assert answer.status_code == 200 and answer.json()["success"], answer.text
        return answer.json().get("data")

    def raw(
        self, method: str, path: str, body: Any = None, token: str = ROOT_ACCESS_TOKEN
    ) -> httpx.Response:
        """Call the management API and return the answer as it came."""
        return self.http.request(method, path, json=body, headers={"Authorization": token})

    def options(self, **values: Any) -> None:
        """Set options."""
        for key, value in values.items():
            self.api("PUT", "/api/option/", {"key": key, "value": value})

    def add_channel(self, **fields: Any) -> int:
        """Add a channel (the sandbox, unless told otherwise) and return its id."""
        channel = {
            "type": SANDBOX,
            "name": "sandbox",
            "key": "none",
            "models": "sandbox-chat,sandbox-embedding",
            "group": "default",
            **fields,
        }
        self.api("POST", "/api/channel/", channel)
        rows = self.api("GET", "/api/channel/?p=0&page_size=100")
        return max(row["id"] for row in items(rows))

    def add_user(self, name: str, usd_quota: int = 0, group: str = "default") -> "Person":
        """Add a user with some credit (in quota: 500,000 is one USD) and sign in as them."""
        self.api(
            "POST",
            "/api/user/",
            {"username": name, "password": "password-1", "display_name": name, "group": group},
        )
        found = items(self.api("GET", f"/api/user/search?keyword={name}"))
        user_id = next(row["id"] for row in found if row["username"] == name)
        if usd_quota:
            top_up = {"user_id": user_id, "quota": usd_quota, "remark": "test"}
            self.api("POST", "/api/topup", top_up)
        return Person(self, user_id, name)

    def events(self, **filters: Any) -> list[dict[str, Any]]:
        """Return events of the whole ledger, newest first, as an administrator sees them."""
        found: list[dict[str, Any]] = []
        after = None
        while True:
            params = {
                "limit": 1000,
                "order": "desc",
                **filters,
                **({"after": after} if after else {}),
            }
            answer = self.http.get(
                "/api/ledger/events", params=params, headers={"Authorization": ROOT_ACCESS_TOKEN}
            )
            assert answer.status_code == 200, answer.text
            page = answer.json()
            rows = items(page["data"])
            found.extend(rows)
            after = page.get("next") or (
                page["data"].get("next") if isinstance(page["data"], dict) else None
            )
            if not rows or not after:
                return found

    def balance_nano(self, account: str) -> int:
        """Return the balance of an account in nano-dollars."""
        return int(self.api("GET", f"/api/ledger/balance?account={account}")["balance_nano"])


class Person:
    """A signed-in user with keys of their own."""

    def __init__(self, server: Server, user_id: int, name: str) -> None:
        self.server = server
        self.id = user_id
        self.account = f"user:{user_id}"
        with httpx.Client(base_url=server.url, timeout=60, trust_env=False) as session:
            login = {"username": name, "password": "password-1"}
            answer = session.post("/api/user/login", json=login)
            assert answer.status_code == 200 and answer.json()["success"], answer.text
            self.access_token = session.get("/api/user/token").json()["data"]

    def api(self, method: str, path: str, body: Any = None) -> Any:
        return self.server.api(method, path, body, self.access_token)

    def raw(self, method: str, path: str, body: Any = None) -> httpx.Response:
        return self.server.raw(method, path, body, self.access_token)

    def add_key(self, **fields: Any) -> dict[str, Any]:
        """Make a key and return its row; `key` is the secret without `sk-`."""
        name = fields.pop("name", "test")
        self.api("POST", "/api/token/", {"name": name, "unlimited_quota": True, **fields})
        rows = items(self.api("GET", "/api/token/?p=0&page_size=100"))
        return max(rows, key=lambda row: row["id"])


def items(data: Any) -> list[dict[str, Any]]:
    """Return the rows of a list, whether bare or with a total beside them."""
    return data["items"] if isinstance(data, dict) and "items" in data else data
