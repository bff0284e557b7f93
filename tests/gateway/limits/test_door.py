"""How often somebody may come."""

import httpx
from tornado.web import Application

from gateway.assets import Assets
from gateway.console import STATIC_DIR, ConsoleHandler
from gateway.limits.door import Door, Doors
from gateway.limits.limits import Limits
from gateway.limits.memory import Memory
from tests.gateway.limits.test_window import Hand
from tests.listening import Listening

SPAN_S = 1_200


def door(most: int, clock: Hand | None = None) -> Door:
    return Door(Limits(Memory(clock or Hand())), "sign-in", most, SPAN_S)


async def test_each_subject_is_counted_and_forgotten_after_the_span() -> None:
    clock = Hand()
    throttle = door(2, clock)
    assert await throttle.enter(["a", "x"]) is None
    assert await throttle.enter(["a", "y"]) is None
    assert await throttle.enter(["a", "z"]) == SPAN_S
    assert await throttle.enter(["z"]) is None
    clock.now_ms += 100_500
    # A refused attempt does not prolong the wait.
    assert await throttle.enter(["a"]) == SPAN_S - 100
    clock.now_ms += SPAN_S * 1000 - 100_500
    assert await throttle.enter(["a"]) is None


async def test_a_success_is_forgiven_and_only_once() -> None:
    throttle = door(1)
    for _ in range(5):
        assert await throttle.enter(["a"]) is None
        throttle.forgive(["a"])
    throttle.forgive(["a"])
    assert await throttle.enter(["a"]) is None
    assert await throttle.enter(["a"]) is not None


async def test_the_console_is_served_to_one_address_as_often_as_is_allowed() -> None:
    doors = Doors.of(Limits(Memory(Hand())), (20, SPAN_S), 0, 2)
    assert doors.api is None
    files = {"assets": Assets(STATIC_DIR), "door": doors.web}
    application = Application([(r"/", ConsoleHandler, files)])
    async with Listening(application) as listening, httpx.AsyncClient() as client:
        url = listening.url
        assert [(await client.get(url)).status_code for _ in range(2)] == [200, 200]
        answer = await client.get(url)
        assert answer.status_code == 429 and answer.headers["retry-after"] == "180"
        assert answer.json()["success"] is False
