"""What a database says is wrong, in words for people. Pure."""

import sqlite3

from contract.problems import Words

_SQLITE = {
    sqlite3.SQLITE_PERM: "没有权限",
    sqlite3.SQLITE_BUSY: "数据库正被占用",
    sqlite3.SQLITE_LOCKED: "数据库正被占用",
    sqlite3.SQLITE_READONLY: "数据库为只读",
    sqlite3.SQLITE_IOERR: "磁盘读写出错",
    sqlite3.SQLITE_CORRUPT: "数据库文件已损坏",
    sqlite3.SQLITE_FULL: "磁盘已满",
    sqlite3.SQLITE_CANTOPEN: "无法打开数据库文件，请检查路径和权限",
    sqlite3.SQLITE_NOTADB: "不是数据库文件",
}
"""By the primary code; what a server says stays in its own language."""


def said(named: str, error: BaseException | None) -> Words:
    """One line; `named`: the database."""
    kind = f"{type(error).__name__}: " if not isinstance(error, sqlite3.Error) else ""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return Words(f"{named}: {kind}{error}", f"{named}：{_SQLITE.get(code, f'{kind}{error}')}")
