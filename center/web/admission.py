"""Who is let in: passwords and links become sessions, failures are counted, sessions end. HTTP is not known here."""

from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_address, ip_network
from typing import NamedTuple

from center.store import Store, Unavailable
from center.store.people import Account, Session, WebAct
from center.web import passwords
from contract.text import tidy

MINUTE_MS = 60_000
IDLE_MS, WHOLE_MS = 120 * MINUTE_MS, 720 * MINUTE_MS
"""A session ends after so long without a request, and after so long whatever happens."""
WINDOW_MS = 15 * MINUTE_MS
PER_ACCOUNT, PER_ADDRESS = 5, 20
"""So many failures within the window, then nobody is let in until the oldest of them is over."""
KNOWN_MS = 30 * 1440 * MINUTE_MS
"""So long an address is known from which an account was let in: then its own failures alone are counted."""
TOUCH_MS = MINUTE_MS


class Let(NamedTuple):
    """`token`: of the new session, "" where nobody is let in; then `again_ms` says from when on it may be tried again,
    0 at once.
    """

    token: str = ""
    again_ms: int = 0


class Admission:
    """`clock_ms`: UTC."""

    def __init__(self, store: Store, clock_ms: Callable[[], int]) -> None:
        self._store = store
        self._clock_ms = clock_ms

    def by_password(self, name: str, password: str, address: str, before: str) -> Let:
        """`before`: the token of a session that ends with this one."""
        name = tidy(name, 64)
        with self._store.read() as reader:
            account = reader.account(name)
        # what is no account may be a password in the wrong field: it is counted, but not written down
        known = account.name if account else f"?{passwords.digest(name)[:12]}"
        number, again_ms = self._begun("login", known, address)
        if again_ms:
            return Let(again_ms=again_ms)
        kept = account.password if account and not account.disabled else ""
        fits = passwords.same(kept, password)
        return self._let(number, account if fits else None, before)

    def by_link(self, link: str, address: str, before: str) -> Let:
        number, again_ms = self._begun("link", "", address)
        if again_ms:
            return Let(again_ms=again_ms)
        with self._store.write() as tx:
            name = tx.use_link(passwords.digest(link), self._clock_ms())
            account = tx.account(name) if name else None
        return self._let(number, account, before)

    def _begun(self, act: str, name: str, address: str) -> tuple[int, int]:
        """It counts as failed from now on: so many at once are as many. (Its number, from when on it may be tried.)"""
        now = self._clock_ms()
        with self._store.write() as tx:
            tx.one_login_at_a_time()
            window = (now - WINDOW_MS, now + WINDOW_MS)  # what a clock that ran ahead wrote shuts nobody out for longer
            # from where it was let in before, others' guesses at its password do not shut its owner out
            guessed = bool(name) and not tx.was_let_in(name, address, now - KNOWN_MS)
            mine = tx.failures(*window, account=name)[-PER_ACCOUNT:] if guessed else []
            theirs = tx.failures(*window, address=address)[-PER_ADDRESS:]
            full = [its[0] for its, most in ((mine, PER_ACCOUNT), (theirs, PER_ADDRESS)) if len(its) >= most]
            number = tx.add_web_act(WebAct(now, name, address, act, "", "refused" if full else "failed"))
        return number, max(full) + WINDOW_MS if full else 0

    def _let(self, number: int, account: Account | None, before: str) -> Let:
        if account is None or account.disabled:
            return Let()
        now, token = self._clock_ms(), passwords.token()
        with self._store.write() as tx:
            again = tx.account(account.name)
            if again is None or again.disabled or again.password != account.password:
                return Let()  # disabled, or given another password, meanwhile
            tx.end_old(now - WHOLE_MS, now)
            if before:
                tx.end_session(passwords.digest(before))
            tx.add_session(Session(passwords.digest(token), account.name, now, now))
            tx.settle_web_act(number, account.name, "ok")
        return Let(token)

    def who(self, token: str) -> Account | None:
        """Whose session it is, if it is one that goes on."""
        if not token:
            return None
        now, digest = self._clock_ms(), passwords.digest(token)
        with self._store.read() as reader:
            session = reader.session(digest)
            account = reader.account(session.account) if session else None
        if session is None or account is None or account.disabled:
            return None
        # of a clock that ran ahead: such a session would last until then
        if abs(now - session.seen_ms) > IDLE_MS or abs(now - session.made_ms) > WHOLE_MS:
            return None
        if now - session.seen_ms > TOUCH_MS:
            # a disk that is full keeps nobody from reading: the session only ends the sooner
            with suppress(Unavailable), self._store.write() as tx:
                tx.touch_session(digest, now)
        return account

    def by_token(self, token: str) -> Account | None:
        """Of a program."""
        with self._store.read() as reader:
            name = reader.token_of(passwords.digest(token)) if token else ""
            account = reader.account(name) if name else None
        return account if account and not account.disabled else None

    def leave(self, token: str, account: str, address: str) -> None:
        with self._store.write() as tx:
            tx.end_session(passwords.digest(token))
            tx.add_web_act(WebAct(self._clock_ms(), account, address, "logout", "", "ok"))

    def note(self, account: str, address: str, act: str, what: str) -> None:
        """For the record."""
        with self._store.write() as tx:
            tx.add_web_act(WebAct(self._clock_ms(), account, address, act, what[:1000], "ok"))


def network(address: str) -> str:
    """What failures are counted by: an address, of IPv6 the network of one site."""
    try:
        found = ip_address(address)
    except ValueError:
        return tidy(address, 45)
    return str(ip_network(f"{found}/64", strict=False)) if found.version == 6 else str(found)
