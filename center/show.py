"""The center's words, lines and tables for people, in Chinese and English. Only here is rich known.

Where the figures come from must not be known here.
"""

from collections.abc import Iterator, Sequence

from center.rate import Count, local, percent
from center.report import Report, Row

TEXTS = {
    "registered": ("应有点位", "registered"),
    "online": ("在线", "online"),
    "offline": ("离线", "offline"),
    "unknown": ("未知", "unknown"),
    "never_seen": ("从未上线", "never seen"),
    "share": ("当前在线比例", "online now"),
    "rate": ("在线率", "online rate"),
    "time": ("在线率（时长加权）", "online rate (time-weighted)"),
    "evidence": ("证据充分度", "evidence"),
    "upper": ("上限", "upper bound"),
    "name": ("名称", "name"),
    "slots": ("点位", "slots"),
    "total": ("合计", "total"),
    "month": ("月份", "month"),
    "until": ("截至", "until"),
    "added": ("新增", "added"),
    "changed": ("变更", "changed"),
    "ended": ("其中终止", "of these ended"),
    "unchanged": ("不变", "unchanged"),
    "absent": ("文件中没有（保持原样）", "not in the file (left as they are)"),
    "line": ("第{}行", "line {}"),
    "alarm": ("告警", "alarm"),
    "gateway": ("网关", "gateway"),
    "reason": ("原因", "reason"),
    "times": ("次数", "times"),
    "last": ("最近一次", "last"),
    "seq": ("序号", "seq"),
    "aside": ("搁置的消息", "set aside"),
    "none_aside": ("没有搁置的消息，也没有告警", "nothing set aside, no alarm"),
    "done": ("已执行", "done"),
    "unsupported": ("网关不认识此命令", "the gateway does not know this command"),
    "refused": ("网关拒绝", "the gateway refuses"),
    "failed": ("执行失败", "failed"),
    "no_answer": ("没有答复", "no answer"),
    "not_sent": ("命令未发出", "not sent"),
    "csv_large": ("超过 {} 字节", "larger than {} bytes"),
    "csv_encoding": ("既不是 UTF-8，也不是 GB 18030", "neither UTF-8 nor GB 18030"),
    "csv_damaged": ("字符损坏：文件到此处为止是 UTF-8", "a damaged character: the file is UTF-8 up to here"),
    "csv_none": ("不是 CSV：{}", "not a CSV: {}"),
    "csv_fields": ("有 {} 个字段，应为 {} 个", "{} fields instead of {}"),
    "csv_missing": ("缺少列 {}", "column {} is missing"),
    "csv_unknown": ("没有这样的列：{}", "unknown column {}"),
    "csv_twice": ("列 {} 出现两次", "column {} stands twice"),
    "csv_pattern": ("{} 的值 {} 不符合 {}", "{} {} does not match {}"),
    "csv_text": ("{} 须为 1 至 {} 个可显示字符", "{} must be 1 to {} printable characters"),
    "csv_kind": ("kind 的值 {} 须为以下之一：{}", "kind {} is none of {}"),
    "csv_time": (
        "{} 的值 {} 不是时间，应如 2026-09-01T08:00:00+08:00 或 2026-09-01 08:00",
        "{} {} is not a time such as 2026-09-01T08:00:00+08:00 or 2026-09-01 08:00",
    ),
    "csv_ended": ("ended_at 早于 accepted_at", "ended_at lies before accepted_at"),
    "csv_again": ("网关 {} 的点位 {} 已在第{}行", "gateway {}: slot {} stands in line {} already"),
    "csv_cities": (
        "网关 {} 在此属于 {}，而前面或已登记的属于 {}",
        "gateway {} is in city {} here and in {} above, or as registered",
    ),
    "csv_overlap": (
        "网关 {} 的点位 {} 自 {} 起已在服务：请在那一行填写 ended_at（若其 accepted_at 有误，填同一时间）",
        "gateway {}: slot {} is in service since {}: give that row an ended_at (its accepted_at, if that was wrong)",
    ),
    "csv_moved": (
        "{0} 已登记为 {1}，改为 {2} 会连过去一起改动：点位迁移时，请填写 ended_at，另起一行填新的 accepted_at；"
        "若 {1} 登记有误，用 --correct",
        "{0} {1} is registered, {2} would move the past too: if the position moved, end it (ended_at) and add a row"
        " with a later accepted_at; if {1} was wrong, use --correct",
    ),
    "nothing": ("文件有误，未作任何更改", "the file is unfit, nothing was changed"),
}


def word(name: str, lang: str, *words: str) -> str:
    return TEXTS[name][0 if lang == "zh" else 1].format(*words)


def summary(made: Report, lang: str) -> Iterator[str]:
    """Two lines: this moment, and the month so far."""
    counts, f = made.total.counts, made.total.figures
    parts = [f"{word(name, lang)} {getattr(counts, name)}" for name in Count._fields]
    share = f"{word('share', lang)} {percent(counts.online, counts.registered)}"
    yield f"{local(made.moment).isoformat(' ', 'seconds')}  {'  '.join(parts)}  {share}"
    until = f"{word('month', lang)} {made.month} {word('until', lang)} {local(made.span[1]):%Y-%m-%d %H:%M:%S}"
    rate = f"{word('time', lang)} {percent(f.on, f.assessed)} ({f.on}/{f.assessed} ms)"
    evidence = f"{word('evidence', lang)} {percent(f.assessed - f.unknown, f.assessed)}"
    yield f"{until}  {rate}  {evidence}  {word('upper', lang)} {percent(f.on + f.unknown, f.assessed)}"


def rate_table(made: Report, lang: str) -> None:
    rows = [_cells(row) for row in (*made.rows, made.total._replace(name=word("total", lang)))]
    columns = ("name", "slots", "online", "offline", "unknown", "never_seen", "rate", "evidence", "upper")
    grid(columns, rows, lang, right=columns[1:])


def _cells(row: Row) -> tuple[str, ...]:
    f, c = row.figures, row.counts
    rates = (percent(part, f.assessed) for part in (f.on, f.assessed - f.unknown, f.on + f.unknown))
    return (row.name, str(f.slots), str(c.online), str(c.offline), str(c.unknown), str(c.never_seen), *rates)


def grid(columns: Sequence[str], rows: Sequence[Sequence[str]], lang: str, right: Sequence[str] = ()) -> None:
    """A table on standard output; nothing without rows. `columns` name words; those in `right` hold figures."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table()
    for column in columns:
        table.add_column(word(column, lang), justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    if rows:
        Console().print(table)


def minute(ms: int) -> str:
    return f"{local(ms):%Y-%m-%d %H:%M}"
