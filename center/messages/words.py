"""What a message says: what stands wrong where and since when, what to do, and how to say that one sees to it.

Whom it is told to, and through which door, must not be known here.
"""

import uuid
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from center.absent import cause_words
from center.rate import local
from center.show import minute, word
from center.store.outbox import FIRST, RECOVERY, REMINDER, Case
from contract.language import saying
from contract.text import lasted, tidy

LINES = 5
"""Causes of a case that are named one by one, and cases of a message."""
CASES = 12


class Line(NamedTuple):
    """A cause of a case, as a person looks for it. `state`: as the lists say it now."""

    name: str
    since_ms: int
    state: str
    detail: str
    contact: str = ""
    telephone: str = ""


class Facts(NamedTuple):
    """A case with what is known of it now: its place, what is left of it by state, its first causes."""

    case: Case
    place: str
    left: dict[str, int]
    lines: tuple[Line, ...]

    @property
    def number(self) -> int:
        """How many causes are left of it, as far as known: what is unknown is not told as offline."""
        return sum(n for state, n in self.left.items() if self.case.kind != "camera" or state == "offline")


_HEADS = {
    "gateway": ("网关失联", "gateway silent"),
    "left": ("网关已停止运行", "gateway stopped"),
    "county": ("{n} 个网关同时失联", "{n} gateways fell silent together"),
    "camera": ("{n} 路摄像机离线", "cameras offline: {n}"),
    "unknown": ("摄像机状态未知（此前离线）", "cameras unknown (offline before)"),
    "alarm": ("告警 {detail}", "alarm {detail}"),
    "center": ("平台自身故障：收不到网关消息", "the platform itself hears no gateway"),
    "undelivered": ("消息无法送达 {name}", "messages do not reach {name}"),
}
_TODO = {
    "gateway": (
        "其下各点位状态未知（不是离线）。请做：1. 看网关电源灯、网线；2. 看路由器能否上网；3. 重启网关或联系运维。",
        "Its cameras are unknown, not offline. To do: 1. power and cable of the gateway; 2. is the router online? "
        "3. else restart the gateway or call the engineer.",
    ),
    "county": (
        "这些网关下各点位状态未知（不是离线）。多处同时失联，多为停电或线路中断。"
        "请做：先向供电、网络运营商核实，不必逐家派人。",
        "Their cameras are unknown, not offline. So many at once is mostly a power cut or a broken line: ask the power "
        "company and the carrier before sending people.",
    ),
    "camera": (
        "请做：1. 看摄像机和交换机是否通电；2. 看网线；3. 密码、地址改过的，请告知运维。",
        "To do: 1. power of camera and switch; 2. the cable; 3. new password or address? Tell the engineer.",
    ),
    "alarm": (
        "请做：canteen-center alarms 查看详情；含义与处理见 docs/center.md。",
        "To do: canteen-center alarms has the details; docs/center.md says what each means.",
    ),
    "center": (
        "此期间不判断网关，也不通知学校。请做：看 canteen-center serve 与消息服务器是否运行、磁盘是否写满。",
        "No gateway is judged meanwhile, no school is told. To do: is canteen-center serve running, is the broker, is "
        "the disk full?",
    ),
    "undelivered": (
        "请做：canteen-center messages list 查看原因，messages test 试发。",
        "To do: canteen-center messages list says why; messages test tries it.",
    ),
}
_ACTS = {
    FIRST: ("", ""),
    REMINDER: ("【提醒】", "[reminder] "),
    RECOVERY: ("【已恢复】", "[over] "),
}


def pick(words: tuple[str, str], lang: str) -> str:
    return words[lang == "en"]


