"""How much one address may ask for, as it is without any setting."""

from pathlib import Path

import httpx

from tests.e2e.server import Server

ASSETS = ("/static/js/main.js", "/static/css/page.css", "/favicon.svg")
PAGES = ("/", "/static/index.html")


def test_pages_and_calls_are_counted_by_address_and_files_are_not(tmp_path: Path) -> None:
    unset = {"GLOBAL_API_RATE_LIMIT": "", "GLOBAL_WEB_RATE_LIMIT": ""}
    server = Server(tmp_path, **unset, TRUSTED_PROXIES="127.0.0.1").start()

    def get(path: str, address: str) -> httpx.Response:
        return server.http.get(path, headers={"X-Forwarded-For": address})

    def refusal(path: str, address: str, setting: str) -> None:
        answer = get(path, address)
        wait_s = int(answer.headers["Retry-After"])
        assert answer.status_code == 429 and 150 < wait_s <= 180
        said = answer.json()
        assert said["success"] is False and address in said["message"]
        assert setting in said["message"] and f"in {wait_s} s" in said["message"]

    try:
        loaded = [get(PAGES[number % 2], "203.0.113.1").status_code for number in range(60)]
        assert set(loaded) == {200}
        refusal("/", "203.0.113.1", "GLOBAL_WEB_RATE_LIMIT allows 60 in 3 minutes")
        files = [get(ASSETS[number % 3], "203.0.113.1").status_code for number in range(500)]
        assert set(files) == {200}
        assert get("/", "203.0.113.2").status_code == 200

        # What is refused for another reason, such as a wrong token, counts as well.
        paths = ("/api/status", "/api/user/self")
        called = {get(paths[number % 2], "203.0.113.1").status_code for number in range(180)}
        assert called == {200, 401}
        refusal("/api/status", "203.0.113.1", "GLOBAL_API_RATE_LIMIT allows 180 in 3 minutes")
        # Neither the relay nor whoever looks whether it lives is counted, nor is what is signed.
        for path, status in (("/v1/models", 401), ("/health/ready", 200)):
            assert get(path, "203.0.113.1").status_code == status
        signed = {"X-Forwarded-For": "203.0.113.1"}
        assert server.http.post("/api/payment/stripe", headers=signed).status_code == 404
        assert get("/api/status", "203.0.113.2").status_code == 200
        assert server.http.get("/api/status").status_code == 200
    finally:
        server.abandon()
