"""Health, for whoever runs the process: is it alive, and should it get requests?"""

import asyncio

from gateway.http import BaseHandler
from gateway.relay.context import Relay
from ledger.errors import LedgerError

DATABASE_S = 2.0


class LiveHandler(BaseHandler):
    """GET /health/live: the process turns its loop."""

    def get(self) -> None:
        """Say so."""
        self.send_json({"status": "live"})


class ReadyHandler(BaseHandler):
    """GET /health/ready: requests are admitted and charges can be recorded."""

    def initialize(self, relay: Relay) -> None:
        """Take the dependencies; called by Tornado for each request."""
        self.relay = relay

    async def get(self) -> None:
        """Answer 200, or 503 with the reason."""
        why = await self._obstacle()
        self.set_header("Cache-Control", "no-store")
        if why is None:
            self.send_json({"status": "ready"})
        else:
            self.send_json({"status": "unavailable", "reason": why}, 503)

    async def _obstacle(self) -> str | None:
        if not self.relay.accepting:
            return "stopping"
        try:
            self.relay.books.appender.check()
            async with asyncio.timeout(DATABASE_S):
                await self.relay.books.store.ping()
        except LedgerError as error:
            return error.code
        except TimeoutError:
            return "the database does not answer"
        return None
