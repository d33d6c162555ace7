"""canteen-center retention: gives up facts older than the policy's months, once these months are final."""

import argparse
from pathlib import Path

from center.arguments import Making, Misuse, now_ms, policy_of
from center.commands import FINE
from center.forms import answer
from center.placing import folder
from center.rate import month_span
from center.retention import Unfit, check, first_kept, give_up, months_before, old
from center.show import word
from center.store import Store
from center.store.giving_up import MARGIN_MS


def add(making: Making) -> None:
    say = making.say
    zh, en = (
        "删除过期的原始记录（所在月份均已定稿）",
        "give up facts older than the policy's months, once these are final",
    )
    retention = making.command("retention", _retention, zh, en)
    where = say("按日数据的文件夹，其中有定稿", "of `days`: the final months are there")
    retention.add_argument("--out", type=Path, required=True, metavar="FOLDER", help=where)
    making.policy(retention)
    really = say("确实删除；否则只显示将删除什么", "do it; without this it is only said what would go")
    retention.add_argument("--apply", action="store_true", help=really)
    making.forms(retention)


def _retention(options: argparse.Namespace) -> int:
    folder(options.out, "--out")
    first = first_kept(now_ms(), policy_of(options.policy).rate.keep_facts.value)
    store = Store(options.database, create=False)
    try:
        with store.read() as reader:
            oldest_ms = reader.oldest_fact()
        months = [] if oldest_ms is None else list(months_before(oldest_ms, first))
        check(options.out, months)
        if options.apply and months:
            boots, rows = give_up(store, month_span(first)[0])
        else:
            boots, rows = sum(len(its) for _, its in old(store, month_span(first)[0] - MARGIN_MS)), 0
    except Unfit as unfit:
        raise Misuse(f"{unfit}; nothing was given up", f"{unfit.text('zh')}；未删除任何记录") from unfit
    finally:
        store.close()
    told = {"kept_from": first, "months": months, "boots": boots, "rows": rows, "applied": options.apply}
    what = "given_up" if options.apply else "would_go"
    answer(options, told, word(what, options.lang, first, " ".join(months) or "-", str(boots), str(rows)))
    return FINE
