"""One cell's text as a value, forgiving what spreadsheets do to it, refusing what they spoilt. Pure.

Times without an offset are those of Asia/Shanghai. Raises Wrong.
"""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise

from center.rate import SHANGHAI, TOO_LATE_MS, local, moment_ms, to_ms
from center.registry.problems import Wrong

Value = str | int | None
Parse = Callable[[str], Value]

MAX_ID, MAX_TEXT, MAX_NOTE = 300, 200, 1000
_WIDE = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20, 0xA0: 0x20, 0x2212: 0x2D}
"""Full-width forms, as Chinese input methods write them, and the characters that they are."""
_POWER = re.compile(r"[0-9](\.[0-9]+)?[Ee]\+?[0-9]+")
_LISTED = re.compile(r"[、,;/\n]+")
_SERIAL = re.compile(r"[2-7][0-9]{4}(\.[0-9]+)?")
"""Days since 1899-12-30, of 1954 to 2119."""
_WEEKDAY = re.compile(r"[ ]*(星期|周|礼拜)[一二三四五六日天]")
_DATE = re.compile(r"([0-9]{4})[ ]*[-/.年][ ]*([0-9]{1,2})[ ]*[-/.月][ ]*([0-9]{1,2})[ ]*[日号]?")
_NAMED = re.compile(r"([0-9]{1,2})[- ]([A-Za-z]{3})[A-Za-z]*[- ]([0-9]{4})")
_TIME = re.compile(
    r"[T ]*(上午|下午)?[ ]*([0-9]{1,2})[:时点](?:([0-9]{1,2})[:分]?)?(?:([0-9]{1,2})(?:\.([0-9]{1,3}))?秒?)?"
    r"[ ]*([AaPp][Mm])?[ ]*(Z|[+-][0-9]{2}:?[0-9]{2})?"
)
_DAYS_FIRST = re.compile(r"[0-9]{1,2}[/.-][0-9]{1,2}[/.-][0-9]{2,4}.*")
_MONTHS = {
    name: i
    for i, name in enumerate(["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], 1)
}
_DIGITS = {ord(c): str(i) for i, c in enumerate("〇一二三四五六七八九")} | {ord("零"): "0", ord("○"): "0"}
_NUMERALS = re.compile(r"[〇零○一二三四五六七八九]{4}年[一二三四五六七八九十]{1,3}月[一二三四五六七八九十]{1,4}日")
_WINDOW = re.compile(r"([0-9]{1,2}):([0-9]{2})[-~–—至到]([0-9]{1,2}):([0-9]{2})")


def narrow(text: str) -> str:
    """Full-width digits, letters and signs as ASCII, without the spaces around."""
    return text.translate(_WIDE).strip()


def text_of(limit: int, *, required: bool) -> Parse:
    """Printable, on one line."""

    def parse(raw: str) -> str:
        text = " ".join(raw.replace("\u3000", " ").split())
        if (required and not text) or len(text) > limit or not text.isprintable():
            raise Wrong("text", str(1 if required else 0), str(limit))
        return _no_boolean(text)

    return parse


def identity(raw: str) -> str:
    """A number or name that is given once and never changes."""
    text = narrow(raw)
    if _POWER.fullmatch(text):
        raise Wrong("power", text)
    if not text or len(text) > MAX_ID or not text.isprintable():
        raise Wrong("text", "1", str(MAX_ID))
    return _no_boolean(text)


def _no_boolean(text: str) -> str:
    """As a workbook shows a truth value: no name and no id."""
    if text in ("TRUE", "FALSE"):
        raise Wrong("boolean", text)
    return text


def matching(pattern: str) -> Parse:
    """An id of the contract, such as a gateway's."""
    whole = re.compile(pattern.removeprefix("^").removesuffix("$"))

    def parse(raw: str) -> str:
        if whole.fullmatch(raw):
            return raw
        text = narrow(raw)
        if whole.fullmatch(text):
            return text
        if _POWER.fullmatch(text):
            raise Wrong("power", text)
        raise Wrong("pattern", repr(text[:MAX_TEXT]), pattern)

    return parse


def chosen(names: dict[str, str]) -> Parse:
    """One of `names`, in any language that it has one in."""

    def parse(raw: str) -> str:
        found = names.get(narrow(raw).lower())
        if found is None:
            raise Wrong("choice", repr(raw[:MAX_TEXT]), ", ".join(names))
        return found

    return parse


def listed(raw: str) -> str:
    """Several names, however they are set apart, as "a、b"; each once."""
    parts = (_no_boolean(" ".join(part.split())) for part in _LISTED.split(raw.translate(_WIDE)))
    text = "、".join(dict.fromkeys(part for part in parts if part))
    if len(text) > MAX_NOTE or not text.isprintable():
        raise Wrong("text", "0", str(MAX_NOTE))
    return text


def telephone(raw: str) -> str:
    text = narrow(raw)
    if _POWER.fullmatch(text):
        raise Wrong("power", text)
    if text and not re.fullmatch(r"[0-9+() /、,;x转-]{3,60}", text):
        raise Wrong("telephone", repr(text[:MAX_TEXT]))
    return text


def national(raw: str) -> str:
    """A camera's id at a GB/T 28181 platform: 20 digits, or none."""
    text = narrow(raw)
    if _POWER.fullmatch(text):
        raise Wrong("power", text)
    if text and not re.fullmatch("[0-9]{20}", text):
        raise Wrong("national", repr(text[:MAX_TEXT]))
    return text


# ---- days and times -----------------------------------------------------------------------------


def moment(raw: str) -> int:
    """UTC ms."""
    text = narrow(raw)
    try:
        return moment_ms(text, SHANGHAI)  # ISO 8601, and the compact 20260901
    except ValueError:
        pass
    try:
        ms = _written(text)
    except (ValueError, OverflowError):
        raise Wrong("time", repr(raw[:40])) from None
    if not 0 <= ms < TOO_LATE_MS:
        raise Wrong("time", repr(raw[:40]))
    return ms


def day(raw: str) -> str:
    """The local day as YYYY-MM-DD; what has a time of day is none."""
    ms = moment(raw)
    if (ms + 8 * 3_600_000) % 86_400_000:
        raise Wrong("day", repr(raw[:40]))
    return f"{local(ms):%Y-%m-%d}"


def _written(text: str) -> int:
    """As Excel shows dates in a Chinese or English setting, or the number behind them."""
    if _SERIAL.fullmatch(text):
        midnight = datetime(1899, 12, 30, tzinfo=SHANGHAI)
        return to_ms(midnight + timedelta(seconds=round(float(text) * 86_400)))
    text = _WEEKDAY.sub("", _digits(text))
    found, order = _DATE.match(text), (1, 2, 3)
    if not found:
        found, order = _NAMED.match(text), (3, 2, 1)
    if not found:
        raise Wrong("daysfirst" if _DAYS_FIRST.fullmatch(text) else "time", repr(text[:40]))
    year, month, number = (found[i] for i in order)
    at = datetime(int(year), _MONTHS.get(month.lower(), 0) or int(month), int(number), tzinfo=SHANGHAI)
    rest = text[found.end() :].strip()
    return to_ms(_at_time(at, rest) if rest else at)


def _at_time(at: datetime, text: str) -> datetime:
    found = _TIME.fullmatch(text)
    if not found:
        raise ValueError(text)
    before, hour, minute, second, part, after, offset = found.groups()
    half, number = (before or after or "").lower(), int(hour)
    if half:
        if not 1 <= number <= 12:
            raise ValueError(text)
        number = number % 12 + (12 if half in ("下午", "pm") else 0)
    at = at.replace(hour=number, minute=int(minute or 0), second=int(second or 0))
    at += timedelta(milliseconds=int((part or "0").ljust(3, "0")))
    return at.replace(tzinfo=datetime.fromisoformat(f"2000-01-01T00{offset}").tzinfo) if offset else at


def _digits(text: str) -> str:
    """二〇二六年九月十一日 as 2026年9月11日."""
    if not _NUMERALS.match(text):
        return text
    year, _, rest = text.partition("年")
    month, _, rest = rest.partition("月")
    number, _, rest = rest.partition("日")
    return f"{year.translate(_DIGITS)}年{_tens(month)}月{_tens(number)}日{rest}"


def _tens(text: str) -> int:
    tens, ten, ones = text.rpartition("十")
    return (int(tens.translate(_DIGITS) or 1) * 10 if ten else 0) + int(ones.translate(_DIGITS) or 0)


def written(ms: int) -> str:
    """As `moment` reads it, to the ms."""
    at = local(ms)
    if ms % 1000:
        return at.isoformat(" ", "milliseconds")
    return f"{at:%Y-%m-%d %H:%M:%S}" if at.second else f"{at:%Y-%m-%d %H:%M}"


# ---- calendars ----------------------------------------------------------------------------------


def weekdays(raw: str) -> str:
    """Of "1-5", "1,3,5" or 一三五 as digits, 1 is Monday; empty: every day."""
    text = re.sub("星期|周|礼拜", "", narrow(raw)).translate({**_DIGITS, ord("日"): "7", ord("天"): "7"})
    text = re.sub("[至到~–—]", "-", text)
    found: set[int] = set()
    for part in re.split("[、,; ]+", text):
        if ranged := re.fullmatch("([1-7])-([1-7])", part):
            found |= set(range(int(ranged[1]), int(ranged[2]) + 1)) or _wrong_weekdays(raw)
        elif re.fullmatch("[1-7]*", part):
            found |= {int(digit) for digit in part}
        else:
            _wrong_weekdays(raw)
    return "".join(str(number) for number in sorted(found)) if len(found) < 7 else ""


def _wrong_weekdays(raw: str) -> set[int]:
    raise Wrong("weekdays", repr(raw[:40]))


def hours(raw: str) -> str:
    """Of "06:30-19:00", several of them apart, in order; empty: closed; 0:00-24:00 the whole day."""
    text = narrow(raw)
    if text in ("", "休", "closed", "放假", "停业"):
        return ""
    windows: list[tuple[int, int]] = []
    for part in re.split("[、,; \n]+", text):
        found = _WINDOW.fullmatch(part)
        if not found:
            raise Wrong("hours", repr(raw[:60]))
        begin, end = (int(found[i]) * 60 + int(found[i + 1]) for i in (1, 3))
        if not (int(found[2]) < 60 and int(found[4]) < 60 and begin < end <= 1440):
            raise Wrong("hours", repr(raw[:60]))
        windows.append((begin, end))
    windows.sort()
    if any(end > begin for (_, end), (begin, _) in pairwise(windows)):
        raise Wrong("hours", repr(raw[:60]))
    return "、".join(f"{b // 60:02d}:{b % 60:02d}-{e // 60:02d}:{e % 60:02d}" for b, e in windows)
