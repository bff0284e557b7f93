"""What the relay knows of a dialect: functions over parsed JSON, without I/O.

The middle is OpenAI's chat format. The same dialect on both sides needs a Follower only; between
two dialects, answers go through a Reader, chunks of chat and a Writer. A protocol that only
upstreams speak is a Source; a Dialect is one that clients speak too.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from gateway.dialects.searches import ToolCall
from gateway.formats.text import Countable
from gateway.formats.usage import Usage
from gateway.relay.errors import RelayError

Json = dict[str, Any]
# What a channel says beside its address and key, by name.
Config = Mapping[str, Any]


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


class Ending(Protocol):
    """Watches a stream for its end."""

    def feed(self, event: Json) -> bool:
        """Note an event; tell whether it is to be held back as the end of the answer."""
        ...


class Follower(Ending, Protocol):
    """Watches a stream that passes untouched. `finished`: the answer came to its own end;
    `failed`: the upstream said itself that it failed."""

    finished: bool
    failed: bool

    def cut_short(self, report: Json, events: int) -> bytes:
        """Return what ends a stream early, after so many events, as a short answer. `report` is
        the usage as chat has it."""
        ...


@dataclass(frozen=True, slots=True)
class Vectors:
    """How an upstream makes vectors: `request` says OpenAI's embeddings body in its own way (with
    the channel's config), `read` returns an answer's vectors, in order."""

    request: Callable[[Json, Config], Json]
    read: Callable[[Json], list[list[float]]]


@dataclass(frozen=True, slots=True)
class Ranks:
    """How an upstream reranks: `request` says a rerank body in its own way (with the channel's
    config), `answer` makes of its answer to that body what clients read."""

    request: Callable[[Json, Config], Json]
    answer: Callable[[Json, Json], Json]


@dataclass(frozen=True, slots=True)
class Pictures:
    """How an upstream makes images: `request` says OpenAI's images body in its own way (with the
    channel's config), `answer` makes of its answer to that body what clients read, but for the
    form in which they want each image."""

    request: Callable[[Json, Config], Json]
    answer: Callable[[Json, Json], Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What the relay knows of a protocol to ask it and to read it.

    `request_from_chat` also gets the channel's config. `error_first` finds an error in place of an
    answer, `fails` knows errors that look otherwise. `closes` says that nothing follows the event
    that ends an answer. `delivers` are the fields of which an answer has at least one. `searches`
    yields the searches that an answer or event tells of beside its usage. `fetches` says that an
    image may be given by its address.
    """

    name: str
    request_from_chat: Callable[[Json, Config], Json]
    answer_to_chat: Callable[[Json, int], Json]
    reader: Callable[[int], Reader]
    follower: Callable[[], Ending]
    classes: Callable[[Json], Usage | None]
    find: Callable[[Any], Json | None]
    merge: Callable[[Json | None, Json], Json]
    texts: Callable[[Any], Iterator[str]]
    searches: Callable[[Any], Iterable[ToolCall]]
    parse_error: Callable[[Any], tuple[str | None, str]]
    error_first: re.Pattern[bytes]
    closes: bool
    delivers: tuple[str, ...]
    fails: Callable[[Any], bool] | None = None
    fetches: bool = True
    vectors: Vectors | None = None
    ranks: Ranks | None = None
    pictures: Pictures | None = None

    def refuses(self, parsed: Any) -> bool:
        """Whether an answer, or the first event of a stream, is an error instead."""
        if not isinstance(parsed, dict):
            return False
        if self.fails is not None and self.fails(parsed):
            return True
        return bool(parsed.get("error")) and not any(name in parsed for name in self.delivers)

    def refuses_first(self, data: bytes, parse: Callable[[bytes], Any]) -> bool:
        """Whether the first event of a stream is an error; parsed only where it may be one."""
        if self.error_first.match(data):
            return True
        return (self.fails is not None or b'"error"' in data) and self.refuses(parse(data))


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect(Source):
    """A protocol that clients speak too.

    `telling` finds lines that a Follower must see, `opening` the lines that announce an end. `last`
    is the event that ends an answer where an upstream forgets it. `most_searches` returns how many
    a request may cause. `id_header` is where its clients look for the request's id.
    """

    request_to_chat: Callable[[Json], Json]
    answer_from_chat: Callable[[Json, Json, str], Json]
    writer: Callable[[Json, bool, str], Writer]
    follower: Callable[[], Follower]
    countable: Callable[[Json], Countable]
    most_searches: Callable[[Json], dict[str, int]]
    envelope: Callable[[RelayError, str], Json]
    stream_error: Callable[[RelayError, str], bytes]
    limited: Callable[[Json, int], Json]
    with_system: Callable[[Json, str], Json]
    telling: re.Pattern[bytes]
    opening: re.Pattern[bytes]
    last: bytes
    id_header: str = ""
