"""Ask as langchain-openai does; print what was heard as JSON. Arguments: base URL, key."""

import json
import sys

from langchain_openai import ChatOpenAI, OpenAIEmbeddings

url, key = sys.argv[1:]
chat = ChatOpenAI(model="sandbox-chat", base_url=f"{url}/v1", api_key=key, max_tokens=40)
whole = chat.invoke("Say something about ledgers.")
pieces = [str(piece.content) for piece in chat.stream("Say something about ledgers.")]
vectors = OpenAIEmbeddings(
    model="sandbox-embedding",
    base_url=f"{url}/v1",
    api_key=key,
    check_embedding_ctx_length=False,  # else it downloads a tokenizer
)
vector = vectors.embed_query("x")
tokens = whole.usage_metadata["total_tokens"]
said = {"whole": whole.content, "stream": "".join(pieces), "tokens": tokens, "vector": len(vector)}
print(json.dumps(said))
