"""Step 1, still: ask a moderation model about a request before anything of it is held or sent.

Off unless the option ModerationEnabled is set. What is asked about are the texts of a request, in
pieces, and its images, one by one; what was found clean a moment ago is not asked about again. A
flagged request is refused, one that could not be judged goes the way of ModerationOnFailure.
"""

import asyncio
import base64
import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from gateway.directory import moderation as options_of
from gateway.directory.users import ROOT_ID
from gateway.formats import moderations
from gateway.formats.contents import Contents
from gateway.formats.moderations import NoVerdict
from gateway.media.form import File, Form
from gateway.relay.context import Exchange, Relay
from gateway.relay.errors import RelayError
from gateway.relay.moderated import fingerprint
from gateway.relay.moderator import CHECK, Moderator
from gateway.relay.reserve import afford_some
from gateway.relay.said import said_by

# Whose users are moderated, by task: wherever something is made of what they say. Vectors and
# rankings make nothing of it, and are asked for by the thousand; a moderation is one itself.
TASKS = frozenset(
    """chat completions edits messages responses generate images image_edits image_variations
    speech transcriptions translations""".split()
)
# How many questions are on their way at once, and how long all of them may take.
AT_ONCE, LONGEST_S = 4, 30.0
# The largest picture of a form that is asked about (OpenAI takes 20 MB for an image).
LARGEST_FILE = 20 << 20
_TURN = 256

log = logging.getLogger("tollgate.relay")


@dataclass(frozen=True, slots=True)
class Question:
    """Pieces of text, the address of an image, or an image in a form; and their fingerprints."""

    given: Sequence[str] | str | File
    prints: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of a question: flagged for some categories (None: not), or what went wrong."""

    flagged: tuple[str, ...] | None = None
    failure: str = ""


async def moderate(relay: Relay, x: Exchange) -> None:
    """Raise RelayError 400 for a flagged request, 503 for one that could not be judged."""
    options = relay.directory.options
    if not options.get("ModerationEnabled") or x.ask.endpoint.task not in TASKS:
        return
    if not options_of.concerns(options.get("ModerationGroups"), x.user.group):
        return
    said = await said_by(relay, x.ask)
    questions = [each async for each in _questions(relay, x, said)]
    if not questions:
        relay.moderated.outcomes["known"] += 1
        return
    assert x.channel is not None
    # Who has no credit at all is told so first: questions cost the operator something.
    await afford_some(relay, x.key, x.user, x.ask.model, x.channel)
    findings = await _findings(relay, x, questions)
    if not x.client_gone:  # else nothing is sent anyway
        _judge(relay, x, findings)


async def _questions(relay: Relay, x: Exchange, said: Contents) -> AsyncIterator[Question]:
    """Yield what has to be asked: what was not found clean a moment ago, and each once."""
    options, clean, now_s = relay.directory.options, relay.moderated.clean, relay.clock.monotonic_s
    by = f"{options.get('ModerationModel')}\0{options.get('ModerationThresholds')}"
    texts: dict[bytes, str] = {}
    pieces = (piece for together in said.texts for piece in moderations.pieces(together))
    for number, piece in enumerate(pieces, 1):
        mark = fingerprint(by, "text", piece)
        if not clean.has(mark, now_s()):
            texts[mark] = piece
        if number % _TURN == 0:  # others have their turn
            await asyncio.sleep(0)
    marks = list(texts)
    for start in range(0, len(marks), moderations.MOST_PIECES):
        some = marks[start : start + moderations.MOST_PIECES]
        yield Question([texts[mark] for mark in some], tuple(some))
    if not options.get("ModerationImages"):
        return
    for url in dict.fromkeys(said.images):
        mark = fingerprint(by, "image", url)
        if not clean.has(mark, now_s()):
            # What is at an address may be another picture tomorrow, or for another reader.
            yield Question(url, (mark,) if url[:5].lower() == "data:" else ())
    if x.ask.form is not None and x.ask.endpoint.dialect == "images":
        for file in x.ask.form.files:
            yield Question(file)


async def _findings(relay: Relay, x: Exchange, questions: Sequence[Question]) -> list[Finding]:
    """Ask, some questions at once, until one is flagged or all are answered."""
    findings: list[Finding] = []
    try:
        async with asyncio.timeout(LONGEST_S):
            root = await relay.directory.user(ROOT_ID)
            if root is None:
                return [Finding(failure="there is no root user")]
            moderator = Moderator(relay, x, root)
            for start in range(0, len(questions), AT_ONCE):
                some = enumerate(questions[start : start + AT_ONCE], start + 1)
                asked = [_asked(relay, x, moderator, each, number) for number, each in some]
                findings += await asyncio.gather(*asked)
                if x.client_gone or any(each.flagged is not None for each in findings):
                    break
    except TimeoutError:
        findings.append(Finding(failure=f"no verdict in {LONGEST_S:g} s"))
    return findings


async def _asked(
    relay: Relay, x: Exchange, moderator: Moderator, question: Question, number: int
) -> Finding:
    """Ask one question, and remember what was found clean."""
    options, given = relay.directory.options, question.given
    scores = options_of.scores(options.get("ModerationThresholds"))
    try:
        if isinstance(given, File):
            assert x.ask.form is not None
            given = await _data_url(x.ask.form, given)
        asked = moderations.ask_about(CHECK, options.get("ModerationModel"), given)
        answer = await moderator.ask(asked, number)
        count = 1 if isinstance(given, str) else len(given)
        verdicts = moderations.verdicts(answer, count, scores)
    except (RelayError, NoVerdict, OSError) as error:
        return Finding(failure=f"{type(error).__name__}: {error}"[:300])
    flagged = [each for each in verdicts if each is not None]
    if flagged:
        return Finding(tuple(sorted(set().union(*flagged))))
    now_s = relay.clock.monotonic_s()
    for mark in question.prints:
        relay.moderated.clean.add(mark, now_s)
    return Finding()


async def _data_url(form: Form, file: File) -> str:
    """Return a file of a form as an address that holds it. Raises OSError."""
    if file.size > LARGEST_FILE:
        raise OSError(f"an image of {file.size} bytes is too large to be judged")
    content = b"".join([piece async for piece in form.spool.pieces(file.offset, file.size)])
    kind = file.content_type if file.content_type.startswith("image/") else "image/png"
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _judge(relay: Relay, x: Exchange, findings: Sequence[Finding]) -> None:
    known = relay.moderated
    flagged = next((each.flagged for each in findings if each.flagged is not None), None)
    if flagged is not None:
        known.outcomes["flagged"] += 1
        named = f" ({', '.join(flagged)})" if flagged else ""
        log.info("request %s: of user %d: flagged%s", x.request_id, x.user.id, named)
        raise RelayError(
            "content_flagged",
            f"This request was flagged by this gateway's moderation{named}. Nothing was sent or"
            " charged.",
        )
    failure = next((each.failure for each in findings if each.failure), "")
    if not failure:
        known.outcomes["clean"] += 1
        return
    allows = relay.directory.options.get("ModerationOnFailure") == "allow"
    known.outcomes["let pass" if allows else "not judged"] += 1
    then = "let pass" if allows else "refused"
    known.warn(failure, then, relay.clock.monotonic_s())
    if not allows:
        raise RelayError(
            "moderation_unavailable",
            "This request could not be moderated right now, so it was not sent. Please try again"
            " shortly.",
        )
