"""Notices by mail: who it is from, what is in it, and which server takes it (smtp.py)."""

import ssl
from collections.abc import Callable
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, localtime

from gateway.directory.notices import Claimed
from gateway.notices.ways import NotSent, Option


class Mail:
    """Sends mail as the options say. `tls` makes what verifies servers, for each letter: the many
    certificates that are trusted would be in memory of those too who never send one."""

    def __init__(self, option: Option, tls: Callable[[], ssl.SSLContext]) -> None:
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
        from gateway.notices.smtp import MailServer

        server = MailServer(
            host,
            self._option("SMTPPort"),
            self._option("SMTPAccount"),
            self._option("SMTPToken"),
            self._tls(),
        )
        try:
            return await server.take(self._message(notice, receivers), receivers)
        except (MessageError, ValueError) as error:
            raise NotSent(f"this mail cannot be written: {error}"[:300], for_ever=True) from None

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