def head(facts: Facts, act: str, lang: str) -> str:
    """One line: where, what."""
    case = facts.case
    number = case.members if act == RECOVERY else facts.number
    kind = "left" if case.kind == "gateway" and case.detail == "left" else case.kind
    kind = "unknown" if case.kind == "camera" and not number else kind
    what = pick(_HEADS[kind], lang).format(n=number, detail=case.detail, name=case.name)
    named = "" if case.kind in ("county", "undelivered", "center") else case.name
    where = f"{facts.place} {named}".strip() if lang == "en" else f"{facts.place}{named}"
    return tidy(f"{where}{pick(('：', ': '), lang)}{what}" if where else what, 120)


def subject(found: Sequence[Facts], act: str, lang: str) -> str:
    mark = pick(_ACTS[act], lang)
    if len(found) == 1:
        return f"{pick(('明厨亮灶', 'Bright Kitchen'), lang)} {mark}{head(found[0], act, lang)}"
    many = pick(("{} 起：{} 等", "{} cases: {} …"), lang).format(len(found), head(found[0], act, lang))
    return f"{pick(('明厨亮灶', 'Bright Kitchen'), lang)} {mark}{many}"


def text(found: Sequence[Facts], act: str, now_ms: int, lang: str, link: str) -> str:
    """Lines for people; the first cases whole, of the others how many there are."""
    say = saying(lang)
    parts: list[str] = []
    single = len(found) == 1
    for facts in found[:CASES]:
        parts += _one(facts, act, now_ms, lang, whole=single)
    if (more := len(found) - CASES) > 0:
        parts.append(say(f"另有 {more} 起：messages list", f"and {more} more: messages list"))
    if act != RECOVERY:
        kinds = dict.fromkeys(facts.case.kind for facts in found)
        parts += [pick(_TODO[kind], lang) for kind in kinds]
        number = str(found[0].case.id) if single else say("编号", "ID")
        command = f"canteen-center messages acknowledge {number} --by … --note …"
        parts.append(say(f"已知悉、何时修好：{command}", f"Seen to: {command}"))
    return "\n".join([*parts, *([link] if link else [])])


def _one(facts: Facts, act: str, now_ms: int, lang: str, *, whole: bool) -> list[str]:
    say, case = saying(lang), facts.case
    title = f"{say('编号', 'ID')} {case.id}  {head(facts, act, lang)}"
    if act == RECOVERY:
        return [f"{title}  {_over(case, now_ms, lang)}"]
    lasting = say(
        f"自 {minute(case.since_ms)}，已 {lasted(now_ms - case.since_ms, lang)}",
        f"since {minute(case.since_ms)}, for {lasted(now_ms - case.since_ms, lang)}",
    )
    left, every = facts.number, sum(facts.left.values())
    also = say(f"，尚余 {every}/{case.members}", f", {every} of {case.members} left") if every < case.members else ""
    if left < every:
        also += say(f"，其中未知 {every - left}", f", {every - left} of them unknown")
    lines = [f"{title}  {lasting}{also}"]
    for line in facts.lines[:LINES] if whole else ():
        lines.append("- " + tidy(" ".join(filter(None, _cells(line, case, lang))), 160))
    if whole and every > (shown := len(facts.lines[:LINES])):
        lines.append(say(f"- 另有 {every - shown} 个", f"- and {every - shown} more"))
    return lines


def _cells(line: Line, case: Case, lang: str) -> tuple[str, ...]:
    unknown = word("unknown", lang)
    why = "" if case.kind != "camera" else cause_words(line.detail, lang) if line.state == "offline" else unknown
    called = f"{line.contact} {line.telephone}".strip()
    return (line.name, why, minute(line.since_ms), called)


def _over(case: Case, now_ms: int, lang: str) -> str:
    say = saying(lang)
    length = lasted((case.ended_ms or now_ms) - case.since_ms, lang)
    if case.removed >= case.members:
        return say("已不在登记表中，不再跟踪", "no longer in the registry: not followed any more")
    also = say(f"（其中 {case.removed} 个已不在登记表中）", f" ({case.removed} of them left the registry)")
    return say(f"已恢复，历时 {length}", f"over, it lasted {length}") + (also if case.removed else "")


