"""The directory: users, keys, channels, codes and options, cached in this process and kept fresh.

Channels and options are held whole, users and keys as they are used. What the relay asks on every
request is answered from memory without waiting; all writes go through the managers, are applied
here at once, and reach other processes within two seconds.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from gateway.directory.access_tokens import AccessTokens
from gateway.directory.caches import Absent, OneLoad, RecentlyUsed
from gateway.directory.catalogue import Catalogue
from gateway.directory.channels import Channel, Channels
from gateway.directory.code_places import CodePlaces
from gateway.directory.codes import Codes
from gateway.directory.errors import SecretsLocked
from gateway.directory.freshness import POLL_INTERVAL_S, Apply, Follower
from gateway.directory.keys import Key, Keys
from gateway.directory.notices import Notices
from gateway.directory.oauth_states import OAuthStates
from gateway.directory.options import Options
from gateway.directory.passwords import DEFAULT_ROUNDS
from gateway.directory.proofs import Proofs
from gateway.directory.routes import Routes
from gateway.directory.second_factor import SecondFactors
from gateway.directory.sessions import Sessions
from gateway.directory.sign_in_tickets import SignInTickets
from gateway.directory.users import User, Users
from gateway.directory.vault import Vault
from ledger.clock import Clock
from ledger.errors import Duplicate
from ledger.indexes import DIRECTORY_INDEXES
from ledger.store import Store

CACHED_KEYS = 100_000
CACHED_USERS = 100_000
CACHED_UNKNOWN = 10_000
UNKNOWN_TTL_S = 1.0
LOADS_AT_ONCE = 32
FLUSH_INTERVAL_S = 30.0

Written = TypeVar("Written", User, Key, Channel)


class Directory:
    """All that is known of users, keys, channels, codes and options."""

    def __init__(
        self,
        store: Store,
        vault: Vault,
        clock: Clock,
        catalogue: Catalogue,
        *,
        bcrypt_rounds: int = DEFAULT_ROUNDS,
        poll_interval_s: float = POLL_INTERVAL_S,
        listen: bool = True,
    ) -> None:
        """`listen` says whether a change stream may wake the poll early."""
        self.store = store
        self.vault = vault
        self.clock = clock
        self.catalogue = catalogue
        #: Called after each write of this process, for those who can tell others to look.
        self.wrote: Callable[[], None] = lambda: None
        self.users = Users(store, self._written(self._apply_user), bcrypt_rounds)
        self.keys = Keys(store, self._written(self._apply_key), vault)
        self.channels = Channels(store, self._written(self._apply_channel), vault, catalogue)
        self.codes = Codes(store, vault)
        self.code_places = CodePlaces(store, clock)
        self.options = Options(store, vault, lambda: self.wrote())
        self.access_tokens = AccessTokens(store, clock)
        self.sessions = Sessions(store, clock)
        self.second_factors = SecondFactors(store, vault, clock)
        self.proofs = Proofs(store, vault)
        self.oauth_states = OAuthStates(store, vault)
        self.tickets = SignInTickets(store)
        self.notices = Notices(store, vault)
        self._cached_keys = RecentlyUsed[str, Key](CACHED_KEYS)
        self._cached_users = RecentlyUsed[int, User](CACHED_USERS)
        self._unknown = Absent[str](CACHED_UNKNOWN, UNKNOWN_TTL_S)
        self._key_loads = OneLoad[str, Key | None](self._load_key, LOADS_AT_ONCE)
        self._user_loads = OneLoad[int, User | None](self._load_user, LOADS_AT_ONCE)
        self._routes = Routes()
        self._upstream_secrets: dict[int, tuple[str, str]] = {}
        self._configs: dict[int, tuple[Channel, Mapping[str, Any]]] = {}
        self._flushed_s = clock.monotonic_s()
        self._follower = Follower(
            store,
            self._sources(),
            interval_s=poll_interval_s,
            listen=listen,
            chores=self._flush_touches,
        )

    # -- life -----------------------------------------------------------------------------------

    async def start(self) -> None:
        """Load what is held whole and begin to follow changes.

        Raises SecretsLocked when stored secrets need another key, StoreError.
        """
        await self.store.ensure_indexes(DIRECTORY_INDEXES)
        await check_vault(self.store, self.vault)
        await self._follower.mark()
        await self.options.load()
        self._routes.apply(await self.channels.all())
        self._follower.start()

    async def stop(self) -> None:
        """Stop following and write down what is pending. Raises StoreError."""
        await self._follower.stop()
        await self.keys.flush_touches()

    async def refresh(self) -> None:
        """Apply now what other processes changed, instead of within two seconds."""
        await self._follower.poll()

    def look_soon(self) -> None:
        """Apply what other processes changed in a moment; harmless when nothing did."""
        self._follower.wake()

    # -- keys and users -------------------------------------------------------------------------

    def cached_key(self, secret: str) -> Key | None:
        """Return the key if it is in memory; never waits. `secret` comes without "sk-"."""
        return self._known_key(Vault.digest(secret))

    async def key_by_secret(self, secret: str) -> Key | None:
        """Return the key with this secret (without "sk-"), usable or not; None if there is none.

        Raises StoreError when it is not in memory and the database is away.
        """
        digest = Vault.digest(secret)
        key = self._known_key(digest)
        if key is not None or self._unknown.has(digest, self.clock.monotonic_s()):
            return key
        return await self._key_loads.get(digest)

    def cached_user(self, user_id: int) -> User | None:
        """Return the user if in memory; never waits."""
        return self._cached_users.get(user_id)

    async def user(self, user_id: int) -> User | None:
        """Return the user, usable or not; None if there is none or it was deleted.

        Raises StoreError when it is not in memory and the database is away.
        """
        return self._cached_users.get(user_id) or await self._user_loads.get(user_id)

    async def _load_key(self, digest: str) -> Key | None:
        key = await self.keys.by_hash(digest)
        if key is None:
            self._unknown.add(digest, self.clock.monotonic_s())
            return None
        self._cached_keys.put(digest, key)
        self._apply_key(key)
        return self._known_key(digest)

    def _known_key(self, digest: str) -> Key | None:
        key = self._cached_keys.get(digest)
        if key is None or key.hash == digest:
            return key
        # Found by the secret from before a rotation: only as long as that is the newest one known.
        newest = self._cached_keys.peek(key.hash)
        if newest is None or newest.changed_us != key.changed_us:
            self._cached_keys.drop(digest)
            return None
        return key if key.answers_to(digest, self.clock.now_us() / 1_000_000) else None

    async def _load_user(self, user_id: int) -> User | None:
        docs = await self.users.get_many([user_id])
        user = docs.get(user_id)
        if user is None or user.deleted:
            return None
        self._apply_user(user)
        return self._cached_users.peek(user_id)

    # -- channels -------------------------------------------------------------------------------

    def channel(self, channel_id: int) -> Channel | None:
        """Return a channel that is not deleted, enabled or not."""
        return self._routes.channel(channel_id)

    def all_channels(self) -> list[Channel]:
        """Return every channel that is not deleted, by id."""
        return self._routes.channels()

    def channels_for(self, group: str, model: str) -> tuple[Channel, ...]:
        """Return the enabled channels that serve a model to a group, highest priority first."""
        return self._routes.find(group, model)

    def models_for(self, group: str) -> list[str]:
        """Return the names of the models that a group can use, sorted."""
        return self._routes.models(group)

    def secret_of(self, channel: Channel) -> str:
        """Return a channel's upstream key, decrypted once. Raises SecretsLocked."""
        known = self._upstream_secrets.get(channel.id)
        if known is not None and known[0] == channel.secret_enc:
            return known[1]
        secret = self.channels.secret_of(channel)
        self._upstream_secrets[channel.id] = (channel.secret_enc, secret)
        return secret

    def config_of(self, channel: Channel) -> Mapping[str, Any]:
        """Return a channel's config with its secrets, decrypted once. Raises SecretsLocked."""
        if not channel.config_enc:
            return channel.config
        known = self._configs.get(channel.id)
        if known is None or known[0] is not channel:
            known = self._configs[channel.id] = (channel, self.channels.config_of(channel))
        return known[1]

    async def group_names(self) -> list[str]:
        """Return the groups that users or channels are in, sorted."""
        return sorted(self._routes.groups().union(await self.users.group_names()))

    # -- freshness ------------------------------------------------------------------------------

    def _sources(self) -> Mapping[str, Apply]:
        return {
            Users.collection: self._changed_users,
            Keys.collection: self._changed_keys,
            Channels.collection: self._changed_channels,
            "options": self._changed_options,
        }

    def _changed_users(self, docs: list[dict[str, Any]]) -> None:
        for doc in docs:
            if self._cached_users.peek(doc["_id"]) is not None:
                self._apply_user(Users.read(doc))

    def _changed_keys(self, docs: list[dict[str, Any]]) -> None:
        for doc in docs:
            hashes = (doc["hash"], doc.get("previous_hash", ""))
            if any(self._cached_keys.peek(digest) is not None for digest in hashes):
                self._apply_key(Keys.read(doc))

    def _changed_channels(self, docs: list[dict[str, Any]]) -> None:
        self._routes.apply([Channels.read(doc) for doc in docs])

    def _changed_options(self, docs: list[dict[str, Any]]) -> None:
        for doc in docs:
            self.options.apply(doc)

    def _written(self, apply: Callable[[Written], None]) -> Callable[[Written], None]:
        def written(changed: Written) -> None:
            apply(changed)
            self.wrote()

        return written

    def _apply_user(self, user: User) -> None:
        known = self._cached_users.peek(user.id)
        if known is not None and known.changed_us > user.changed_us:
            return
        if user.deleted:
            self._cached_users.drop(user.id)
        else:
            self._cached_users.put(user.id, user)

    def _apply_key(self, key: Key) -> None:
        for digest in (key.hash, key.previous_hash):
            known = self._cached_keys.peek(digest)
            if known is not None and known.changed_us > key.changed_us:
                continue
            self._unknown.drop(digest)
            if key.deleted:
                self._cached_keys.drop(digest)
            elif digest == key.hash or known is not None:
                self._cached_keys.put(digest, key)

    def _apply_channel(self, channel: Channel) -> None:
        self._routes.apply([channel])
        if channel.deleted:
            self._upstream_secrets.pop(channel.id, None)
            self._configs.pop(channel.id, None)

    async def _flush_touches(self) -> None:
        now_s = self.clock.monotonic_s()
        if now_s - self._flushed_s >= FLUSH_INTERVAL_S:
            self._flushed_s = now_s
            await self.keys.flush_touches()


async def check_vault(store: Store, vault: Vault) -> None:
    """See to it that all processes have one secret key. Raises SecretsLocked."""
    fingerprint = vault.fingerprint()
    mark: Mapping[str, Any] | None = await store.find_one("directory", {"_id": "vault"})
    if mark is None:
        mark = {"_id": "vault", "fingerprint": fingerprint}
        try:
            await store.insert_one("directory", dict(mark))
        except Duplicate:  # another process starts for the first time at this moment
            mark = await store.find_one("directory", {"_id": "vault"}) or mark
    if mark["fingerprint"] != fingerprint:
        raise SecretsLocked(
            f"stored secrets need the key with fingerprint {mark['fingerprint']}, but this "
            f"process has {fingerprint}: give every process the same SECRET_KEY"
        )
