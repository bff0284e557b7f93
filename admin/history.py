"""History in the log: rows of the system that this one was moved in from.

They are shown as they were, marked with `history`, and carry no amount: their `quota` is what that
system had counted, and was settled there.
"""

from collections.abc import Mapping
from typing import Any

from gateway.directory.directory import Directory
from gateway.directory.old_log import Wanted
from gateway.directory.users import User

_NO_USER = -1
_US = 1_000_000


async def log_wanted(directory: Directory, sent: Mapping[str, Any], own: User | None) -> Wanted:
    """What One API's log filters ask of the history; `own` keeps to one user's rows."""
    user_id, username = (own.id if own else None), None
    if sent.get("group") or sent.get("outcome"):
        return Wanted(user_id=_NO_USER)  # no row of history has either
    if own is None and sent.get("username"):
        username = sent["username"]
        user = await directory.users.by_username(username)
        user_id = user.id if user else _NO_USER
    start_us, end_us = sent.get("start_timestamp"), sent.get("end_timestamp")
    return Wanted(
        user_id=user_id,
        username=username,
        type=sent.get("type") or None,
        model=sent.get("model_name") or None,
        key=sent.get("token_name") or None,
        channel=sent.get("channel") or None,
        from_s=-(-start_us // _US) if start_us else None,
        to_s=end_us // _US if end_us else None,
    )


def search_wanted(keyword: str, own: User | None) -> Wanted:
    """The rows that have a keyword as request id, model, key name or (for admins) user name."""
    return Wanted(user_id=own.id if own else None, keyword=keyword or None)


def history_row(found: Mapping[str, Any], *, own: bool) -> dict[str, Any]:
    """Write a row as rows of events are written (admin/logbook.py)."""
    written = {
        "id": f"{found['source']}:{found['id']}",
        "event_id": "",
        "event_type": "",
        "history": True,
        "system": found["system"],
        "created_at": found["created_s"],
        "type": found["type"],
        "content": found["content"],
        "username": found["username"],
        "token_name": found["key"],
        "model_name": found["model"],
        "quota": found["quota"],
        "amount": None,
        "amount_nano": None,
        "prompt_tokens": found["prompt_tokens"],
        "completion_tokens": found["completion_tokens"],
        "usage": {},
        "outcome": "",
        "request_id": found["request_id"],
        "elapsed_time": found["elapsed_ms"],
        "is_stream": found["stream"],
    }
    if not own:
        written["user_id"] = found["user_id"]
        written["channel"] = found["channel"]
    return written
