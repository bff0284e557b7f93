"""Doing an import: every step can be repeated, so one that was broken off goes on.

What came from a source says so (`imported`), and is never written again: what was changed here
since stays. Money comes last, as one event for each account, whose id names source and account.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from gateway.directory.bootstrap import ROOT_QUOTA
from gateway.directory.documents import Document, reserve_up_to
from gateway.directory.options import COLLECTION as OPTIONS
from gateway.directory.options import Options
from gateway.directory.users import ROOT_ID
from gateway.directory.vault import Vault
from gateway.moving.codes import CodeBatch
from gateway.moving.here import IMPORTS, state_of
from gateway.moving.options import set_options
from gateway.moving.plan import Plan, opening_id, openings
from ledger.books import Books
from ledger.errors import Duplicate
from ledger.events import Draft
from ledger.money import nano_from_quota, usd
from ledger.prices import Changes
from ledger.store import Store

AT_ONCE = 500
FIRST_START = f"open:user:{ROOT_ID}"
_OPENED = "import_opened"

Say = Callable[[str], None]


@dataclass(slots=True)
class Proof:
    """Whether the books hold what the source had. Amounts in nano-dollars."""

    accounts: int = 0
    opened_nano: int = 0
    wrong: list[str] = field(default_factory=list)


class Mover:
    """One import into one instance."""

    def __init__(
        self, books: Books, vault: Vault, plan: Plan, actor: str, say: Say, *, merge: bool
    ) -> None:
        self._store: Store = books.store
        self._books = books
        self._vault = vault
        self._plan = plan
        self._source = plan.source.id
        self._actor = actor
        self._say = say
        self._merge = merge

    async def run(self, prices: Changes) -> Proof:
        """Write everything. Raises LedgerError; then it can be called again."""
        state = await self._begin()
        for collection, docs in (
            ("users", self._plan.users),
            ("keys", self._plan.keys),
            ("channels", self._plan.channels),
        ):
            await self._documents(collection, docs)
        await self._codes()
        await self._options(state)
        await self._prices(state, prices)
        await self._take_first_credit(state)
        await self._open_accounts(state["at_us"])
        proof = await self._prove()
        if not proof.wrong:
            await self._note(done=True)
        return proof

    async def _begin(self) -> Document:
        at_us = await self._store.server_now_us()
        first = {
            "_id": self._source,
            "name": self._plan.source.name,
            "kind": self._plan.source.kind,
            "actor": self._actor,
            "at_us": at_us,
            "merge": self._merge,
        }
        with suppress(Duplicate):
            await self._store.insert_one(IMPORTS, first)
        return await state_of(self._store, self._source) or first

    async def _note(self, **fields: object) -> None:
        await self._store.update_one(IMPORTS, {"_id": self._source}, {"$set": fields})

    async def _documents(self, collection: str, docs: Sequence[Document]) -> int:
        """Store what is not there yet; ids up to the last are never given out again."""
        if docs:
            await reserve_up_to(self._store, collection, max(doc["_id"] for doc in docs))
        new = 0
        for start in range(0, len(docs), AT_ONCE):
            part = docs[start : start + AT_ONCE]
            ids = [doc["_id"] for doc in part]
            found = await self._store.find_ids(collection, ids, projection={"imported": 1})
            there = {doc["_id"]: doc.get("imported") for doc in found}
            now_us = await self._store.server_now_us()
            marks = {"imported": self._source, "changed_us": now_us}
            fresh = [{**doc, **marks} for doc in part if doc["_id"] not in there]
            for doc in part:
                if doc["_id"] in there and there[doc["_id"]] != self._source:
                    await self._become(collection, {**doc, **marks})
            await self._store.insert_many(collection, fresh)
            new += len(fresh)
        self._say(f"{collection}: {new} stored, {len(docs) - new} were here")
        return new

    async def _become(self, collection: str, doc: Document) -> None:
        """Make root, or root's key, of the first start what it was there. What was empty there
        stays; sessions end."""
        changes = {name: value for name, value in doc.items() if name != "_id" and value != ""}
        ends = changes.pop("session_epoch", None)
        update: Document = {"$set": changes}
        if ends is not None:
            update["$inc"] = {"session_epoch": 1}
        await self._store.update_one(collection, {"_id": doc["_id"]}, update)

    async def _codes(self) -> None:
        await self._documents("codes", self._plan.used_codes)
        for batch in self._plan.batches:
            await self._batch(batch)

    async def _batch(self, batch: CodeBatch) -> None:
        ids = [doc["_id"] for doc in batch.docs]
        if not ids:
            return
        found = await self._store.find_ids("codes", ids, projection={"batch": 1})
        number = found[0]["batch"] if found else await self._store.next_id("batches")
        await self._documents("codes", [{**doc, "batch": number} for doc in batch.docs])
        event_id = f"issue:{number}"
        if await self._store.find_one("events", {"_id": event_id}):
            return
        body = {
            "batch": number,
            "name": batch.name[:200],
            "first_id": min(ids),
            "last_id": max(ids),
            "count": len(ids),
            "value_nano": batch.value_nano,
        }
        await self._books.record(
            Draft(event_id, "redemption.issued", "codes", 0, self._actor, body)
        )

    async def _options(self, state: Document) -> None:
        if state.get("options"):
            return
        options = Options(self._store, self._vault)
        await options.load()
        docs = await self._store.find_list(OPTIONS, {}, projection={"_id": 1})
        # A run that was broken off set some of them itself.
        mine = set(state.get("setting") or ())
        kept = {doc["_id"] for doc in docs} - mine
        await self._note(setting=[name for name in self._plan.options if name not in kept])
        for line in await set_options(options, self._plan.options, kept):
            self._say(f"not set: {line}")
        for name in sorted(kept & set(self._plan.options)):
            self._say(f"not set: option {name}: it was set here")
        await self._note(options=True)
        self._say(f"options: {len(self._plan.options)} known here")

    async def _prices(self, state: Document, prices: Changes) -> None:
        if "prices" in state:
            self._say(f"prices: were published as version {state['prices']}")
            return
        number = await self._books.prices.publish(
            self._books,
            author=self._actor,
            note=f"moved in from {self._plan.source.kind}"[:200],
            **prices,
        )
        await self._note(prices=number)
        self._say(f"prices: version {number}")

    async def _take_first_credit(self, state: Document) -> None:
        """Root has what root had there, not that and the credit of the first start."""
        event_id = f"import:{self._source}:first-start"
        events = await self._store.find_ids("events", [FIRST_START, event_id])
        first = next((event for event in events if event["_id"] == FIRST_START), None)
        if state["merge"] or state.get("first_credit") or first is None or len(events) == 2:
            return
        amount = -nano_from_quota(ROOT_QUOTA)
        body = {"reason": f"root moved in from {self._plan.source.kind}: see the opening"}
        account = f"user:{ROOT_ID}"
        await self._books.debit(
            Draft(event_id, "balance.adjusted", account, amount, self._actor, body)
        )
        await self._note(first_credit=True)

    async def _open_accounts(self, at_us: int) -> None:
        drafts = openings(self._plan, self._actor, at_us)
        for start in range(0, len(drafts), AT_ONCE):
            part = drafts[start : start + AT_ONCE]
            found = await self._store.find_ids(
                "events", [draft.id for draft in part], projection={"_id": 1}
            )
            done = {doc["_id"] for doc in found} | await self._marked(part)
            wanted = [draft for draft in part if draft.id not in done]
            await asyncio.gather(*map(self._books.record, wanted))
            await self._mark(part)
            self._say(f"accounts: {start + len(part)} of {len(drafts)} are open")

    async def _marked(self, drafts: Sequence[Draft]) -> set[str]:
        """Return the ids of openings that were recorded long ago: archives may have them."""
        found: set[str] = set()
        for collection, ids in _owners(drafts).items():
            docs = await self._store.find_ids(collection, ids, projection={_OPENED: 1})
            kind = collection.removesuffix("s")
            found |= {
                opening_id(self._plan.source, f"{kind}:{doc['_id']}")
                for doc in docs
                if doc.get(_OPENED) == self._source
            }
        return found

    async def _mark(self, drafts: Sequence[Draft]) -> None:
        for collection, ids in _owners(drafts).items():
            await self._store.update_many(
                collection, {"_id": {"$in": ids}}, {"$set": {_OPENED: self._source}}
            )

    async def _prove(self) -> Proof:
        """Compare every account's opening with the source."""
        drafts = openings(self._plan, self._actor, 0)
        fields = {"amount": 1, "account": 1}
        proof = Proof()
        ids = [draft.id for draft in drafts]
        events = {e["_id"]: e for e in await self._store.find_ids("events", ids, projection=fields)}
        for draft in drafts:
            event = events.get(draft.id)
            amount = None if event is None else int(event["amount"])
            if amount == draft.amount_nano:
                proof.accounts += 1
                proof.opened_nano += amount
                continue
            was = "is not in the books" if amount is None else f"was opened with {usd(amount)}"
            proof.wrong.append(f"{draft.account}: {usd(draft.amount_nano)} USD there, {was}")
        return proof


def _owners(drafts: Sequence[Draft]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for draft in drafts:
        kind, _, number = draft.account.partition(":")
        found.setdefault(f"{kind}s", []).append(int(number))
    return found
