"""canteen-center messages: what was told to whom, the process that tells it, and the word that somebody sees to it."""

import argparse
import threading
from pathlib import Path
from typing import Any

from center.absent import place
from center.arguments import Making, Misuse, loaded, moment, now_ms, rules
from center.commands import FINE, PROBLEM
from center.commands.serve import opened
from center.forms import LOG, Listing, answer, err, out, tell
from center.messages import words
from center.messages.building import doors
from center.messages.doors.door import Delivered, Door, Message
from center.messages.rules import Loaded, load
from center.rate import SHANGHAI
from center.registry.command import somebody
from center.registry.tree import Tree
from center.show import minute, word
from center.store import Store
from center.store.outbox import Case, Post
from contract import logs
from contract.stopping import on_signals

DAY_MS = 86_400_000
MOST = 1000
"""Rows of a list."""
MOST_ID = 2**63 - 1
"""Above it a database cannot be asked."""
LEAST_S, MOST_S = 1.0, 60.0


def add(making: Making) -> None:
    say = making.say
    making = making.within(
        "messages", "通知：运行、查看、确认、试发", "messages to people: run, list, acknowledge, test"
    )
    run = making.command("run", _run, "按规则发出通知", "tell what stands wrong, as the rules say")
    _rules(making, run)
    making.policy(run)
    often = say("每隔多少秒核对一次，1 至 60；默认 5", "seconds between two looks at the lists, 1 to 60; default 5")
    run.add_argument("--every", type=float, default=5.0, metavar="S", help=often)
    listed = making.command("list", _list, "未了结的事项、最近了结的和未送达的", "cases that run or ended of late")
    days = say("最近 N 天了结的，默认 1", "and those that ended within N days, default 1")
    listed.add_argument("--days", type=int, default=1, metavar="N", help=days)
    making.forms(listed)
    log = making.command("log", _log, "发送记录（保留 30 天）", "every message and what became of it, kept for 30 days")
    log.add_argument("--receiver", default="", metavar="NAME", help=say("只看该接收方", "only to this one"))
    log.add_argument("--days", type=int, default=7, metavar="N", help=say("最近 N 天，默认 7", "the last N, default 7"))
    making.forms(log)
    seen = making.command("acknowledge", _acknowledge, "确认：由谁处理、原因、何时修好", "somebody sees to it")
    seen.add_argument("number", type=int, metavar="ID", help=say("消息中的编号", "as the message names it"))
    making.person(seen)
    seen.add_argument("--note", default="", metavar="TEXT", help=say("原因、处理情况", "the cause, what is done"))
    until = say("何时修好（北京时间）；到时未恢复再提醒一次", "when it will be mended; else it is reminded of then")
    seen.add_argument("--until", default="", metavar="TIME", help=until)
    making.forms(seen)
    check = making.command("check", _check, "检查规则文件", "check a rules file", database=False)
    check.add_argument("file", type=Path, metavar="RULES", help=say("规则文件", "the rules file"))
    test = making.command("test", _test, "向一个接收方试发一条", "send one message to a receiver", database=False)
    test.add_argument("receiver", metavar="RECEIVER", help=say("规则中的接收方名称", "its name in the rules"))
    _rules(making, test)


def _rules(making: Making, parser: argparse.ArgumentParser) -> None:
    file = making.say("规则文件（YAML）", "the rules, YAML")
    parser.add_argument("--rules", type=Path, required=True, metavar="FILE", help=file)


def _loaded(path: Path) -> tuple[Loaded, dict[str, Door]]:
    """Raises ConfigError."""
    found: Loaded = loaded(lambda _: load(path), str(path))
    ways: dict[str, Door] = loaded(lambda _: doors(found, path.parent), str(path))
    return found, ways


# ---- run ----------------------------------------------------------------------------------------


def _run(options: argparse.Namespace) -> int:
    from center.messages.round import Round
    from center.messages.sender import Sender
    from center.messages.service import Service

    logs.begin("INFO", LOG)
    if not LEAST_S <= options.every <= MOST_S:
        raise Misuse(
            f"--every {options.every:g} must be {LEAST_S:g} to {MOST_S:g} seconds",
            f"--every {options.every:g} 须为 {LEAST_S:g} 至 {MOST_S:g} 秒",
        )
    rate = rules(options.policy)
    found, ways = _loaded(options.rules)
    stop = on_signals(threading.Event())
    store = opened(options.database, stop, options.lang)
    if store is None:
        return FINE
    try:
        Service(store, Round(store, found.rules, rate), Sender(store, ways), now_ms, options.every).run(stop)
    finally:
        store.close()
    return FINE


# ---- lists --------------------------------------------------------------------------------------


def _days(options: argparse.Namespace) -> int:
    """Since when, UTC ms."""
    if not 0 <= options.days <= 36_500:
        raise Misuse(f"--days {options.days} must be 0 to 36500", f"--days {options.days} 须为 0 至 36500")
    return now_ms() - int(options.days) * DAY_MS


