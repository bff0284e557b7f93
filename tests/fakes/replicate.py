"""An honest fake of Replicate's HTTP API: predictions of a language model and of one for images,
asked for their result, streamed and cancelled. It names addresses of Replicate's own, as Replicate
does, which are not to be followed from a channel with another address."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from tests.fakes.native import NUMBER, Json, NativeFake, Script, Wrong, check

KEY = "r8_ofReplicate"
VERSION = "5c7d5dc6dd8bf75c1acaa8565735e7986bc5b66206b55cca93cb72c9bf15ccaa"
_WHEN = "2026-11-22T22:00:00.123Z"
_CHAT = {
    "prompt": str,
    "system_prompt?": str,
    "max_tokens?": int,
    "temperature?": NUMBER,
    "top_p?": NUMBER,
    "top_k?": int,
    "seed?": int,
    "presence_penalty?": NUMBER,
    "frequency_penalty?": NUMBER,
    "stop_sequences?": str,
}
_DRAW = {
    "prompt": str,
    "num_outputs?": int,
    "aspect_ratio?": str,
    "seed?": int,
    "output_format?": str,
}
_TITLES = {401: "Unauthenticated", 402: "Insufficient credit", 422: "Invalid input"}


def metrics_of(script: Script) -> Json:
    """Return a prediction's figures as Replicate reports them."""
    made: Json = {"predict_time": 1.25, "total_time": 1.5}
    if script.no_usage:
        return made
    tokens = {"input_token_count": script.tokens_in, "output_token_count": script.tokens_out}
    return {**tokens, **made, "tokens_per_second": 31.4, "time_to_first_token": 0.07}


@dataclass
class Prediction:
    """One that runs: `draws` images, or says something; `looked` at so often."""

    draws: int = 0
    looked: int = 0
    canceled: bool = False


class FakeReplicate(NativeFake):
    """Replicate. `web` is where its images are; `streams` whether its language model does."""

    paths = {
        "/v1/models/acme/chat/predictions": "chat",
        "/v1/models/acme/image/predictions": "draw",
        "/v1/predictions": "versioned",
    }
    routes = (
        ("GET", r"/v1/predictions/([a-z0-9]+)", "look"),
        ("POST", r"/v1/predictions/([a-z0-9]+)/cancel", "cancel"),
        ("GET", r"/v1/streams/([a-z0-9]+)", "stream"),
    )
    stream_type = "text/event-stream"
    status = 201

    def __init__(self) -> None:
        super().__init__()
        self.web = "https://replicate.delivery/xezq/"
        self.streams = True
        self.streams_at = "https://stream-b.svc.ric1.c.replicate.net"
        self.predictions: dict[str, Prediction] = {}

    def reset(self) -> None:
        """Stream again, too."""
        super().reset()
        self.streams = True

    def check_headers(self, headers: dict[str, str]) -> None:
        """The key is the bearer's."""
        if headers.get("authorization") != f"Bearer {KEY}":
            raise Wrong(401, "You did not pass a valid authentication token")
        wait = re.fullmatch(r"wait(=([0-9]+))?", headers.get("prefer", "wait"))
        if wait is None or not 1 <= int(wait[2] or 60) <= 60:
            raise Wrong(400, "Prefer must be wait=1 to wait=60")
        self.waits = "prefer" in headers
        self.accepts = headers.get("accept", "")

    def error(self, status: int, message: str) -> Json:
        """A problem: title, detail, status."""
        return {"title": _TITLES.get(status, "Error"), "detail": message, "status": status}

    def late_error(self) -> Json:
        """An event of a stream."""
        return {"event": "error", "data": "the model crashed"}

    def frame(self, event: Json) -> bytes:
        """An event with its name, its number and each line of its data."""
        lines = "".join(f"data: {line}\n" for line in event["data"].split("\n"))
        return f"event: {event['event']}\nid: 1690212292:0\n{lines}\n".encode()

    def noise(self) -> bytes:
        """Comments, logs, events that nobody knows."""
        return b": hi\n\nevent: logs\nid: 1\ndata: loading\n\nevent: odd\r\ndata:x\r\n\r\n"

    def chat(self, body: Json) -> Json:
        """Begin to say something."""
        check(body, {"input": _CHAT, "stream?": bool})
        return self._begun(Prediction(), bool(body.get("stream")))

    def draw(self, body: Json) -> Json:
        """Begin to make images."""
        check(body, {"input": _DRAW, "stream?": bool})
        return self._begun(Prediction(body["input"].get("num_outputs", 1)), False)

    def versioned(self, body: Json) -> Json:
        """Begin with a version of a model."""
        check(body, {"version": str, "input": _CHAT, "stream?": bool})
        if body["version"] != VERSION:
            raise Wrong(422, "Invalid version or not permitted")
        return self._begun(Prediction(), bool(body.get("stream")))

    def _begun(self, prediction: Prediction, stream: bool) -> Json:
        name = f"gm3qorzdhgbfurvjtvhg6dckhu{len(self.predictions)}"
        self.predictions[name] = prediction
        now = self.waits and not self.script.polls
        shown = self._shown(name, "starting" if not now else self._end())
        if stream and self.streams:
            shown["urls"]["stream"] = f"{self.streams_at}/v1/streams/{name}"
        return shown

    def _end(self) -> str:
        return "failed" if self.script.fails else "succeeded"

    def _shown(self, name: str, status: str) -> Json:
        script, prediction = self.script, self.predictions[name]
        base = f"https://api.replicate.com/v1/predictions/{name}"
        made: Json = {
            "id": name,
            "model": "acme/image" if prediction.draws else "acme/chat",
            "version": VERSION,
            "input": {},
            "logs": "",
            "output": None,
            "error": None,
            "status": status,
            "created_at": _WHEN,
            "urls": {"get": base, "cancel": f"{base}/cancel"},
        }
        if status == "succeeded":
            output: Any = list(script.words)
            if prediction.draws:
                count = prediction.draws if script.images is None else script.images
                output = [f"{self.web}cat{at}.png" for at in range(count)]
            return {**made, "output": output, "metrics": metrics_of(script)}
        if status == "failed":
            return {**made, "error": "the model crashed", "metrics": {"predict_time": 0.5}}
        return made

    def look(self, asked: re.Match[str]) -> Json:
        """Tell of a prediction."""
        prediction = self.predictions.get(asked[1])
        if prediction is None:
            raise Wrong(404, "Prediction not found")
        prediction.looked += 1
        if prediction.canceled:
            return self._shown(asked[1], "canceled")
        running = prediction.looked <= self.script.polls
        return self._shown(asked[1], "processing" if running else self._end())

    def cancel(self, asked: re.Match[str]) -> Json:
        """End a prediction that is not wanted any more."""
        self.predictions[asked[1]].canceled = True
        return self._shown(asked[1], "canceled")

    def stream(self, asked: re.Match[str]) -> list[Json]:
        """Say something word by word."""
        if asked[1] not in self.predictions or "text/event-stream" not in self.accepts:
            raise Wrong(404, "no such stream")
        if self.script.fails:
            return [self.late_error(), {"event": "done", "data": '{"reason": "error"}'}]
        said = [{"event": "output", "data": word} for word in self.script.words]
        return [*said, {"event": "done", "data": "{}"}]
