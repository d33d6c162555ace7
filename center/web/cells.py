"""Figures and times as cells of tables. What is unknown or not assessed is said, never left out."""

from fractions import Fraction

from center.absent import CAUSES, Absent
from center.days.engine import Assessed, Row
from center.rate import Count, percent
from center.readings import NAMES, Name
from center.show import failing_first, word
from center.web.tables import Cell
from contract.reasons import advice
from contract.vocabulary import MARKS as SIGNS
from contract.vocabulary import Clause, Standing

VERDICTS = ("WOULD_SCORE_ZERO", "INSUFFICIENT", "PASSES", "NOT_ASSESSED")
"""The failing first."""
MARKS = {"WOULD_SCORE_ZERO": "bad", "INSUFFICIENT": "doubt", "PASSES": "good", "NOT_ASSESSED": ""}
STATES = {"offline": "bad", "unknown": "doubt", "never_seen": "doubt"}
TO_DO = {
    "unbound": ("请在登记表中填写该点位接入的网关和网关点位。", "Register the gateway and the slot of this position."),
    "never": ("请检查网关供电和网络，按安装说明接入。", "Check power and network of the gateway, and enrol it."),
    "untold": ("请核对网关配置中的点位编号。", "Check the slot in the gateway's configuration."),
    "silent": (
        "请检查网关供电和网络：现场看网关指示灯、网线和交换机。",
        "Check power and network of the gateway: its light, its cable, the switch.",
    ),
    "left": ("网关被停止：请通知运维重新启动。", "The gateway was stopped: have it started again."),
    "restarted": ("网关刚重启，请等待几分钟。", "The gateway has just restarted: wait some minutes."),
    "": ("请联系运维查明原因。", "Have the cause looked into."),
}


def to_do(cause: str, lang: str) -> str:
    """What the person who stands before it can do."""
    told = advice(cause, Clause.ONLINE, lang)
    return TO_DO[cause if cause in CAUSES else ""][lang == "en"] if told == cause else told


def share(numerator: int, denominator: int, lang: str, mark: str = "") -> Cell:
    if not denominator:
        return Cell("not assessed" if lang == "en" else "不考核", failing_first(0, 0))
    return Cell(percent(numerator, denominator), Fraction(numerator, denominator), mark=mark)


def rate_title(name: Name, deciding: Name, lang: str) -> str:
    """A star marks the reading that decides."""
    between = " · " if lang == "en" else "·"
    return f"{word('rate', lang)}{between}{word(f'reading_{name}', lang)}{'*' * (name == deciding)}"


def verdict(row: Assessed, lang: str) -> Cell:
    return Cell(word(row.verdict, lang), VERDICTS.index(row.verdict), mark=f"{MARKS[row.verdict]} whole".strip())


def readings(row: Assessed | Row) -> dict[Name, tuple[int, int]]:
    """Name -> numerator and denominator."""
    return {
        "time": (row.on_ms, row.e_ms),
        "days": (row.days_online, row.days),
        "spot": (row.spots_online, row.spots),
    }


def reading_cells(row: Assessed | Row, lang: str) -> list[Cell]:
    its = readings(row)
    return [share(*its[name], lang) for name in NAMES]


def change(now: tuple[int, int], before: tuple[int, int], lang: str) -> Cell:
    """In percentage points: the difference of the two as they are printed, as in the bulletin, so that a reader can
    check it.
    """
    if not now[1] or not before[1]:
        return Cell("none" if lang == "en" else "无", Fraction(-1000))
    hundredths = _hundredths(*now) - _hundredths(*before)
    sign = "+" if hundredths > 0 else "-" if hundredths < 0 else ""
    return Cell(f"{sign}{abs(hundredths) // 100}.{abs(hundredths) % 100:02d}", Fraction(hundredths))


def _hundredths(numerator: int, denominator: int) -> int:
    return int(percent(numerator, denominator).rstrip("%").replace(".", ""))


def standing(count: Count, lang: str) -> Cell:
    """How many of those in service are online; words, not only a colour."""
    if not count.registered:
        return Cell(word("no_position", lang), 2, mark="doubt")
    mark = "good" if count.online == count.registered else "bad" if count.offline else "doubt"
    sign = "●" if mark == "good" else SIGNS[Standing.NOT_MET] if mark == "bad" else SIGNS[Standing.UNKNOWN]
    return Cell(f"{sign} {count.online}/{count.registered}", Fraction(count.online, count.registered), mark=mark)


def state(one: Absent, lang: str) -> Cell:
    return Cell(word(one.state, lang), mark=STATES[one.state])


def telephone(number: str) -> Cell:
    """It can be called from the page where it is one."""
    plain = "".join(c for c in number if c in "+0123456789")
    return Cell(number, link=f"tel:{plain}" if len(plain) >= 5 else "", mark="whole")
