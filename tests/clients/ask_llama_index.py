"""Ask as llama-index does; print what was heard as JSON. Arguments: base URL, key."""

import json
import sys

from llama_index.core.llms import ChatMessage
from llama_index.llms.openai_like import OpenAILike

url, key = sys.argv[1:]
model = OpenAILike(
    model="sandbox-chat", api_base=f"{url}/v1", api_key=key, is_chat_model=True, max_tokens=40
)
asked = [ChatMessage(role="user", content="Say something about ledgers.")]
whole = model.chat(asked)
pieces = [piece.delta or "" for piece in model.stream_chat(asked)]
tokens = whole.raw.usage.total_tokens
said = {"whole": whole.message.content, "stream": "".join(pieces), "tokens": tokens}
print(json.dumps(said))
