"""Books with a random history: several writers, back-dated events, some not projected yet."""

import random
from dataclasses import dataclass, field, replace

from ledger.accounts import balance_nano
from ledger.balances import effects_on
from ledger.events import Draft, request_hash
from ledger.projector import project, save_position
from ledger.rollups import ROLLUPS
from ledger.writers import Writer
from tests.ledger.drafts import charge, recharge

DAY_US = 24 * 3_600 * 1_000_000
START_US = 1_770_000_000_000_000
USER, KEY, CHANNEL = "user:1", "key:7", "channel:3"
ACCOUNTS = (USER, "user:2", KEY, "key:8", CHANNEL, "channel:4", "user:404")


@dataclass
class Times:
    """A clock that jumps forward by chance; now and then two writers have the same time."""

    rng: random.Random
    now_us: int = START_US

    def tick(self) -> int:
        self.now_us += self.rng.choice((0, 1, 5, 10**6, 3_600 * 10**6, DAY_US // 3))
        return self.now_us


@dataclass
class Teller:
    """Records events straight into the store, as several writers would."""

    store: object
    rng: random.Random
    times: Times = None
    writers: list[Writer] = field(default_factory=list)
    events: list[dict] = field(default_factory=list)

    @classmethod
    async def start(cls, store, seed: int, writers: int = 3) -> "Teller":
        print(f"history of seed {seed}")
        rng = random.Random(seed)
        teller = cls(store, rng, Times(rng))
        for slot in range(1, writers + 1):
            await store.insert_one("writers", {"_id": slot, "epoch": 1, "released": False})
            teller.writers.append(Writer(slot, 1, 1, "0" * 64, 0))
        return teller

    def draft(self) -> Draft:
        rng, number = self.rng, len(self.events)
        if rng.random() < 0.2:
            draft = recharge(f"r{number}", rng.choice(("user:1", "user:2")), rng.randint(1, 10**12))
        else:
            draft = charge(
                f"c{number}",
                rng.randint(0, 10**6),
                user=rng.choice((1, 2)),
                key=rng.choice((7, 8)),
                channel=rng.choice((3, 4)),
                held=("user:1",),
            )
            draft.body["model"] = rng.choice(("small", "large", "=cmd"))
        if rng.random() < 0.3:
            back = rng.choice((1, 60 * 10**6, DAY_US, 40 * DAY_US))
            draft = replace(draft, at_us=self.times.now_us - rng.randint(0, back))
        return draft

    async def record(self, count: int) -> None:
        """Record events; which of them are projected is a matter of chance."""
        for _ in range(count):
            writer, draft = self.rng.choice(self.writers), self.draft()
            event = writer.number(draft, 1, request_hash(draft), self.times.tick())
            self.events.append(event)
        await self.store.insert_many("events", self.events[-count:])
        for writer in self.writers:
            await self._project(writer)

    async def _project(self, writer: Writer) -> None:
        mine = [event for event in self.events if event["writer"] == writer.slot]
        reached = self.rng.randint(0, len(mine))
        await project(self.store, writer.slot, mine[:reached], {})
        await save_position(self.store, writer.slot, self.rng.randint(0, reached))

    async def roll_up(self) -> None:
        """Bring the rollups up to some event of each writer, as chance has it."""
        for writer in self.writers:
            mine = [event for event in self.events if event["writer"] == writer.slot]
            reached = self.rng.randint(0, len(mine))
            await project(self.store, writer.slot, mine[:reached], {}, ROLLUPS)
            seq = self.rng.randint(0, reached)
            await save_position(self.store, writer.slot, seq, ROLLUPS)

    def moves(self, account: str, counts=lambda event: True) -> list[tuple[dict, int]]:
        """Every event that moves an account and by how much, in the order of recording."""
        ordered = sorted(filter(counts, self.events), key=lambda event: (event["ts"], event["_id"]))
        found = ((event, list(effects_on(account, event))) for event in ordered)
        return [(event, sum(map(balance_nano, effects))) for event, effects in found if effects]

    def balance(self, account: str, counts=lambda event: True) -> int:
        return sum(amount for _, amount in self.moves(account, counts))

    def some_times(self, count: int) -> list[int]:
        """Times at, between, before and after the events, in order."""
        known = [event[name] for event in self.events for name in ("at", "ts")]
        chosen = self.rng.sample(known, min(count, len(known)))
        return sorted(time + self.rng.choice((-1, 0, 1)) for time in chosen)
