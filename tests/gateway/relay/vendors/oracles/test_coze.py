"""The fake of Coze, read by Coze's own client.

cozepy 0.20 wants websockets before 15, which the other clients here do not: it is no extra of this
package, and the test runs where somebody installed it beside the rest.
"""

import pytest

from tests.fakes.coze import BOT, KEY, FakeCoze
from tests.fakes.native import WORDS, Script

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_coze() -> None:
    cozepy = pytest.importorskip("cozepy")
    async with FakeCoze() as fake:
        client = cozepy.AsyncCoze(auth=cozepy.AsyncTokenAuth(KEY), base_url=fake.url)
        asked = {
            "bot_id": BOT,
            "user_id": "somebody",
            "auto_save_history": False,
            "additional_messages": [
                cozepy.Message.build_user_question_text("hi"),
                cozepy.Message.build_assistant_answer("ho"),
                cozepy.Message.build_user_question_objects(
                    [
                        cozepy.MessageObjectString.build_text("What is it?"),
                        cozepy.MessageObjectString.build_image(file_url="https://host/cat.png"),
                    ]
                ),
            ],
        }
        fake.script = Script(thoughts=("Hm.",), tokens_in=3, tokens_out=4, piece=3)
        types = cozepy.ChatEventType
        events = [event async for event in client.chat.stream(**asked)]
        deltas = [e.message for e in events if e.event == types.CONVERSATION_MESSAGE_DELTA]
        assert "".join(each.content for each in deltas) == "".join(WORDS)
        assert "".join(each.reasoning_content or "" for each in deltas) == "Hm."
        (last,) = [e.chat for e in events if e.event == types.CONVERSATION_CHAT_COMPLETED]
        assert (last.usage.input_count, last.usage.output_count, last.usage.token_count) == (
            3,
            4,
            7,
        )
        fake.script = Script(fail_at=3)
        events = [event async for event in client.chat.stream(**asked)]
        assert events[-1].event == types.CONVERSATION_CHAT_FAILED
        assert events[-1].chat.last_error.code == 4013
        fake.script = Script(fails=True)
        with pytest.raises(cozepy.CozeAPIError, match="4013"):
            _ = [event async for event in client.chat.stream(**asked)]
