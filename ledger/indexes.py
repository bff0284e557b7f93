"""Indexes as data, each with the query that pays for it.

Owns the list of all secondary indexes. Promises that each one states its reason: an index costs
every insert, on `events` most of all. Refuses nothing; `Store.ensure_indexes` creates them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Keys = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Index:
    """One index. `why` names the query; `partial` limits it to the documents that match."""

    collection: str
    name: str
    keys: Keys
    unique: bool
    why: str
    partial: Mapping[str, Any] | None = None
    ttl_s: int | None = None


# A partial filter that an equality with any text implies, so that the planner can use the index,
# and that leaves out the documents without a value.
_HAS_TEXT = {"$gt": ""}


def _changes(collection: str) -> Index:
    return Index(
        collection,
        "changed_us",
        (("changed_us", 1),),
        False,
        f"{collection} changed since the last poll: changed_us >= T, by every process each second",
    )


EVENT_INDEXES = (
    Index(
        "events",
        "writer_seq",
        (("writer", 1), ("seq", 1)),
        True,
        "the last event of a writer and its events in order (projector, verify); being unique, it"
        " fences a writer whose slot was taken over",
    ),
    Index(
        "events",
        "account_ts",
        (("account", 1), ("ts", -1)),
        False,
        "the log and the statement of one account, newest first or between two times",
    ),
    Index(
        "events",
        "ts",
        (("ts", -1),),
        False,
        "the log of all accounts, newest first, and exports of a period",
    ),
)

ROLLUP_INDEXES = (
    Index(
        "rollups",
        "shelf_start",
        (("shelf", 1), ("start", 1)),
        False,
        "the pages of one shelf in a period: sums, charts, and where the rows of a log are; a page"
        " is inserted once an hour or day, and its updates do not touch the index",
    ),
)

DIRECTORY_INDEXES = (
    Index(
        "users",
        "username",
        (("username", 1),),
        True,
        "sign-in by name; two users cannot have one name (a deleted user is renamed)",
    ),
    Index(
        "users",
        "access_token_hash",
        (("access_token_hash", 1),),
        True,
        "management calls that bring an access token",
        partial={"access_token_hash": _HAS_TEXT},
    ),
    Index(
        "users",
        "aff_code",
        (("aff_code", 1),),
        True,
        "the inviter of somebody who signs up with an invitation code",
        partial={"aff_code": _HAS_TEXT},
    ),
    Index(
        "users",
        "mailbox",
        (("mailbox", 1),),
        True,
        "the user of a mailbox, to reset the password; two users cannot prove to read the same one",
        partial={"mailbox": _HAS_TEXT},
    ),
    *(
        Index(
            "users",
            field,
            ((field, 1),),
            True,
            "sign-in through another service; two users cannot be the same person there",
            partial={field: _HAS_TEXT},
        )
        for field in ("github_id", "lark_id", "oidc_id", "wechat_id")
    ),
    *(
        Index(
            collection,
            "expires_us",
            (("expires_us", 1),),
            False,
            "sign-ins through others that were not finished in time, to be forgotten",
        )
        for collection in ("oauth_states", "sign_in_tickets")
    ),
    Index(
        "proofs",
        "expires_us",
        (("expires_us", 1),),
        False,
        "codes that have expired, to be forgotten",
    ),
    Index(
        "notices",
        "state_next",
        (("state", 1), ("next_us", 1)),
        False,
        "the notices that are due, by the leader every few seconds, and how many wait",
    ),
    Index(
        "notices",
        "ended_us",
        (("ended_us", 1),),
        False,
        "notices that ended long ago, to be forgotten",
    ),
    Index(
        "keys",
        "hash",
        (("hash", 1),),
        True,
        "the key of a relayed request, by the hash of its secret",
    ),
    Index(
        "keys",
        "previous_hash",
        (("previous_hash", 1),),
        False,
        "the key of a relayed request that still brings the secret from before a rotation",
        partial={"previous_hash": _HAS_TEXT},
    ),
    Index(
        "keys",
        "user_id",
        (("user_id", 1), ("_id", -1)),
        False,
        "the keys of one user, newest first",
    ),
    Index(
        "access_tokens",
        "hash",
        (("hash", 1),),
        True,
        "management calls that bring one of a user's further access tokens",
    ),
    Index("access_tokens", "user_id", (("user_id", 1),), False, "the access tokens of one user"),
    Index("sessions", "user_id", (("user_id", 1),), False, "the sessions of one user"),
    Index(
        "codes",
        "hash",
        (("hash", 1),),
        True,
        "the redemption code that a user typed, by the hash of its text",
    ),
    Index(
        "codes",
        "batch",
        (("batch", 1),),
        False,
        "the codes of one batch, to export them",
    ),
    Index(
        "answers",
        "at_s",
        (("at_s", 1),),
        False,
        "answers that no upstream keeps any more, to be forgotten, once a day",
    ),
    Index(
        "payment_orders",
        "user_created",
        (("user_id", 1), ("created_us", -1)),
        False,
        "the top-ups that one user began, newest first, and how many of them are open",
    ),
    Index(
        "payment_orders",
        "created",
        (("created_us", -1),),
        False,
        "the top-ups of all users, newest first, and the old unpaid ones, to be forgotten",
    ),
    Index(
        "payment_orders",
        "trade",
        (("trade", 1),),
        False,
        "the top-up of a refund or a dispute that names the provider's own number only",
        partial={"trade": _HAS_TEXT},
    ),
    *map(_changes, ("users", "keys", "channels", "options")),
)

INDEXES: tuple[Index, ...] = EVENT_INDEXES + ROLLUP_INDEXES + DIRECTORY_INDEXES
