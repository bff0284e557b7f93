"""A mail goes out by SMTP: always encrypted and verified, except to a server that offers nothing
else.

Port 465 is TLS from the first byte (RFC 8314); elsewhere STARTTLS is used where it is offered. A
password is never sent without TLS. Loaded when the first mail goes out: few processes send any.
"""

import asyncio
import ssl
from dataclasses import dataclass
from email.message import EmailMessage

import aiosmtplib

from gateway.notices.ways import NotSent

TIMEOUT_S = 20.0
# For all of it: shorter than the lease of a notice.
LONGEST_S = 90.0
IMPLICIT_TLS_PORT = 465
_FOR_EVER = 500


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed in, and by whom; `tls` verifies it."""

    host: str
    port: int
    account: str
    token: str
    tls: ssl.SSLContext

    async def take(self, message: EmailMessage, receivers: list[str]) -> str:
        """Hand a mail in; one receiver must be accepted. Raises NotSent.

        Returns a word on receivers that were refused.
        """
        try:
            async with asyncio.timeout(LONGEST_S):
                return await self._hand_in(message, receivers)
        except aiosmtplib.SMTPRecipientsRefused as error:
            codes = [refused.code for refused in error.recipients]
            for_ever = all(code >= _FOR_EVER for code in codes)
            raise NotSent("the mail server refused all receivers", for_ever=for_ever) from None
        except (aiosmtplib.SMTPException, OSError) as error:
            raise NotSent(f"{type(error).__name__}: {error}"[:300]) from None

    async def _hand_in(self, message: EmailMessage, receivers: list[str]) -> str:
        encrypted = self.port == IMPLICIT_TLS_PORT
        client = aiosmtplib.SMTP(
            hostname=self.host,
            port=self.port,
            use_tls=encrypted,
            start_tls=False,
            tls_context=self.tls,
            timeout=TIMEOUT_S,
        )
        async with client:
            await client.ehlo()
            if not encrypted and client.supports_extension("starttls"):
                await client.starttls(tls_context=self.tls)
                await client.ehlo()
                encrypted = True
            if self.account and self.token:
                if not encrypted:
                    raise NotSent("the server offers no TLS, so the password was not sent to it")
                await client.login(self.account, self.token)
            refused, _ = await client.send_message(message, recipients=receivers)
        return f"refused: {', '.join(sorted(refused))}" if refused else ""
