"""Ask as LiteLLM does, as OpenAI's client and as Anthropic's; print what was heard as JSON.
Arguments: base URL, key."""

import json
import sys

import litellm

url, key = sys.argv[1:]
asked = [{"role": "user", "content": "Say something about ledgers."}]
as_openai = {"model": "openai/sandbox-chat", "api_base": f"{url}/v1", "api_key": key}
whole = litellm.completion(**as_openai, messages=asked, max_tokens=40)
stream = litellm.completion(**as_openai, messages=asked, max_tokens=40, stream=True)
pieces = [piece.choices[0].delta.content or "" for piece in stream if piece.choices]
as_anthropic = {"model": "anthropic/sandbox-chat", "api_base": url, "api_key": key}
other = litellm.completion(**as_anthropic, messages=asked, max_tokens=40)
said = {
    "whole": whole.choices[0].message.content,
    "stream": "".join(pieces),
    "tokens": whole.usage.total_tokens,
    "other": other.choices[0].message.content,
}
print(json.dumps(said))