def _list(options: argparse.Namespace) -> int:
    since_ms, lang = _days(options), options.lang
    store = Store(options.database, create=False)
    with store.read() as reader:
        tree, found = Tree(reader.regions()), reader.cases_since(since_ms, MOST)
        left, states = reader.left_of([case.id for case in found]), reader.in_outbox()
    store.close()
    rows = [
        (
            str(case.id),
            words.head(words.Facts(case, place(tree, case.region), left[case.id], ()), _act(case), lang),
            minute(case.since_ms),
            minute(case.ended_ms) if case.ended_ms else "-",
            f"{case.ack_by} {case.ack_note}".strip() or "-",
        )
        for case in found
    ]
    lines = "  ".join(f"{words.pick(words.STATES[one], lang)} {n}" for one, n in sorted(states.items()))
    listing = Listing(("number", "what", "since", "ended_at", "seen_by"), rows, (), ("since", "ended_at"))
    document = [case._asdict() | {"left": left[case.id]} for case in found]
    tell(options, lambda: {"cases": document, "outbox": states}, listing, lines=[lines] if lines else ())
    return PROBLEM if any(not case.ended_ms for case in found) else FINE


def _act(case: Case) -> str:
    return "recovery" if case.ended_ms else "first"


def _log(options: argparse.Namespace) -> int:
    since_ms, lang = _days(options), options.lang
    store = Store(options.database, create=False)
    with store.read() as reader:
        found = reader.log(since_ms, options.receiver, MOST)
    store.close()
    columns = ("number", "when", "receiver", "result", "times", "what")
    rows = [
        (str(post.id), minute(post.created_ms), post.receiver, _became(post, lang), str(post.tries), post.subject)
        for post in found
    ]
    shown = ("id", "receiver", "act", "cases", "key", "subject", "state", "tries", "uncertain", "said")
    times = ("created_ms", "not_before_ms", "claimed_ms", "settled_ms")
    document = [{name: getattr(post, name) for name in (*shown, *times)} for post in found]
    tell(options, lambda: document, Listing(columns, rows, ("times",), ("when",)))
    return PROBLEM if any(post.state in ("refused", "given_up") for post in found) else FINE


def _became(post: Post, lang: str) -> str:
    state = words.pick(words.STATES[post.state], lang)
    return f"{state}: {words.said(post.said, lang)}" if post.said and post.state != "delivered" else state


# ---- acknowledge, check, test -------------------------------------------------------------------


def _acknowledge(options: argparse.Namespace) -> int:
    until_ms = moment(options.until, "--until", SHANGHAI) if options.until else 0
    at_ms = now_ms()
    if until_ms and until_ms <= at_ms:
        raise Misuse(f"--until {options.until} is over already", f"--until {options.until} 已过去")
    if len(options.note) > 500:
        raise Misuse("--note is longer than 500 characters", "--note 超过 500 个字符")
    store = Store(options.database, create=False)
    with store.write() as tx:
        case = tx.case(options.number) if 0 < options.number <= MOST_ID else None
        if case is None or case.ended_ms:
            raise Misuse(
                f"{options.number}: no such case, or it is over: canteen-center messages list has them",
                f"{options.number}：没有此编号，或已恢复；见 canteen-center messages list",
            )
        by = options.by or somebody()
        tx.acknowledge_case(case.id, by, options.note, at_ms, until_ms)
    store.close()
    document = {"id": case.id, "by": by, "note": options.note, "until_ms": until_ms}
    answer(options, document, word("acknowledged", options.lang, str(case.id), by))
    return FINE


def _check(options: argparse.Namespace) -> int:
    found, _ = _loaded(options.file)
    for one in found.rules.receivers:
        where = " ".join((*one.regions, *one.units)) or "*"
        kind = next(name for name in ("webhook", "wecom", "mail") if getattr(one, name))
        out(f"{one.name}  {kind}  {one.role}  {where}  {' '.join(one.told)}")
    return FINE


def _test(options: argparse.Namespace) -> int:
    found, ways = _loaded(options.rules)
    lang: Any = options.lang
    if options.receiver not in ways:
        known = ", ".join(sorted(ways))
        raise Misuse(
            f"{options.receiver}: no such receiver; the rules name {known}",
            f"{options.receiver}：规则中没有此接收方；现有 {known}",
        )
    receiver = next(one for one in found.rules.receivers if one.name == options.receiver)
    message = Message(*words.trial(found.rules.language_of(receiver), found.rules.base_url or "", now_ms()))
    outcome = ways[options.receiver].send(message)
    told = words.said(outcome.said, lang)
    if isinstance(outcome, Delivered):
        out(f"{options.receiver}: {words.pick(words.STATES['delivered'], lang)} ({told})")
        return FINE
    err(f"{options.receiver}: {told}")
    return PROBLEM
