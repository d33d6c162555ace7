"""The bulletin's annexes as tables of text and whole numbers, for the letter, the page and the workbook alike. Pure.

1, 2 …: one for each kind of unit that counts, the total first, then the rows of the notice in its order. Then the
counties that are short of 100 %, the units offline for more than seven days, and how all of it is computed and checked.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from center.bulletin.wording import (
    READINGS,
    bare,
    change_of,
    item,
    kinds_of,
    length,
    moment,
    name_of,
    say,
    verdict,
)
from center.show import word
from contract.policy import Policy

Cell = str | int
HEADS = {
    "number": ("序号", "no."),
    "place": ("地区", "place"),
    "city": ("市", "city"),
    "county": ("县（市、区）", "county"),
    "kind": ("类别", "kind"),
    "unit": ("单位", "unit"),
    "obligated": ("应建（家）", "obligated"),
    "covered": ("已建（家）", "covered"),
    "coverage": ("覆盖率（%）", "coverage (%)"),
    "positions": ("机位（个）", "positions"),
    "evidence": ("证据充分度（%）", "evidence (%)"),
    "sound": ("完好率（%）", "sound (%)"),
    "change": ("较上月（百分点）", "on last month (points)"),
    "verdict": ("考核判定", "verdict"),
    "first": ("首要未达标事项", "first failing item"),
    "short": ("未达标项", "short of 100 %"),
    "value": ("数值（%）", "value (%)"),
    "of": ("分子/分母", "of"),
    "first_unit": ("首要单位", "first unit"),
    "cause": ("首要原因", "main cause"),
    "since": ("自何时", "since"),
    "offline": ("离线（路）", "offline"),
    "lasting": ("月末仍离线（路）", "offline to the end"),
    "longest": ("最长持续", "longest"),
    "what": ("项目", "what"),
    "says": ("内容", "says"),
}
TITLES = {
    "kind": ("{0}情况表", "{0}"),
    "counties": ("未达到100%的县（市、区）及首要原因", "counties short of 100 %"),
    "offline": ("连续离线7天以上单位", "units offline for more than 7 days"),
    "how": ("统计口径和数据校验", "how it is computed and checked"),
}

UNITS = {"s": ("秒", "s"), "h": ("小时", "h"), "month": ("个月", "months"), "1/d": ("次/日", "a day")}
CHOICES = {
    "24x7": "全天候",
    "calendar": "按校历",
    "visible": "计为未知",
    "local": "采信网关所述",
    "time": "按时长",
    "days": "按日",
    "spot": "按抽查",
}
PARTS = {
    "positions": "机位",
    "ms": "毫秒",
    "city": "接入区",
    "month": "月份",
    "revision": "修订次数",
    "sha256": "SHA-256",
    "e_ms": "应在线毫秒",
    "on_ms": "在线毫秒",
    "off_ms": "离线毫秒",
    "days": "机位·日",
    "days_online": "在线机位·日",
}
STATED = {
    "month": "月份",
    "from": "起",
    "until": "止",
    "state": "状态（provisional 暂定，final 终稿）",
    "revision": "修订次数（0 为首次定稿）",
    "final_at": "定稿时间",
    "by": "定稿人",
    "reason": "修订理由",
    "late": "定稿后到达的数据会带来的变化",
    "previous": "上月通报",
    "withdrawn": "不予采信的陈述",
    "center_away": "平台自身故障（按市级接入区）",
    "version": "程序版本",
}


class Annex(NamedTuple):
    """`widths`: of the columns, in mm of a page of 225. `centred`: columns of figures and short words. `more`: whole
    numbers beside each row, for the workbook. `note`: below the table.
    """

    number: int
    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    widths: tuple[int, ...]
    centred: frozenset[int]
    note: str = ""
    more_heads: tuple[str, ...] = ()
    more: tuple[tuple[Cell, ...], ...] = ()


def annexes(told: dict[str, Any], policy: Policy, digest: str, lang: str = "zh") -> list[Annex]:
    """`told`: the bulletin as it reads; `digest`: the sha256 of its file."""
    tables = [_of_kind(told, kind, title, lang) for kind, title in kinds_of(policy, lang)]
    tables += [_counties(told, policy, lang), _offline(told, policy, lang), _how(told, policy, digest, lang)]
    return [one._replace(number=number) for number, one in enumerate(tables, 1)]


def _heads(lang: str, *names: str) -> tuple[str, ...]:
    return tuple(HEADS[name][lang != "zh"] for name in names)


def _title(name: str, lang: str, *words: str) -> str:
    return TITLES[name][lang != "zh"].format(*words)


# ---- a kind of unit -----------------------------------------------------------------------------


def _of_kind(told: dict[str, Any], kind: str, title: str, lang: str) -> Annex:
    deciding = told["settings"]["deciding"]
    places = [row for row in (*told["total"], *told["rows"]) if row["kind"] == kind]
    shares = tuple(
        f"{word('rate', lang)}{say(f'by_{name}', lang)}（%）{'*' * (name == deciding)}"
        if lang == "zh"
        else f"{say(f'by_{name}', lang)} (%){'*' * (name == deciding)}"
        for name in READINGS
    )
    heads = (
        *_heads(lang, "number", "place", "obligated", "covered", "coverage", "positions"),
        *shares,
        *_heads(lang, "evidence", "sound", "change", "verdict", "first"),
    )
    pairs = ("coverage", *READINGS, "evidence")
    more_heads = tuple(f"{name} {part}" for name in pairs for part in ("numerator", "denominator"))
    return Annex(
        0,
        _title("kind", lang, title),
        heads,
        tuple(_place(row, told, lang) for row in places),
        (9, 24, 12, 12, 15, 13, 16, 16, 16, 16, 15, 17, 15, 29),
        frozenset({0, *range(2, 13)}),
        f"{word('star', lang)}" + ("；完好率：本期数据未记录" if lang == "zh" else "; sound: not recorded"),
        more_heads,
        tuple(tuple(row[name][part] for name in pairs for part in ("numerator", "denominator")) for row in places),
    )


def _place(row: dict[str, Any], told: dict[str, Any], lang: str) -> tuple[Cell, ...]:
    nothing = row["verdict"] == "NOT_ASSESSED"
    return (
        *(row["place"] or "", name_of(row["name"]) or word("total", lang)),
        *(row["obligated"], row["covered"], bare(row["coverage"], lang), row["positions"]),
        *(bare(row[name], lang) for name in READINGS),
        *(bare(row["evidence"], lang), say("none" if nothing else "not_recorded", lang)),
        say("none", lang) if nothing else change_of(row, told, lang),
        *(verdict(row, lang), item(row["first"][0], lang) if row["first"] else ""),
    )


# ---- counties, units ----------------------------------------------------------------------------


def _cities(told: dict[str, Any]) -> dict[str, str]:
    return {row["code"]: name_of(row["name"]) for row in told["rows"]}


def _city(code: str, cities: dict[str, str]) -> str:
    """The row of the notice that a county counts in: its city, or itself where the province governs it directly."""
    return cities.get(code) or cities.get(code[:4], "")


def _counties(told: dict[str, Any], policy: Policy, lang: str) -> Annex:
    titles, cities = dict(kinds_of(policy, lang)), _cities(told)
    rows = [cells for row in told["counties"] if row["kind"] in titles for cells in _short(row, told, lang)]
    return Annex(
        0,
        _title("counties", lang),
        _heads(lang, "number", "city", "county", "kind", "short", "value", "of", "first_unit", "cause", "since"),
        tuple(
            (number, _city(row["code"], cities), name_of(row["name"]), titles[row["kind"]], *cells)
            for number, (row, cells) in enumerate(rows, 1)
        ),
        (9, 21, 25, 24, 17, 17, 24, 40, 26, 22),
        frozenset({0, 4, 5, 6, 9}),
        _none(rows, lang),
    )


def _short(row: dict[str, Any], told: dict[str, Any], lang: str) -> Iterator[tuple[dict[str, Any], tuple[Cell, ...]]]:
    """A line for coverage, one for the deciding rate, where they are short; each with its most frequent cause."""
    for what, share in (("coverage", row["coverage"]), ("online", row[told["settings"]["deciding"]])):
        if share["numerator"] < share["denominator"]:
            cause = next((one for one in row["causes"] if one["what"] == what), None)
            since = cause["offline_since"] if cause else None
            yield (
                row,
                (
                    *(word("coverage" if what == "coverage" else "rate", lang), bare(share, lang)),
                    f"{share['numerator']}/{share['denominator']}",
                    f"{name_of(cause['name'])} {name_of(cause['zone'])}".rstrip() if cause else "",
                    f"{say(cause['cause'], lang)}×{cause['count']}" if cause else say("not_recorded", lang),
                    moment(since, told, lang) if since else "—",
                ),
            )


def _offline(told: dict[str, Any], policy: Policy, lang: str) -> Annex:
    titles = dict(kinds_of(policy, lang))
    rows = tuple(
        (
            *(number, name_of(one["city"]), name_of(one["county"]), name_of(one["name"])),
            *(titles.get(one["kind"], one["kind"]), one["positions"], one["lasting"]),
            *(moment(one["since"], told, lang), length(one["longest_ms"], lang)),
        )
        for number, one in enumerate(told["long_offline"], 1)
    )
    heads = _heads(lang, "number", "city", "county", "unit", "kind", "offline", "lasting", "since", "longest")
    widths, centred = (10, 25, 30, 60, 26, 18, 20, 18, 18), frozenset({0, 5, 6, 7, 8})
    return Annex(0, _title("offline", lang), heads, rows, widths, centred, _none(rows, lang))


def _none(rows: object, lang: str) -> str:
    return "" if rows else say("none", lang)


# ---- how ----------------------------------------------------------------------------------------


def _how(told: dict[str, Any], policy: Policy, digest: str, lang: str) -> Annex:
    return Annex(
        0,
        _title("how", lang),
        _heads(lang, "what", "says"),
        (*_definition(told, policy, lang), *_checked(told, digest, lang)),
        (75, 150),
        frozenset(),
        ("任何人可按 HOW-TO.txt 以 DuckDB 重新计算，逐字节核对", "HOW-TO.txt says how to recompute it")[lang != "zh"],
    )


def _definition(told: dict[str, Any], policy: Policy, lang: str) -> Iterator[tuple[str, str]]:
    zh = lang == "zh"
    yield ("依据" if zh else "regulation", name_of(policy.document))
    for entry in (getattr(policy.rate, name) for name in policy.rate.__struct_fields__):
        title = entry.title.zh if zh else entry.title.en
        yield (
            f"{title}（{entry.clause}）",
            f"{_value(entry.value, zh=zh)} {UNITS.get(entry.unit, ('', ''))[not zh]}".rstrip(),
        )
    whole = next(row for row in told["total"] if not row["kind"])
    units = {"time": "ms", "days": "机位·日" if zh else "camera-days", "spot": "次" if zh else "instants"}
    for name in READINGS:
        share = whole[name]
        yield (
            f"{word('rate', lang)}{say(f'by_{name}', lang)}",
            f"{share['text']}（{share['numerator']}/{share['denominator']} {units[name]}）",
        )
    share = whole["evidence"]
    yield word("evidence", lang), f"{share['text']}（{share['numerator']}/{share['denominator']} ms）"


def _value(value: Any, *, zh: bool) -> str:
    return f"{value:g}" if isinstance(value, int | float) else CHOICES.get(value, value) if zh else str(value)


def _checked(told: dict[str, Any], digest: str, lang: str) -> Iterator[tuple[str, str]]:
    """What the center states, and the hashes; of the spans of each day the list is SHA256SUMS."""
    for key, title in STATED.items():
        value = told["about"].get(key, told.get(key))
        if key == "previous" and "why" in value:
            value = say({"absent": "no_last_month"}.get(value["why"], value["why"]), lang)
        yield title if lang == "zh" else key, _text(value, lang) or say("none", lang)
    yield "SHA-256 bulletin.json", digest
    spans = [name for name in told["hashes"] if name.startswith(("data/spans/", "data/heard/"))]
    yield from ((f"SHA-256 {name}", value) for name, value in told["hashes"].items() if name not in spans)
    yield "SHA-256 data/spans, data/heard", f"{len(spans)}: SHA256SUMS"


def _text(value: Any, lang: str) -> str:
    if isinstance(value, dict):
        names = PARTS if lang == "zh" else {}
        return "; ".join(f"{names.get(key, key)} {_text(one, lang)}" for key, one in value.items())
    if isinstance(value, list):
        return "; ".join(_text(one, lang) for one in value)
    return "" if value is None else name_of(str(value))
