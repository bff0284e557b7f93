"""What clients hear: answers, and refusals in the form of their dialect."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any

import httpx
import openai
import orjson
from websockets.exceptions import InvalidStatus

from tests.gateway.relay.conftest import Gate

Json = dict[str, Any]
# Types of Anthropic's errors (its documentation, Errors), and Google's names of statuses.
ANTHROPIC_TYPES = {400: "invalid_request_error", 402: "billing_error", 404: "not_found_error"}
GOOGLE_NAMES = {400: "INVALID_ARGUMENT", 402: "FAILED_PRECONDITION", 404: "NOT_FOUND"}
GOOGLE_NAMES |= {501: "UNIMPLEMENTED"}


@dataclass(frozen=True)
class Asking:
    """A question: with whose key, of which model, whole or as a stream, and whether the client
    wants to be told what a stream used."""

    gate: Gate
    secret: str
    model: str
    stream: bool
    show: bool = False

    @property
    def client(self) -> Any:
        """OpenAI's own client."""
        return self.gate.client(self.secret)

    async def by_hand(self, method: str, path: str, **how: Any) -> httpx.Response:
        """Ask where no client of a vendor asks. Raises Refused."""
        headers = {"authorization": f"Bearer sk-{self.secret}", **how.pop("headers", {})}
        answer = await self.gate.http.request(method, path, headers=headers, **how)
        if answer.status_code != 200:
            raise Refused(answer.status_code, answer.json())
        return answer


@dataclass(frozen=True)
class Heard:
    """An answer: what it says, and the tokens in and out that it tells of."""

    said: Any
    shown: tuple[int, int] | None = None

    @classmethod
    def told(cls, said: Any, usage: Any) -> Heard:
        """Return an answer with a usage as OpenAI's endpoints tell it."""
        if usage is None:
            return cls(said)
        told = usage if isinstance(usage, dict) else usage.model_dump()
        return cls(said, (told["prompt_tokens"], told.get("completion_tokens") or 0))


class Refused(Exception):
    """A refusal: its status and its JSON."""

    def __init__(self, status: int, said: Any) -> None:
        super().__init__(f"{status}: {said}")
        self.status, self.said = status, said


async def refusal(answer: Awaitable[Heard]) -> Refused:
    """Return the refusal that a client should get, whatever its client makes of it."""
    import anthropic
    from google.genai.errors import APIError

    try:
        heard = await answer
    except Refused as error:
        return error
    except (openai.APIStatusError, anthropic.APIStatusError) as error:
        return Refused(error.response.status_code, error.response.json())
    except APIError as error:
        return Refused(error.code, error.details)
    except InvalidStatus as error:
        return Refused(error.response.status_code, orjson.loads(error.response.body or b""))
    raise AssertionError(f"not refused: {heard}")


def code_of(found: Refused, dialect: str) -> str:
    """Return a refusal's code, having seen that it has its dialect's form; "" for Anthropic's,
    which has no place for one."""
    said, status = found.said, found.status
    error = said["error"]
    if dialect == "anthropic":
        assert said["type"] == "error" and set(error) == {"type", "message"}, said
        assert error["type"] == ANTHROPIC_TYPES.get(status, "api_error"), said
        return ""
    if dialect == "gemini":
        assert (error["code"], error["status"]) == (status, GOOGLE_NAMES[status]), said
        return str(error["details"][0]["reason"]).lower()
    assert set(said) == {"error"} and set(error) == {"message", "type", "param", "code"}, said
    return str(error["code"])
