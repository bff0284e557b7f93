"""Bundles as downloads: the books up to a seal, for checking them elsewhere."""

import asyncio
import tempfile
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import ClassVar

from admin.downloads import DownloadHandler
from admin.errors import ApiError
from gateway.directory.users import ROLE_ADMIN
from ledger import seals
from ledger.bundle import export_bundle
from ledger.errors import LedgerError
from ledger.seal_body import Seal
from ledger.seal_walks import Walks

TAR = "application/x-tar"
_CHUNK = 256 << 10


class BundleHandler(DownloadHandler):
    """GET /api/ledger/bundle."""

    access: ClassVar[dict[str, int]] = {"GET": ROLE_ADMIN}
    downloads: ClassVar[tuple[str, ...]] = (TAR,)

    async def get(self) -> None:
        """Seal what is new, and answer the books up to that seal as a bundle (tar).

        It is written to a temporary file first, so that only a whole one is answered.
        """
        seal = await self._sealed()
        await self.send(self._bundle(seal), TAR, f"books-{seal.number}.tar")

    async def _sealed(self) -> Seal:
        """Seal as `tollgate ledger export --bundle` does. Raises ApiError when it can't be."""
        books, signer = self.context.books, self.context.signer
        last = await seals.latest(books.store)
        walks = Walks(last)
        _, fresh = await walks.finish(books.store)
        if fresh:
            if signer is None and last is not None and last.public_key is not None:
                said = "the last seal is signed: set TOLLGATE_SIGNING_KEY to sign this one"
                raise ApiError(409, said)
            await seals.seal(books, signer, walks)
            last = await seals.latest(books.store)
        if last is None:
            raise ApiError(409, "nothing could be sealed: verify says what is wrong")
        return last

    async def _bundle(self, seal: Seal) -> AsyncGenerator[bytes, None]:
        context = self.context
        with tempfile.TemporaryDirectory(prefix="tollgate-") as directory:
            path = Path(directory) / "books.tar"
            try:
                await export_bundle(
                    context.books.store,
                    path,
                    seal,
                    made_by=f"tollgate {context.version}",
                    now_us=context.clock.now_us(),
                    archives_dir=context.archive_dir,
                )
            except LedgerError as error:
                if type(error) is not LedgerError:
                    raise
                raise ApiError(409, str(error)) from None
            with path.open("rb") as file:
                while chunk := await asyncio.to_thread(file.read, _CHUNK):
                    yield chunk
