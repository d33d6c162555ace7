"""canteen-center backup and restore: a copy of the database in use, and its way back."""

import argparse
from pathlib import Path

from center.arguments import Making, now_ms
from center.commands import FINE
from center.forms import answer
from center.rate import local
from center.registry.cells import written
from center.show import word
from center.store.copies import Copy, back_up, restore


def add(making: Making) -> None:
    say = making.say
    zh, en = "备份（SQLite，运行中即可）", "a copy of the database, also while it is in use (SQLite)"
    backup = making.command("backup", _backup, zh, en)
    where = say("备份文件；已有的会被整个替换", "the copy; one that is there is replaced as a whole")
    backup.add_argument("--out", type=Path, required=True, metavar="FILE", help=where)
    zh, en = "从备份恢复", "a backup in place of the database"
    back = making.command("restore", _restore, zh, en)
    back.add_argument("backup", type=Path, metavar="FILE", help=say("备份文件", "made by backup"))
    kept = say("替换现有数据库，原库改名保留", "also where there is a database: it is kept beside under another name")
    back.add_argument("--replace", action="store_true", help=kept)
    for act in (backup, back):
        making.forms(act)


def _backup(options: argparse.Namespace) -> int:
    _tell(options, back_up(options.database, options.out), "backed_up")
    return FINE


def _restore(options: argparse.Namespace) -> int:
    aside = Path(f"{options.database}.before-{local(now_ms()):%Y%m%d-%H%M%S}")
    made = restore(options.backup, options.database, aside, replace=options.replace)
    _tell(options, made, "restored", aside if aside.exists() else None)
    return FINE


def _tell(options: argparse.Namespace, made: Copy, what: str, aside: Path | None = None) -> None:
    heard = written(made.heard_ms) if made.heard_ms else "-"
    told = {"file": str(made.file), "bytes": made.size, "version": made.version, "heard_until": heard}
    lines = [word(what, options.lang, str(made.file), f"{made.size / 1e6:.1f}", heard)]
    if aside:
        told["kept_as"] = str(aside)
        lines.append(word("kept_as", options.lang, str(aside)))
    if what == "restored":
        lines.append(word("behind", options.lang))
    answer(options, told, *lines)
