"""The bulletin as an official letter (GB/T 9704): from the bulletin's data to paragraphs and annexes. Pure.

A draft for the office that issues it: no red head, no seal, no signatory; number, signature and date are left open.
What a paragraph looks like, in a document or on a page, must not be known here.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from center.bulletin.annexes import Annex, annexes
from center.bulletin.wording import READINGS, change_of, item, kinds_of, length, name_of, say
from center.show import failing_first
from contract.policy import Policy

LAST = 5
RISEN = 3
ADDRESSEES = {
    "豫市监〔2021〕45号": "各省辖市、济源示范区、各省直管县（市）市场监督管理局、教育局，有关高等学校、省属学校：",
}
"""By the number of the regulation; another one's are left open."""
OPEN_ADDRESSEES = "（主送机关）："


class Paragraph(NamedTuple):
    """`style`: number, title, state, to, body, heading, annexes, annex (further ones), signature, date.
    A title is broken by its sense.

    `lead`: its first words, which stand out.
    """

    style: str
    text: str
    lead: str = ""


class Letter(NamedTuple):
    title: str
    state: str
    until: datetime
    paragraphs: tuple[Paragraph, ...]
    annexes: tuple[Annex, ...]


def letter(told: dict[str, Any], policy: Policy, digest: str) -> Letter:
    """`told`: the bulletin as it reads; `digest`: the sha256 of its file."""
    until = datetime.fromisoformat(told["about"]["until"])
    month = datetime.fromisoformat(told["about"]["from"])
    when = f"{month.year}年{month.month}月份"
    title = f"关于{when}全省\n“互联网+明厨亮灶”工作进展情况的通报"
    tables = tuple(annexes(told, policy, digest))
    regulation = name_of(policy.document).partition("《")[0]
    places = _places(told, tables)
    paragraphs = (
        Paragraph("number", f"〔{until.year}〕×号"),
        Paragraph("title", title),
        Paragraph("state", f"（{_state(told)}；截至{_last_moment(until)}）"),
        Paragraph("to", ADDRESSEES.get(regulation, OPEN_ADDRESSEES)),
        Paragraph(
            "body",
            f"根据全省“互联网+明厨亮灶”平台记录的数据，按照{regulation}文件要求，现将{when}工作进展情况通报如下：",
        ),
        Paragraph("heading", "一、总体情况"),
        *(Paragraph("body", text) for text in _whole(told, policy)),
        Paragraph("heading", "二、各地情况"),
        *(Paragraph("body", text, f"（{n}）{lead}") for n, (lead, text) in zip("一二三四五", places, strict=True)),
        Paragraph("heading", "三、存在问题"),
        *(Paragraph("body", text) for text in _trouble(told)),
        Paragraph("heading", "四、下一步工作要求"),
        *(Paragraph("body", text) for text in _next(tables)),
        *_list(tables),
        Paragraph("signature", "（发文机关署名）"),
        Paragraph("date", f"{until.year}年×月×日"),
    )
    return Letter(title.replace("\n", ""), _state(told), until, paragraphs, tables)


def _state(told: dict[str, Any]) -> str:
    revision = told["about"]["revision"]
    return "暂定稿" if revision is None else "终稿" if revision == 0 else f"第{revision}次修订"


def _last_moment(until: datetime) -> str:
    last = until - timedelta(seconds=1)
    return f"{last.year}年{last.month}月{last.day}日24时"


def _share(share: dict[str, Any]) -> str:
    if not share["denominator"]:
        return "无考核对象"
    return f"{share['text']}（{share['numerator']}/{share['denominator']}）"


def _names(rows: Sequence[dict[str, Any]]) -> str:
    return "、".join(name_of(row["name"]) for row in rows) or "无"


# ---- 一 -----------------------------------------------------------------------------------------


def _whole(told: dict[str, Any], policy: Policy) -> Iterator[str]:
    deciding, about = told["settings"]["deciding"], told["about"]
    whole = next(row for row in told["total"] if not row["kind"])
    by_kind = {row["kind"]: row for row in told["total"]}
    kinds = [(title, by_kind[kind]) for kind, title in kinds_of(policy, "zh") if kind in by_kind]
    counts = [
        f"应建{title}{row['obligated']}家、已建{row['covered']}家，覆盖率{row['coverage']['text']}"
        if row["obligated"]
        else f"没有应建的{title}"
        for title, row in kinds
    ]
    yield f"截至{_last_moment(datetime.fromisoformat(about['until']))}，全省{'；'.join(counts)}。"
    others = "，".join(f"{say(f'by_{name}', 'zh')}为{_text_of(whole[name])}" for name in READINGS if name != deciding)
    yield (
        f"考核摄像机位{whole['positions']}个，作准的在线率{say(f'by_{deciding}', 'zh')}为{_of(whole, deciding)}，"
        f"{_compared(told, whole)}；{others}。证据充分度为{_text_of(whole['evidence'])}；完好率本期数据未记录。"
    )
    for title, row in kinds:
        if row[deciding]["denominator"]:
            yield f"其中{title}机位{row['positions']}个，在线率为{_of(row, deciding)}，{_compared(told, row)}。"


