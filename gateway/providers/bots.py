"""What platforms of bots have in common: they are told a conversation and who speaks, and little
else. Their tools are their own, and they fetch images by themselves."""

from gateway.dialects.dialect import Config, Json
from gateway.dialects.gemini.fields import refuse, unsupported
from gateway.providers import turns
from gateway.providers.turns import ASSISTANT, TOOL, Image, Turn

_MOST_CHARS = 200
NOBODY = "tollgate"


def conversation(chat: Json) -> list[Turn]:
    """Return the turns of a chat body. Raises RelayError 400 for calls of tools, for their results,
    and where the user does not have the last word."""
    found = turns.turns(chat)
    for turn in found:
        if turn.calls:
            unsupported(f"{turn.param}.tool_calls")
        if turn.role == TOOL:
            unsupported(f"{turn.param}.role")
    if found[-1].role == ASSISTANT:
        refuse("messages", "a conversation in which the user has the last word")
    turns.streams(chat)
    return found


def user(chat: Json, config: Config) -> str:
    """Return who speaks: whom the channel's config names, else the request, else nobody."""
    given = chat.get("user")
    asked = given[:_MOST_CHARS] if isinstance(given, str) else ""
    return str(config.get("user_id") or "") or asked or NOBODY


def address(image: Image) -> str:
    """Return where an image is, or itself in a data: URL that can be read. Raises RelayError 400
    for anything else."""
    if is_inline(image.url):
        image.base64()
        return f"data:{image.url[5:]}"
    if not image.url.lower().startswith(("http://", "https://")):
        refuse(image.param, "the http(s) address of an image, or an image in a data: URL")
    return image.url


def is_inline(url: str) -> bool:
    """Whether an image is in its URL."""
    return url[:5].lower() == "data:"
