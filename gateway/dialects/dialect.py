"""What the relay knows of a dialect: functions over parsed JSON, without I/O.

The middle is OpenAI's chat format. The same dialect on both sides needs a Follower only; between
two dialects, answers go through a Reader, chunks of chat and a Writer.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from gateway.dialects.searches import ToolCall
from gateway.formats.text import Countable
from gateway.formats.usage import Usage
from gateway.relay.errors import RelayError

Json = dict[str, Any]


class Reader(Protocol):
    """An upstream's stream as chat chunks. `finished`: the answer came to its own end."""

    @property
    def finished(self) -> bool: ...

    def feed(self, event: Json) -> list[Json]: ...

    def end(self) -> list[Json]: ...


class Writer(Protocol):
    """Chat chunks as a client's stream; `end` and `fail` close it, whichever comes first."""

    def feed(self, chunk: Json) -> bytes: ...

    def end(self) -> bytes: ...

    def fail(self, error: RelayError, request_id: str) -> bytes: ...


class Follower(Protocol):
    """Watches a stream that passes untouched. `finished`: the answer came to its own end;
    `failed`: the upstream said itself that it failed."""

    finished: bool
    failed: bool

    def feed(self, event: Json) -> bool:
        """Note an event; tell whether it is to be held back as the end of the answer."""
        ...

    def cut_short(self, report: Json, events: int) -> bytes:
        """Return what ends a stream early, after so many events, as a short answer. `report` is
        the usage as chat has it."""
        ...


@dataclass(frozen=True, slots=True)
class Dialect:
    """One dialect.

    `telling` finds lines that a Follower must see, `opening` the lines that announce an end,
    `error_first` an error in place of an answer. `closes` says that nothing follows the event that
    ends an answer, `last` is that event where an upstream forgets it. `delivers` are the fields of
    which an answer has at least one. `searches` yields the searches that an answer or event
    tells of beside its usage, `most_searches` returns how many a request may cause. `id_header` is
    where its clients look for the request's id.
    """

    name: str
    request_to_chat: Callable[[Json], Json]
    request_from_chat: Callable[[Json], Json]
    answer_to_chat: Callable[[Json, int], Json]
    answer_from_chat: Callable[[Json, Json, str], Json]
    reader: Callable[[int], Reader]
    writer: Callable[[Json, bool, str], Writer]
    follower: Callable[[], Follower]
    classes: Callable[[Json], Usage | None]
    find: Callable[[Any], Json | None]
    merge: Callable[[Json | None, Json], Json]
    texts: Callable[[Any], Iterator[str]]
    countable: Callable[[Json], Countable]
    searches: Callable[[Any], Iterable[ToolCall]]
    most_searches: Callable[[Json], dict[str, int]]
    envelope: Callable[[RelayError, str], Json]
    stream_error: Callable[[RelayError, str], bytes]
    parse_error: Callable[[Any], tuple[str | None, str]]
    limited: Callable[[Json, int], Json]
    with_system: Callable[[Json, str], Json]
    telling: re.Pattern[bytes]
    opening: re.Pattern[bytes]
    error_first: re.Pattern[bytes]
    closes: bool
    delivers: tuple[str, ...]
    last: bytes
    id_header: str = ""