def _text_of(share: dict[str, Any]) -> str:
    return str(share["text"]) if share["denominator"] else "无考核对象"


def _of(row: dict[str, Any], deciding: str) -> str:
    """With both whole numbers; of ms they stand in the annex."""
    return _text_of(row[deciding]) if deciding == "time" else _share(row[deciding])


def _compared(told: dict[str, Any], row: dict[str, Any]) -> str:
    change = row["change"]
    if not change:
        return change_of(row, told, "zh")
    if not change["hundredths"]:
        return f"与上月（{change['text']}）持平"
    word = "提高" if change["hundredths"] > 0 else "下降"
    return f"较上月（{change['text']}）{word}{change['points'].lstrip('+-')}个百分点"


# ---- 二 -----------------------------------------------------------------------------------------


def _places(told: dict[str, Any], tables: Sequence[Annex]) -> Iterator[tuple[str, str]]:
    deciding = told["settings"]["deciding"]
    rows = [row for row in told["rows"] if not row["kind"] and row["verdict"] != "NOT_ASSESSED"]
    rated = [row for row in rows if row[deciding]["denominator"]]
    whole = next(row for row in told["total"] if not row["kind"])
    passed = [row for row in rows if row["verdict"] == "PASSES"]
    mean = failing_first(whole[deciding]["numerator"], whole[deciding]["denominator"])
    above = [row for row in rated if _rank(row, deciding) > mean and row not in passed]
    yield "覆盖率和在线率均达到100%的：", f"{_names(passed)}。"
    yield "其他在线率高于全省平均水平的：", f"{_with_values(above, deciding)}。"
    last = sorted((r for r in rated if _rank(r, deciding) < 1), key=lambda row: _rank(row, deciding))[:LAST]
    yield "在线率未达到100%、排在后五位的：", f"{_last(last, rated, deciding)}。"
    risen = [row for row in rated if row["change"] and row["change"]["hundredths"] > 0]
    risen.sort(key=lambda row: -row["change"]["hundredths"])
    yield "较上月提升较快的：", f"{_risen(risen[:RISEN], told)}。"
    zero = [row for row in rows if row["verdict"] == "WOULD_SCORE_ZERO"]
    yield "按考核规则如今日考核不得分的：", _zero(zero, rows, tables)


def _rank(row: dict[str, Any], deciding: str) -> Any:
    return failing_first(row[deciding]["numerator"], row[deciding]["denominator"])


def _with_values(rows: Sequence[dict[str, Any]], deciding: str) -> str:
    return "、".join(f"{name_of(row['name'])}（{row[deciding]['text']}）" for row in rows) or "无"


def _last(rows: Sequence[dict[str, Any]], rated: Sequence[dict[str, Any]], deciding: str) -> str:
    """The worst first; those alike share a rank."""
    found = []
    for row in rows:
        rank = 1 + sum(_rank(other, deciding) > _rank(row, deciding) for other in rated)
        found.append(f"{name_of(row['name'])}（第{rank}位，{row[deciding]['text']}，{_main_cause(row)}）")
    return "、".join(found) or "无"


def _main_cause(row: dict[str, Any]) -> str:
    """The most frequent one of what is short of online."""
    cause = next((one for one in row["causes"] if one["what"] == "online"), None)
    return f"主要原因{say(cause['cause'], 'zh')}" if cause else "原因未记录"


def _risen(rows: Sequence[dict[str, Any]], told: dict[str, Any]) -> str:
    previous = told["about"]["previous"]
    if "why" in previous:
        return {"absent": "无上月数据", "other_settings": "口径与上月不同，不作比较"}[previous["why"]]
    return "、".join(f"{name_of(r['name'])}（{r['change']['points']}个百分点）" for r in rows) or "无"


