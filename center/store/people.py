"""Who may look at the center's pages: accounts, their sessions, login links, and what they did. Only this folder knows
SQLAlchemy. Of a session or a link only the digest of its token is kept, of a password only its hash.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from center.store.schema import meta

_BIG = sa.BigInteger
LOGIN_LOCK = 4_191
"""Of one login at a time: two that count failures side by side would not see each other."""


class Account(NamedTuple):
    """`scope`: the code of a region, or a unit's id. `password`: its hash, "" where only links let in."""

    name: str
    role: str
    scope: str
    password: str
    disabled: int
    made_ms: int


class Session(NamedTuple):
    """`digest`: of its token. Times in UTC ms."""

    digest: str
    account: str
    made_ms: int
    seen_ms: int


class WebAct(NamedTuple):
    """`act`: login, link, logout, export; `outcome`: ok, failed, refused."""

    at_ms: int
    account: str
    address: str
    act: str
    what: str
    outcome: str


def _table(name: str, key: str, texts: Sequence[str], wholes: Sequence[str], *more: sa.Index) -> sa.Table:
    columns: list[sa.Column[Any]] = [sa.Column(key, sa.Text, primary_key=True)]
    columns += [sa.Column(text, sa.Text, nullable=False, server_default="") for text in texts]
    columns += [sa.Column(whole, _BIG, nullable=False, server_default="0") for whole in wholes]
    return sa.Table(name, meta, *columns, *more, sqlite_with_rowid=False)


accounts = _table("web_accounts", "name", ("role", "scope", "password"), ("disabled", "made_ms"))
sessions = _table("web_sessions", "digest", ("account",), ("made_ms", "seen_ms"))
links = _table("web_links", "digest", ("account",), ("until_ms", "used_ms"))
tokens = _table("web_tokens", "digest", ("account",), ("made_ms",))
"""Of programs, which read the same lists as their account."""
acts = sa.Table(
    "web_audit",
    meta,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("at_ms", _BIG, nullable=False, server_default="0"),
    *(sa.Column(name, sa.Text, nullable=False, server_default="") for name in WebAct._fields[1:]),
    sa.Index("web_audit_of_account", "account", "at_ms"),
    sa.Index("web_audit_of_address", "address", "at_ms"),
)


class People:
    """A part of the Reader."""

    _c: Connection

    def account(self, name: str) -> Account | None:
        row = self._c.execute(sa.select(accounts).where(accounts.c.name == name)).one_or_none()
        return Account(*row) if row else None

    def accounts(self) -> list[Account]:
        """By name."""
        return [Account(*row) for row in self._c.execute(sa.select(accounts).order_by(accounts.c.name))]

    def session(self, digest: str) -> Session | None:
        row = self._c.execute(sa.select(sessions).where(sessions.c.digest == digest)).one_or_none()
        return Session(*row) if row else None

    def token_of(self, digest: str) -> str:
        """The account of a program's token, "" for none."""
        return str(self._c.execute(sa.select(tokens.c.account).where(tokens.c.digest == digest)).scalar() or "")

    def web_acts(self, most: int, account: str = "") -> list[WebAct]:
        """The newest first."""
        chosen = sa.select(*(acts.c[name] for name in WebAct._fields)).order_by(acts.c.id.desc()).limit(most)
        return [WebAct(*row) for row in self._c.execute(chosen.where(acts.c.account == account) if account else chosen)]

    def failures(self, since_ms: int, until_ms: int, *, account: str = "", address: str = "") -> list[int]:
        """UTC ms of each login that failed within these, of this account or this address, the oldest first."""
        a = acts.c
        mine = (a.account == account) if account else (a.address == address)
        failed = a.act.in_(("login", "link")) & (a.outcome == "failed") & a.at_ms.between(since_ms, until_ms)
        return [at for (at,) in self._c.execute(sa.select(a.at_ms).where(mine & failed).order_by(a.at_ms))]

    def was_let_in(self, account: str, address: str, since_ms: int) -> bool:
        """Whether this account was, from this address, since then."""
        a = acts.c
        mine = (a.account == account) & (a.address == address) & (a.at_ms >= since_ms)
        let = sa.select(a.id).where(mine & a.act.in_(("login", "link")) & (a.outcome == "ok")).limit(1)
        return self._c.execute(let).first() is not None


class Admitting:
    """A part of the Writer."""

    _c: Connection

    def one_login_at_a_time(self) -> None:
        """Until the end of the transaction; in SQLite every writer is alone."""
        if self._c.dialect.name == "postgresql":
            self._c.execute(sa.select(sa.func.pg_advisory_xact_lock(LOGIN_LOCK)))

    def add_account(self, account: Account) -> None:
        self._c.execute(sa.insert(accounts), account._asdict())

    def change_account(self, name: str, *, password: str | None = None, disabled: bool) -> None:
        """All its sessions, links and tokens end."""
        values: dict[str, object] = {"disabled": int(disabled)}
        values |= {} if password is None else {"password": password}
        self._c.execute(sa.update(accounts).where(accounts.c.name == name).values(values))
        for table in (sessions, links, tokens):
            self._c.execute(sa.delete(table).where(table.c.account == name))

    def add_session(self, session: Session) -> None:
        self._c.execute(sa.insert(sessions), session._asdict())

    def touch_session(self, digest: str, seen_ms: int) -> None:
        self._c.execute(sa.update(sessions).where(sessions.c.digest == digest).values(seen_ms=seen_ms))

    def end_session(self, digest: str) -> None:
        self._c.execute(sa.delete(sessions).where(sessions.c.digest == digest))

    def end_old(self, made_before_ms: int, now_ms: int) -> None:
        """Sessions and links that are over."""
        self._c.execute(sa.delete(sessions).where(sessions.c.made_ms < made_before_ms))
        self._c.execute(sa.delete(links).where(links.c.until_ms < now_ms))

    def add_link(self, digest: str, account: str, until_ms: int) -> None:
        self._c.execute(sa.insert(links), {"digest": digest, "account": account, "until_ms": until_ms, "used_ms": 0})

    def put_token(self, digest: str, account: str, made_ms: int) -> None:
        """In place of the one before."""
        self._c.execute(sa.delete(tokens).where(tokens.c.account == account))
        self._c.execute(sa.insert(tokens), {"digest": digest, "account": account, "made_ms": made_ms})

    def use_link(self, digest: str, now_ms: int) -> str:
        """The account that it lets in, once; "" for one that is unknown, used or over."""
        mine = (links.c.digest == digest) & (links.c.used_ms == 0) & (links.c.until_ms > now_ms)
        if self._c.execute(sa.update(links).where(mine).values(used_ms=now_ms)).rowcount != 1:
            return ""
        return str(self._c.execute(sa.select(links.c.account).where(links.c.digest == digest)).scalar_one())

    def add_web_act(self, act: WebAct) -> int:
        """Its number."""
        done = self._c.execute(sa.insert(acts), act._asdict())
        return int(done.inserted_primary_key[0])  # type: ignore[index]

    def settle_web_act(self, number: int, account: str, outcome: str) -> None:
        self._c.execute(sa.update(acts).where(acts.c.id == number).values(account=account, outcome=outcome))