def document(key: str, found: Sequence[Facts], act: str, now_ms: int, lang: str, link: str) -> dict[str, Any]:
    """What a webhook is told; every case, times in ISO 8601. Documented in docs/messages.zh-CN.md."""
    return {
        "id": key,
        "act": act,
        "at": local(now_ms).isoformat(),
        "language": lang,
        "subject": subject(found, act, lang),
        "text": text(found, act, now_ms, lang, link),
        "link": link,
        "cases": [_case(facts) for facts in found],
    }


def _case(facts: Facts) -> dict[str, Any]:
    case = facts.case
    return {
        "id": case.id,
        "kind": case.kind,
        "region": case.region,
        "place": facts.place,
        "unit": case.unit,
        "name": case.name,
        "detail": case.detail,
        "members": case.members,
        "left": facts.left,
        "removed": case.removed,
        "since": local(case.since_ms).isoformat(),
        "ended": local(case.ended_ms).isoformat() if case.ended_ms else None,
    }


def trial(lang: str, link: str, now_ms: int) -> tuple[str, str, str, str, int]:
    """Key, head, text, body and time of a message that tells of nothing, to try a door with."""
    say, key = saying(lang), str(uuid.uuid4())
    named = say("明厨亮灶 试发", "Bright Kitchen: a trial")
    told = say("这是一条试发消息，无须处理。", "This message is a trial: nothing is to be done.")
    lines = "\n".join([told, *([link] if link else [])])
    body = {"id": key, "act": "test", "at": local(now_ms).isoformat(), "language": lang}
    whole = body | {"subject": named, "text": lines, "link": link, "cases": []}
    return key, named, lines, msgspec.json.encode(whole).decode(), now_ms


SAID = {
    "timeout": ("超时无应答", "no answer in time"),
    "unknown_host": ("主机名无法解析", "the name of the host is not known"),
    "certificate": ("TLS 证书不可信或名称不符", "the TLS certificate is not trusted, or of another name"),
    "tls": ("TLS 握手失败", "the TLS handshake failed"),
    "nobody_listens": ("连接被拒绝", "nothing listens there"),
    "broken_off": ("连接中断", "the connection was broken off"),
    "garbage": ("答复无法识别", "the answer cannot be read"),
    "local_address": (
        "地址指向本机或本地链路：确需如此请写 allow_local: true",
        "the address is this machine or its link: allow_local: true if that is meant",
    ),
    "http_status": ("HTTP {0}", "HTTP {0}"),
    "errcode": ("企业微信 errcode {0}", "WeCom errcode {0}"),
    "smtp": ("SMTP {0}", "SMTP {0}"),
    "smtp_but_for": ("已送达，但拒收 {0} 个收件人", "delivered, but for {0} recipients"),
    "login": ("邮件登录失败：请检查用户名和口令", "the mail server refuses the login"),
    "no_starttls": ("邮件服务器不提供 STARTTLS", "the mail server offers no STARTTLS"),
    "no_login": ("邮件服务器不提供所需的登录方式", "the mail server offers no such login"),
    "interrupted": ("发送中断，将重发", "interrupted while it was sent, to be sent again"),
    "untold": ("首条未送达，不再发送", "its first message did not arrive"),
    "no_receiver": ("规则中已无此接收方", "the rules name this receiver no more"),
    "fault": ("程序故障，见日志", "a fault of the program, see the log"),
}
"""Last words of a delivery -> for people."""


def said(code: str, lang: str) -> str:
    name, _, more = code.partition(" ")
    return pick(SAID[name], lang).format(more) if name in SAID else code


STATES = {
    "waiting": ("待发", "waiting"),
    "claimed": ("发送中", "being sent"),
    "delivered": ("已送达", "delivered"),
    "refused": ("被拒", "refused"),
    "given_up": ("已放弃", "given up"),
    "dropped": ("不再发送", "dropped"),
}
