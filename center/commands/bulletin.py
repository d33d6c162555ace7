"""canteen-center bulletin: a month's figures as published data; bulletin verify: whether they are what they say."""

import argparse
from pathlib import Path
from typing import Any

import msgspec

from center import bulletin
from center.arguments import Making, Misuse, now_ms, policy_of, rules_of
from center.bulletin import docx, papers, pdf, previous
from center.bulletin.make import POLICY, about, how_to
from center.commands import FINE, PROBLEM
from center.commands.assessment import kept
from center.commands.spot_check import of_month
from center.days.command import digest_of, month_asked, rule_of
from center.days.engine import assess, month, settings
from center.days.final import late
from center.days.months import Month, laid
from center.forms import Listing, tell
from center.placing import make_folder
from center.rate import month_span
from center.show import word
from center.store import Store
from contract.plain import read_plain
from contract.policy import Policy
from contract.problems import why


def add(making: Making) -> None:
    say = making.say
    zh, en = "月度通报：公文、附件、网页、可重算的数据", "the monthly bulletin: letter, annexes, page, data"
    command = making.command("bulletin", _make, zh, en, database=False)
    where = say("SQLite 文件，或数据库 URL", "SQLite file, or a database URL")
    command.add_argument("--database", default="", metavar="PATH", help=where)
    month = say("已结束的月份，按北京时间", "one that is over, in Asia/Shanghai")
    command.add_argument("--month", default="", metavar="YYYY-MM", help=month)
    folder = say(
        "通报的文件夹：新的、空的，或同月较早的通报", "its folder: new, empty, or of an earlier one of that month"
    )
    command.add_argument("--out", type=Path, metavar="DIR", help=folder)
    last = say(
        "上月通报的文件夹，用于环比；默认为 --out 旁以上月命名的文件夹，没有则不作环比",
        "last month's, to compare with; default: the one beside --out that is named as last month, if it is there",
    )
    command.add_argument("--previous", type=Path, metavar="DIR", help=last)
    paper = say("另用 LibreOffice 生成 PDF", "a PDF as well, by LibreOffice")
    command.add_argument("--pdf", action="store_true", help=paper)
    kept(making, command)
    making.policy(command)
    making.forms(command)
    acts = command.add_subparsers(metavar="verify")
    zh, en = "用 DuckDB 重新计算并逐字节比较", "recompute it with a stock DuckDB, and compare to the byte"
    verify = acts.add_parser("verify", parents=[making.bare], help=say(zh, en), description=say(zh, en))
    verify.add_argument("folder", type=Path, metavar="DIR", help=say("通报的文件夹", "of a bulletin"))
    facts = say("另由中心的原始记录重算其数据", "its data as well, from the center's facts by our own program")
    verify.add_argument("--from-facts", action="store_true", help=facts)
    verify.add_argument("--database", default="", metavar="PATH", help=where)
    making.forms(verify)
    verify.set_defaults(act=_verify)


def _make(options: argparse.Namespace) -> int:
    for name in ("database", "month", "out"):
        if not getattr(options, name):
            raise Misuse(f"--{name} is needed", f"缺少 --{name}")
    name, span = month_asked(options)
    if span[1] < month_span(name)[1] or month_span(name)[1] > now_ms():
        raise Misuse(
            f"--month {name} is not over: assessment tells how it stands so far",
            f"--month {name} 尚未结束：当前情况见 assessment",
        )
    bulletin.free_for(options.out, name)  # before anything is worked out
    make_folder(options.out.parent, "--out")
    if options.pdf:
        pdf.program()
        if not docx.available():
            raise docx.NoLibrary
    policy = policy_of(options.policy)
    its_rules, rule = rules_of(policy), rule_of(policy)
    before = previous.find(options.previous, options.out, name, settings(its_rules, rule))
    store = Store(options.database, create=False)
    try:
        with laid(store, options.days, Month(name, span, its_rules, digest_of(policy))) as found:
            assess(
                found.folder, span, its_rules, rule
            )  # what is wrong with the calendar is told before anything is written
            with store.read() as reader:
                checks = of_month(reader, span, its_rules)
            stated = bulletin.Stated(name, span, options.lang, spot_checks=checks, before=before)
            if final := found.final:
                behind = late(final.rows, month(found.now, span, its_rules, rule)) if found.now else {}
                moved = {key: more for key, more in behind.items() if more}
                stated = stated._replace(
                    revision=final.number, at_ms=final.at_ms, by=final.by, reason=final.reason, late=moved
                )
            told = bulletin.make(options.out, found.folder, stated, policy, its_rules, rule, as_pdf=options.pdf)
    except OSError as error:
        raise Misuse(*(f"--out {options.out}: {words}" for words in why(error))) from error
    finally:
        store.close()
    _tell(options, told)
    return FINE


