"""canteen-center alarms: what a person should see to, the newest first."""

import argparse

from center.alarms import CODES, Alarm, alarms, as_json, devices, listing, told, unserved
from center.arguments import Making, Misuse, known_gateway, now_ms
from center.audit import FOR_EVER, PATIENCE_S, audit
from center.commands import FINE, PROBLEM
from center.forms import err, tell
from center.rate import Rules
from center.show import word
from center.store import Store

DAY_MS = 86_400_000
MOST_DAYS = 36_500


def add(making: Making) -> None:
    say = making.say
    zh, en = (
        "告警：身份冲突、设备更换、故障、日志重置、证词矛盾等",
        "what to see to: conflict, identity_changed, fault …",
    )
    command = making.command("alarms", _alarms, zh, en)
    command.add_argument("--gateway", default="", metavar="ID", help=say("只看该网关", "only of this one"))
    code = say("只看该代码；可重复填写", "only of this code; may be repeated")
    command.add_argument("--code", action="append", default=[], metavar="CODE", help=code)
    days = say("只看最近 N 天，默认 30；0 为全部", "only of the last N, default 30; 0: all")
    command.add_argument("--days", type=int, default=30, metavar="N", help=days)
    every = say("先核对全部网关，不限时", "go through all gateways first, however long it takes")
    command.add_argument("--all", action="store_true", help=every)
    making.forms(command)


def _alarms(options: argparse.Namespace) -> int:
    if not 0 <= options.days <= MOST_DAYS:
        raise Misuse(
            f"--days {options.days} must be 0 or more, at most {MOST_DAYS}",
            f"--days {options.days} 须为 0 或更大，至多 {MOST_DAYS}",
        )
    if unknown := next((code for code in options.code if code not in CODES), ""):
        codes = ", ".join(CODES)
        raise Misuse(
            f"--code {unknown}: no such code; there are {codes}", f"--code {unknown}：没有这个代码；可选：{codes}"
        )
    store = Store(options.database, create=False)
    with store.read() as reader:
        known_gateway(reader, options.gateway)
    left = audit(store, Rules(), now_ms(), options.gateway, FOR_EVER if options.all else PATIENCE_S)
    since_ms = now_ms() - options.days * DAY_MS if options.days else 0
    with store.read() as reader:
        every = alarms(reader, reader.aside(options.gateway), options.gateway) + told(reader, since_ms, options.gateway)
        every += devices(reader, now_ms(), now_ms() - Rules().dark_after_ms, options.gateway)
        every += unserved(reader, now_ms(), options.gateway)
    store.close()
    if left:
        err(word("not_audited", options.lang, str(left)))
    found = [one for one in every if one.last_ms >= since_ms and (not options.code or one.alarm in options.code)]
    found.sort(key=_newest_first)
    lines = () if found else (word("no_alarm", options.lang),)
    tell(options, lambda: as_json(found, [])["alarms"], listing(found), lines=lines)
    return PROBLEM if found else FINE


def _newest_first(one: Alarm) -> tuple[int, str, str, str]:
    return (-one.last_ms, one.alarm, one.gateway, one.detail)
