"""One SQLite database with the journal's rows, in a file or in memory; its tables are made in `schema`."""

import contextlib
import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from agent.files import check_plain
from agent.tell import schema
from agent.tell.wal import commits_reach

PAGE_BYTES = 4096
_SEQ_BITS = 40
"""A row's id is its store's number and its seq: rows of a store lie side by side, new ones at the end of the file."""
_SEQ_MASK = (1 << _SEQ_BITS) - 1
_LOG_BYTES = 256 * PAGE_BYTES
"""The write-ahead log is cut to this size whenever it begins anew."""
_BESIDE = ("", "-wal", "-journal", "-shm")
"""The files that SQLite opens (https://www.sqlite.org/tempfiles.html); it would follow a link in their place."""
_PUT_CLAIM = "INSERT INTO claim (number, boot, session, since, settled_to, seq_high) VALUES (?, ?, ?, ?, ?, ?)"
_USED_PAGES = "SELECT page_count - freelist_count FROM pragma_page_count, pragma_freelist_count"


class Kind(StrEnum):
    """What is wrong with a database."""

    QUOTA = "quota"
    """It has reached the size that we allow it."""
    FULL = "full"
    READONLY = "readonly"
    IO = "io"
    CORRUPT = "corrupt"
    FOREIGN = "foreign"
    """Whole, but with tables that this program does not know."""
    MISSING = "missing"
    """No file can be made there, or it was taken away under us."""
    LOCKED = "locked"
    LINK = "link"
    """A link or a pipe stands in the place of a file of ours."""


class Trouble(Exception):
    """The database cannot do what is asked. Nothing of the transaction counts.

    `version`: of a FOREIGN one the newer schema version that it has, 0 = none.
    """

    def __init__(self, kind: Kind, detail: str, version: int = 0) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind, self.detail, self.version = kind, detail, version


_KINDS = {
    sqlite3.SQLITE_ERROR: Kind.FOREIGN,  # no such table, no such column
    sqlite3.SQLITE_FULL: Kind.FULL,
    sqlite3.SQLITE_READONLY: Kind.READONLY,
    sqlite3.SQLITE_CORRUPT: Kind.CORRUPT,
    sqlite3.SQLITE_NOTADB: Kind.CORRUPT,
    sqlite3.SQLITE_CANTOPEN: Kind.MISSING,
    sqlite3.SQLITE_PERM: Kind.MISSING,
    sqlite3.SQLITE_BUSY: Kind.LOCKED,
    sqlite3.SQLITE_LOCKED: Kind.LOCKED,
}


class Row(NamedTuple):
    """One event. `body` is its JSON."""

    seq: int
    body: bytes


class StoreRow(NamedTuple):
    """Every row up to seq `gone` has left: acknowledged or, where `evicted`, given up. `high`: the last seq."""

    number: int
    name: str
    gone: int
    evicted: bool
    high: int


class Claim(NamedTuple):
    """Watched in [since, settled_to) boot ms; every transition in it has a seq <= seq_high."""

    boot: str
    session: str
    since: int
    settled_to: int
    seq_high: int