def _zero(zero: Sequence[dict[str, Any]], rows: Sequence[dict[str, Any]], tables: Sequence[Annex]) -> str:
    unclear = [row for row in rows if row["verdict"] == "INSUFFICIENT"]
    more = f"另有{len(unclear)}个因平台自身故障证据不足，不作结论：{_names(unclear)}。" if unclear else ""
    if not zero:
        return f"无（共{len(rows)}个地区）。{more}"
    first = "、".join(f"{name_of(row['name'])}（{_first(row)}）" for row in zero)
    annex = _number(tables, "counties")
    return f"{len(rows)}个地区中有{len(zero)}个：{first}。各县（市、区）未达标项见附件{annex}。{more}"


def _first(row: dict[str, Any]) -> str:
    return item(row["first"][0], "zh") if row["first"] else "原因未记录"


# ---- 三、四 -------------------------------------------------------------------------------------


def _trouble(told: dict[str, Any]) -> Iterator[str]:
    listed, silent = told["long_offline"], told["silent"]
    if listed:
        positions, lasting = sum(one["positions"] for one in listed), sum(one["lasting"] for one in listed)
        yield f"连续离线超过7天的摄像机{positions}路，涉及单位{len(listed)}家，其中月末仍离线{lasting}路。"
    else:
        yield "没有连续离线超过7天的摄像机。"
    yield (
        f"月末24小时没有任何数据的摄像机{silent['positions']}路，涉及单位{silent['units']}家（网关失联等）。"
        "网关台数、密码变更、画面异常本期数据未记录。"
    )
    away = told["center_away"]
    if away:
        worst = max(one["ms"] for one in away)
        yield (
            f"平台自身故障涉及{len(away)}个市级接入区，最长{length(worst, 'zh')}；平台自身故障的时段不计为网关静默，"
            "证据不足的不作考核结论。"
        )
    else:
        yield "本月平台自身没有故障。"
    gone = told["withdrawn"]
    if gone["positions"]:
        yield f"网关陈述自相矛盾、不予采信的机位{gone['positions']}个，时长共{length(gone['ms'], 'zh')}。"
    else:
        yield "没有因自相矛盾而不予采信的网关陈述。"
    yield from _late(told)
    yield from _spot_checks(told["about"]["spot_checks"])


def _late(told: dict[str, Any]) -> Iterator[str]:
    about = told["about"]
    if about["revision"] is None:
        yield "本期为暂定数据，定稿前到达的数据仍可计入。"
    elif not about["late"]:
        yield "定稿后没有会改变数字的迟到数据。"
    else:
        more = about["late"].get("on_ms", 0)
        word = "增加" if more > 0 else "减少"
        yield (
            f"定稿后到达的迟到数据未计入；如计入，全省在线时长将{word}{length(abs(more), 'zh')}。"
            if more
            else "定稿后到达的迟到数据未计入；如计入，全省在线时长不变，其他数字会有变化。"
        )
    if about["revision"]:
        yield f"本期为第{about['revision']}次修订，理由：{name_of(about['reason'])}。"


def _spot_checks(checks: Sequence[dict[str, Any]]) -> Iterator[str]:
    if not checks:
        yield "本月没有人工抽查记录。"
    for one in checks:
        share, bound = one["share"], one["bound"]
        head = f"人工抽查（种子“{name_of(one['seed'])}”）抽取{one['drawn']}次，实际打开或未能打开{one['tried']}次"
        if share["denominator"]:
            yield (
                f"{head}，与平台计算一致{_share(share)}，95%置信区间{bound['low']}至{bound['high']}；"
                f"计为在线而打不开{one['not_opened']}次，计为离线而能打开{one['opened']}次。"
            )
        else:
            yield f"{head}，没有可与平台计算比对的结果。"


def _next(tables: Sequence[Annex]) -> Iterator[str]:
    counties, offline = _number(tables, "counties"), _number(tables, "offline")
    yield f"各地要对照附件{counties}逐项核实未达标的县（市、区）和首要单位，限期整改。"
    yield f"对附件{offline}所列连续离线单位，要逐家上门查明原因，恢复在线；确需停机的，事先按规定报批。"
    yield "对本通报数字有异议的，请在收到后提出，由平台按原始记录复核；任何人均可用公布的数据重新计算。"


def _number(tables: Sequence[Annex], name: str) -> int:
    """The number of the annex of counties, or of the units offline for long: the last but two, the last but one."""
    return tables[-3 if name == "counties" else -2].number


def _list(tables: Sequence[Annex]) -> Iterator[Paragraph]:
    for one in tables:
        lead = "附件：" if one.number == 1 else ""
        yield Paragraph("annexes" if lead else "annex", f"{lead}{one.number}.{one.title}")