def _tell(options: argparse.Namespace, told: dict[str, Any]) -> None:
    letter, lang = options.out / papers.LETTER, options.lang
    written = word("letter", lang, str(letter)) if letter.exists() else word("no_letter", lang)
    lines = [*first_lines(told, lang), str(options.out), written, word("verify_by", lang, str(options.out))]
    document = {"folder": str(options.out), "about": told["about"], "total": told["total"]}
    columns = ("key", "name", "kind", "covered", "obligated", "numerator", "denominator", "rate", "verdict")
    deciding = told["settings"]["deciding"]
    cells = [
        (
            *(row["code"], row["name"], row["kind"], str(row["covered"]), str(row["obligated"])),
            *(str(row[deciding]["numerator"]), str(row[deciding]["denominator"]), row[deciding]["text"]),
            row["verdict"],
        )
        for row in (*told["total"], *told["rows"])
    ]
    tell(options, lambda: document, *([Listing(columns, cells)] if options.csv else []), lines=lines)


def first_lines(told: dict[str, Any], lang: str) -> list[str]:
    """State; coverage and the three readings of all kinds, the deciding one marked; how many would score nothing."""
    state, whole = told["about"], next(row for row in told["total"] if not row["kind"])
    number = state["revision"]
    head = word("provisional", lang) if number is None else word("final", lang, str(number), state["final_at"])
    coverage, deciding = whole["coverage"], told["settings"]["deciding"]
    lines = [f"{state['month']}: {head}"]
    lines.append(f"{word('coverage', lang)} {coverage['text']} ({coverage['numerator']}/{coverage['denominator']})")
    for name in ("time", "days", "spot"):
        one, star = whole[name], "*" * (name == deciding)
        share = f"{one['text']} ({one['numerator']}/{one['denominator']})"
        lines.append(f"{word('rate', lang)} {word(f'reading_{name}', lang)}{star}: {share}")
    lines.append(f"{word('evidence', lang)} {whole['evidence']['text']}  {word('star', lang)}")
    places = [row for row in told["rows"] if not row["kind"] and row["verdict"] != "NOT_ASSESSED"]
    zero = sum(row["verdict"] == "WOULD_SCORE_ZERO" for row in places)
    return [*lines, word("if_today", lang, str(zero), str(len(places)))]


def _verify(options: argparse.Namespace) -> int:
    lang = options.lang
    if about(options.folder) is None:
        raise Misuse(f"{options.folder}: no bulletin is there", f"{options.folder}：其中没有通报")
    found = bulletin.verify(options.folder)
    if options.from_facts:
        found += _against_facts(options)
    rows = [(one.what, word(one.wrong, lang)) for one in found]
    problems = [{"what": what, "wrong": wrong} for what, wrong in rows]
    lines = [word("same", lang), *([word("same_facts", lang)] if options.from_facts else [])] if not found else []
    document = {"folder": str(options.folder), "same": not found, "problems": problems}
    tell(options, lambda: document, Listing(("what", "reason"), rows), lines=[*lines, "", *how_to()])
    return PROBLEM if found else FINE


def _against_facts(options: argparse.Namespace) -> list[bulletin.Checked]:
    if not options.database:
        raise Misuse("--from-facts needs --database", "--from-facts 需要同时给出 --database")
    try:
        policy = msgspec.json.decode(read_plain(options.folder / POLICY), type=Policy)
    except (OSError, msgspec.MsgspecError):
        return []  # told already
    store = Store(options.database, create=False)
    try:
        return bulletin.from_facts(options.folder, store, rules_of(policy))
    finally:
        store.close()
