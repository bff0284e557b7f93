"""Mail out, by SMTP: always encrypted and verified, except to a server that offers nothing else.

Port 465 is TLS from the first byte (RFC 8314); elsewhere STARTTLS is used where it is offered. A
password is never sent without TLS.
"""

import asyncio
import ssl
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, localtime

from gateway.directory.notices import Claimed
from gateway.notices.ways import NotSent, Option

TIMEOUT_S = 20.0
# For all of it: shorter than the lease of a notice.
LONGEST_S = 90.0
IMPLICIT_TLS_PORT = 465
_FOR_EVER = 500


class Mail:
    """Sends mail as the options say. `tls` verifies servers."""

    def __init__(self, option: Option, tls: ssl.SSLContext) -> None:
        self._option = option
        self._tls = tls

    async def send(self, notice: Claimed) -> str:
        """Send to all receivers, of which one must be accepted. Raises NotSent.

        What is noted are receivers that were refused.
        """
        host = self._option("SMTPServer")
        if not host:
            raise NotSent("SMTPServer is not set any more", for_ever=True)
        receivers = [each for each in notice.to.split(";") if each]
        if not receivers:
            raise NotSent("there is nobody to write to", for_ever=True)
        import aiosmtplib  # few processes send any mail

        try:
            message = self._message(notice, receivers)
            async with asyncio.timeout(LONGEST_S):
                return await self._deliver(host, message, receivers)
        except aiosmtplib.SMTPRecipientsRefused as error:
            codes = [refused.code for refused in error.recipients]
            for_ever = all(code >= _FOR_EVER for code in codes)
            raise NotSent("the mail server refused all receivers", for_ever=for_ever) from None
        except (aiosmtplib.SMTPException, OSError) as error:
            raise NotSent(f"{type(error).__name__}: {error}"[:300]) from None
        except (MessageError, ValueError) as error:
            raise NotSent(f"this mail cannot be written: {error}"[:300], for_ever=True) from None

    async def _deliver(self, host: str, message: EmailMessage, receivers: list[str]) -> str:
        port, account = self._option("SMTPPort"), self._option("SMTPAccount")
        token = self._option("SMTPToken")
        import aiosmtplib

        client = aiosmtplib.SMTP(
            hostname=host,
            port=port,
            use_tls=port == IMPLICIT_TLS_PORT,
            start_tls=False,
            tls_context=self._tls,
            timeout=TIMEOUT_S,
        )
        async with client:
            await client.ehlo()
            encrypted = port == IMPLICIT_TLS_PORT
            if not encrypted and client.supports_extension("starttls"):
                await client.starttls(tls_context=self._tls)
                await client.ehlo()
                encrypted = True
            if account and token:
                if not encrypted:
                    raise NotSent("the server offers no TLS, so the password was not sent to it")
                await client.login(account, token)
            refused, _ = await client.send_message(message, recipients=receivers)
        return f"refused: {', '.join(sorted(refused))}" if refused else ""

    def _message(self, notice: Claimed, receivers: list[str]) -> EmailMessage:
        """Write the mail; its Message-ID is the notice's, by which a second copy is known."""
        sender = self._option("SMTPFrom") or self._option("SMTPAccount")
        local, _, domain = sender.rpartition("@")
        if not local:
            raise NotSent("set SMTPFrom: mail needs an address that it is from", for_ever=True)
        message = EmailMessage()
        name = self._option("SystemName")
        message["From"] = str(Address(name, local, domain))
        message["To"] = ", ".join(receivers)
        message["Subject"] = notice.words.title
        message["Date"] = format_datetime(localtime())
        message["Message-ID"] = f"<{notice.id.replace(':', '.')}@{domain}>"
        message["Auto-Submitted"] = "auto-generated"
        link = f"\n\n{notice.words.link}" if notice.words.link else ""
        message.set_content(f"{notice.words.text}{link}\n")
        return message
