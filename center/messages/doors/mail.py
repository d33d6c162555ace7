"""Mail over SMTP: STARTTLS or TLS with the certificate checked, a login, one mail to all of a receiver.

Its Message-ID is the same at every try: a mailbox that looks at it shows a second one once, others twice.
"""

import smtplib
import socket
import ssl
from email.message import EmailMessage
from email.utils import formatdate
from typing import Any

from center.messages.doors.door import Delivered, Failed, Message, Outcome, Refused
from center.messages.doors.reaching import DEADLINE_S, Deadline, Unreached, code, connected
from center.messages.doors.webhook import unreached


class _Smtp(smtplib.SMTP):
    """Connects as we do: to an address that was looked at, within the deadline."""

    def __init__(self, host: str, deadline: Deadline, tls: ssl.SSLContext | None, *, local: bool) -> None:
        super().__init__(local_hostname="canteen-center", timeout=deadline.left_s)
        self._host = host  # what STARTTLS checks the certificate against
        self._deadline, self._tls, self._local = deadline, tls, local

    def _get_socket(self, host: str, port: int, timeout: Any) -> socket.socket:
        connection = connected(host, port, self._deadline, local=self._local)
        return self._tls.wrap_socket(connection, server_hostname=host) if self._tls else connection


class Account:
    """Where, how and as whom. `tls`: starttls, tls, none."""

    def __init__(self, server: str, tls: str, context: ssl.SSLContext, user: str, password: str) -> None:
        host, _, port = server.rpartition(":")
        self.host, self.port, self.tls, self.context = host, int(port), tls, context
        self.user, self.password = user, password

    def __repr__(self) -> str:
        return f"{self.host}:{self.port}"


class MailDoor:
    per_minute = 0

    def __init__(
        self, account: Account, sender: str, to: tuple[str, ...], *, local: bool, within_s: float = DEADLINE_S
    ) -> None:
        self._account, self._sender, self._to = account, sender, to
        self._local, self._within_s = local, within_s

    def send(self, message: Message) -> Outcome:
        a = self._account
        with Deadline(self._within_s) as deadline:
            smtp = _Smtp(a.host, deadline, a.context if a.tls == "tls" else None, local=self._local)
            began = False
            try:
                if trouble := self._greeted(smtp):
                    return trouble
                began = True
                refused = smtp.send_message(self._mail(message), self._sender, self._to)
            except (smtplib.SMTPException, Unreached, OSError, ValueError) as error:
                return _became(error, deadline, began=began)
            finally:
                smtp.close()
        return Delivered(f"smtp_but_for {len(refused)}" if refused else "smtp 250")

    def _greeted(self, smtp: _Smtp) -> Outcome | None:
        """Encrypted and logged in, as the account says; else what stands against it."""
        a = self._account
        answer, _ = smtp.connect(a.host, a.port)
        if answer != 220:
            return Failed(f"smtp {answer}")
        if a.tls == "starttls":
            smtp.ehlo()
            if not smtp.has_extn("starttls"):
                return Refused("no_starttls")
            smtp.starttls(context=a.context)
        if a.user:
            smtp.login(a.user, a.password)
        return None

    def _mail(self, message: Message) -> EmailMessage:
        mail = EmailMessage()
        mail["Subject"] = message.subject
        mail["From"], mail["To"] = self._sender, ", ".join(self._to)
        mail["Message-ID"] = f"<{message.key}@{self._sender.rpartition('@')[2]}>"
        mail["Date"] = formatdate(message.created_ms / 1000)
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(message.text + "\n")
        return mail


def _became(error: Exception, deadline: Deadline, *, began: bool) -> Outcome:
    match error:
        case smtplib.SMTPAuthenticationError():
            return Failed("login")
        case smtplib.SMTPRecipientsRefused(recipients=recipients):
            codes = [number for number, _ in recipients.values()]
            return _by_code(max(codes) if min(codes) >= 500 else min(codes))
        case smtplib.SMTPResponseException(smtp_code=number) if number > 0:
            return _by_code(number)
        case smtplib.SMTPNotSupportedError():
            return Refused("no_login")
        case Unreached():
            return unreached(error)
    return Failed(code(error, deadline), uncertain=began)


def _by_code(number: int) -> Outcome:
    return Refused(f"smtp {number}") if 500 <= number < 600 else Failed(f"smtp {number}")