class Database:
    """Not thread-safe. Raises Trouble, from every method. `path` None: in memory. `steps`: to the schema wanted."""

    def __init__(self, path: Path | None, max_pages: int, steps: schema.Steps = schema.STEPS) -> None:
        self._path, self._max_pages, self._steps = path, max_pages, steps
        self._inode: tuple[int, int] | None = None
        self.cut_short = False
        """Whether commits stood in the write-ahead log which SQLite could not read any more."""
        self._log = path.with_name(f"{path.name}-wal") if path else None
        if path:
            _refuse_links(path)
        logged = commits_reach(self._log, PAGE_BYTES) if self._log else 0
        with _named():
            self._sql = sqlite3.connect(path or ":memory:", timeout=0.5, isolation_level=None, check_same_thread=False)
        try:
            self._prepare(logged)
        except BaseException:
            self.close()
            raise

    def _prepare(self, logged: int) -> None:
        self._sql.text_factory = bytes.decode  # sqlite3 itself calls what is no UTF-8 an operational error
        with _read():
            # Exclusive: no shared-memory file, which a full disk or a bad sector would turn into SIGBUS.
            for pragma in ("locking_mode=EXCLUSIVE", "journal_mode=WAL", "synchronous=FULL", "wal_autocheckpoint=64"):
                self._sql.execute(f"PRAGMA {pragma}")
            self._sql.execute(f"PRAGMA journal_size_limit={_LOG_BYTES}")
            try:
                version = schema.recognise(self._sql, self._steps)
            except schema.Foreign as foreign:
                raise Trouble(Kind.FOREIGN, str(foreign), foreign.version) from None
            if self._path and (said := self._sql.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
                raise Trouble(Kind.CORRUPT, str(said))
            _, read, _ = self._sql.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            self.cut_short = logged > max(read, 0)
            schema.bring_up(self._sql, version, self._steps)
            if self._sql.execute("SELECT 1 FROM claim WHERE number NOT IN (SELECT number FROM store)").fetchone():
                raise Trouble(Kind.CORRUPT, "a claim of no store")
            self._inode = self._found()

    def close(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            self._sql.close()

    # ---- writing ------------------------------------------------------------------------------

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All within is durable at the end, or nothing of it is there.

        The size allowed is counted here, for SQLite's own limit (max_page_count) looks like a full disk.
        """
        if self._path and self._found() != self._inode:
            raise Trouble(Kind.MISSING, "the file was taken away")
        try:
            with _named():
                self._sql.execute("BEGIN IMMEDIATE")
                allowed = max(self._max_pages, self._used())  # a file that is larger already may shrink
                yield
                if self._used() > allowed:
                    raise Trouble(Kind.QUOTA, "the size allowed is used up")
                self._sql.execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise

    def tend(self) -> None:
        """Move a log that has grown too long into the file. Commits try that too, but do not say why it fails."""
        with contextlib.suppress(OSError), _named():
            if self._log and self._log.stat().st_size > 2 * _LOG_BYTES:
                self._sql.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def _roll_back(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            if self._sql.in_transaction:
                self._sql.execute("ROLLBACK")

    def _used(self) -> int:
        """Pages that hold something."""
        (used,) = self._sql.execute(_USED_PAGES).fetchone()
        return int(used)

    def _found(self) -> tuple[int, int] | None:
        try:
            status = self._path.lstat() if self._path else None
        except OSError:
            return None
        return (status.st_dev, status.st_ino) if status else None

    def add_store(self, name: str, *, gone: int = 0, evicted: bool = False) -> int:
        """The number of the new store, above all others."""
        (number,) = self._sql.execute("SELECT coalesce(max(number), 0) + 1 FROM store").fetchone()
        self._sql.execute(
            "INSERT INTO store (number, name, gone, evicted) VALUES (?, ?, ?, ?)", (number, name, gone, evicted)
        )
        return int(number)

    def insert(self, number: int, rows: Iterable[Row]) -> None:
        """Rows that are there already stay as they are."""
        self._sql.executemany(
            "INSERT OR IGNORE INTO event (id, crc, body) VALUES (?, ?, ?)",
            ((number << _SEQ_BITS | row.seq, _crc(row), row.body) for row in rows),
        )

    def remove(self, number: int, to: int, *, evicted: bool = False) -> None:
        """Every row of the store up to and including seq `to` leaves."""
        self._sql.execute("DELETE FROM event WHERE id BETWEEN ? AND ?", _ids(number, 0, to))
        self._sql.execute(
            "UPDATE store SET gone = max(gone, ?), evicted = max(evicted, ?) WHERE number = ?", (to, evicted, number)
        )

    def forget(self, number: int) -> None:
        """The store's rows leave, as if they had never been here: another database has them."""
        self._sql.execute("DELETE FROM event WHERE id BETWEEN ? AND ?", _ids(number, 0, _SEQ_MASK))

    def drop_store(self, number: int) -> None:
        self._sql.execute("DELETE FROM event WHERE id BETWEEN ? AND ?", _ids(number, 0, _SEQ_MASK))
        self._sql.execute("DELETE FROM store WHERE number = ?", (number,))
        self.put_claim(number, None)

    def put_claim(self, number: int, claim: Claim | None) -> None:
        """The store's one open claim, in place of the one before."""
        self._sql.execute("DELETE FROM claim WHERE number = ?", (number,))
        if claim:
            self._sql.execute(_PUT_CLAIM, (number, *claim))

    # ---- reading ------------------------------------------------------------------------------

    def stores(self) -> list[StoreRow]:
        """By rising number: the last is the newest."""
        with _read():
            rows = self._sql.execute("SELECT number, name, gone, evicted FROM store ORDER BY number").fetchall()
            return [StoreRow(n, name, gone, bool(out), max(gone, self._high(n))) for n, name, gone, out in rows]

    def _high(self, number: int) -> int:
        newest = "SELECT max(id) FROM event WHERE id BETWEEN ? AND ?"
        (found,) = self._sql.execute(newest, _ids(number, 0, _SEQ_MASK)).fetchone()
        return 0 if found is None else found & _SEQ_MASK

    def claims(self) -> dict[int, Claim]:
        """Open claims by the store's number."""
        with _read():
            rows = self._sql.execute("SELECT number, boot, session, since, settled_to, seq_high FROM claim").fetchall()
            return {number: Claim(*rest) for number, *rest in rows}

    def rows(self, number: int, after: int, up_to: int = _SEQ_MASK) -> Iterator[Row]:
        """The store's rows with after < seq <= up_to, in order; each is checked before it is handed out."""
        chosen = "SELECT id, crc, body FROM event WHERE id BETWEEN ? AND ? ORDER BY id"
        with _read():
            for found, crc, body in self._sql.execute(chosen, _ids(number, after + 1, up_to)):
                row = Row(found & _SEQ_MASK, body)
                if not isinstance(body, bytes) or _crc(row) != crc:
                    raise Trouble(Kind.CORRUPT, f"event {row.seq} is damaged")
                yield row

    def count(self) -> int:
        with _read():
            return int(self._sql.execute("SELECT count(*) FROM event").fetchone()[0])


def _refuse_links(path: Path) -> None:
    try:
        for suffix in _BESIDE:
            check_plain(path.with_name(path.name + suffix))
    except OSError as error:
        raise Trouble(Kind.LINK, error.strerror or str(error)) from None


def _ids(number: int, low: int, high: int) -> tuple[int, int]:
    return number << _SEQ_BITS | low, number << _SEQ_BITS | min(high, _SEQ_MASK)


def _crc(row: Row) -> int:
    """SQLite's quick_check finds a broken tree; it does not find a flipped bit in an event."""
    return zlib.crc32(row.body, row.seq & 0xFFFFFFFF)


@contextlib.contextmanager
def _read() -> Iterator[None]:
    """As `_named`. A value of another type than was written shows that the file is damaged."""
    try:
        with _named():
            yield
    except (TypeError, ValueError) as error:
        raise Trouble(Kind.CORRUPT, str(error)) from None


@contextlib.contextmanager
def _named() -> Iterator[None]:
    """sqlite3's exceptions end here."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        raise Trouble(_KINDS.get(code, Kind.IO), str(error)) from None
