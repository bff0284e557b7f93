"""A mail server: speaks SMTP on a real socket, in the clear, with STARTTLS, or in TLS at once."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, Self

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

ACCOUNT, TOKEN = "gate@mail.test", "mail-secret"


@dataclass
class Arrived:
    """A mail, and how it came."""

    message: EmailMessage
    receivers: list[str]
    encrypted: bool
    account: str

    @property
    def text(self) -> str:
        """What it says."""
        return str(self.message.get_content())


@dataclass
class MailServer:
    """Use as `async with`. Refuses receivers whose name begins with "no"; `busy` refuses all, for
    now. `passwords` are those that were offered, whether right or not."""

    tls: ssl.SSLContext | None = None
    implicit: bool = False
    busy: bool = False
    arrived: list[Arrived] = field(default_factory=list)
    passwords: list[str] = field(default_factory=list)
    port: int = 0

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        implicit = self.tls if self.implicit else None
        self._server = await loop.create_server(self._protocol, "127.0.0.1", 0, ssl=implicit)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    def _protocol(self) -> SMTP:
        return SMTP(
            self,
            hostname="mail.test",
            tls_context=None if self.implicit else self.tls,
            authenticator=self._check,
            auth_require_tls=False,
            loop=asyncio.get_running_loop(),
        )

    def _check(self, server: Any, session: Any, envelope: Any, way: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.passwords.append(data.password.decode())
        right = (data.login.decode(), data.password.decode()) == (ACCOUNT, TOKEN)
        return AuthResult(success=right, handled=False, auth_data=data.login.decode())

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Accept a receiver, or not."""
        if self.busy:
            return "451 later"
        if address.startswith("no"):
            return "550 there is no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Keep a mail."""
        message = message_from_bytes(envelope.content or b"", policy=policy.default)
        transport = server.transport
        encrypted = transport is not None and transport.get_extra_info("sslcontext") is not None
        receivers = [str(each) for each in envelope.rcpt_tos]
        account = str(session.auth_data or "") if session.authenticated else ""
        assert isinstance(message, EmailMessage)
        self.arrived.append(Arrived(message, receivers, encrypted, account))
        return "250 OK"
