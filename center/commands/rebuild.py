"""canteen-center rebuild: makes anew what is derived from facts; no fact and no final month is touched."""

import argparse
import shutil
from pathlib import Path

from center.arguments import Making, now_ms, rules
from center.audit import audit
from center.commands import FINE
from center.days.build import build
from center.days.months import worked_in
from center.forms import answer
from center.placing import folder, placed
from center.rate import month_span
from center.show import word
from center.store import Store


def add(making: Making) -> None:
    say = making.say
    zh = "由事实重新生成当前状态、告警，以及（--out）按日数据"
    en = "make anew, from the facts, how everything stands, the alarms and (--out) the days"
    rebuild = making.command("rebuild", _rebuild, zh, en)
    where = say("按日数据的文件夹；其中各月的 now 重新生成，定稿不动", "of `days`: now/ of its months; final ones stay")
    rebuild.add_argument("--out", type=Path, metavar="FOLDER", help=where)
    making.policy(rebuild)
    making.forms(rebuild)


def _rebuild(options: argparse.Namespace) -> int:
    its_rules = rules(options.policy)
    if options.out:
        folder(options.out, "--out", there=True)
    store = Store(options.database, create=False)
    with store.write() as tx:
        rows = tx.stand_anew()
        tx.audit_anew()
    audit(store, its_rules, now_ms())
    with store.read() as reader:
        kept_ms = reader.kept_from()
    folders = sorted(options.out.iterdir()) if options.out else []
    months = [one.name for one in folders if _is_month(one, kept_ms)]
    for month in months:
        begin, end = month_span(month)
        with worked_in(options.out, "--out", month) as home, placed(options.out, "--out"):
            shutil.rmtree(home / "now", ignore_errors=True)
            build(store, home / "now", (begin, min(end, now_ms())), its_rules)
    store.close()
    said = word("rebuilt", options.lang, str(rows), " ".join(months) or "-")
    answer(options, {"standing": rows, "months": months}, said)
    return FINE


def _is_month(folder: Path, kept_ms: int) -> bool:
    """Whether it can be laid anew from facts."""
    try:
        return kept_ms <= month_span(folder.name)[0] < now_ms()
    except ValueError:
        return False
