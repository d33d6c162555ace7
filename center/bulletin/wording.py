"""How the bulletin's figures are written for people: names, shares, lengths of time, causes. None is computed here."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from center.show import word
from contract.policy import Policy
from contract.text import lasted, tidy

NAME_LIMIT = 120
READINGS = ("time", "days", "spot")
TEXTS = {
    "none": ("无", "none"),
    "not_recorded": ("未记录", "not recorded"),
    "no_last_month": ("无上月数据", "no last month"),
    "other_settings": ("口径与上月不同", "other definition than last month"),
    "no_figure": ("无上月数字", "no figure last month"),
    "month_begin": ("月初或更早", "the month's begin or before"),
    "by_time": ("按时长", "by time"),
    "by_days": ("按日", "by days"),
    "by_spot": ("按抽查", "by spot instants"),
    "offline": ("离线", "offline"),
    "unknown": ("无数据", "nothing known"),
    "center_away": ("平台自身故障", "the center was away"),
    "no_position": ("未设点位", "no position"),
    "never_seen": ("从未上线", "never seen"),
    "own_units": ("省属学校", "provincial level"),
}


def say(name: str, lang: str) -> str:
    return TEXTS[name][lang != "zh"]


def name_of(text: str) -> str:
    """A name from the registry: one bounded line in which nothing turns the reading direction round."""
    return tidy(text, NAME_LIMIT)


def bare(share: dict[str, Any], lang: str) -> str:
    """A share in a column of per cent; what has nothing to be assessed has none."""
    return say("none", lang) if not share["denominator"] else str(share["text"]).removesuffix("%")


def change_of(row: dict[str, Any], told: dict[str, Any], lang: str) -> str:
    """环比 in percentage points, or why there is none: never nought instead."""
    if row["change"]:
        return str(row["change"]["points"])
    why = told["about"]["previous"].get("why")
    return say({"absent": "no_last_month", "other_settings": "other_settings"}.get(why, "no_figure"), lang)


def moment(text: str, told: dict[str, Any], lang: str) -> str:
    """A time of the data as day and minute; what lasts since the month's begin may have begun before."""
    if text == told["about"]["from"]:
        return say("month_begin", lang)
    return f"{datetime.fromisoformat(text):%m-%d %H:%M}"


def length(ms: int, lang: str) -> str:
    return lasted(ms, lang)


def item(one: dict[str, Any], lang: str) -> str:
    """One thing that stands against a full score: whose, where, why."""
    return f"{name_of(one['name'])} {name_of(one['zone'])}".rstrip() + f"：{say(one['cause'], lang)}"


def kinds_of(policy: Policy, lang: str) -> Iterator[tuple[str, str]]:
    """(id, title) of the kinds of unit that count, in the order of the policy."""
    return ((kind.id, kind.title.zh if lang == "zh" else kind.title.en) for kind in policy.kinds if kind.counts)


def verdict(row: dict[str, Any], lang: str) -> str:
    return word(row["verdict"], lang)
