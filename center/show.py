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
    "reading": ("读取", "reading"),
    "reading_time": ("时长", "time"),
    "reading_days": ("日", "days"),
    "reading_spot": ("抽查", "spot"),
    "outages": ("中断次数", "outages"),
    "longest": ("最长", "longest"),
    "mttr": ("平均修复", "MTTR"),
    "planned": ("已批准剔除", "planned"),
    "when": ("时间", "when"),
    "who": ("何人", "who"),
    "sheet": ("表", "sheet"),
    "what": ("何项", "what"),
    "before": ("原为", "before"),
    "after": ("改为", "after"),
}


def word(name: str, lang: str, *words: str) -> str:
    return TEXTS[name][0 if lang == "zh" else 1].format(*words)


def now(counts: Count, moment: int, lang: str) -> str:
    """One line: how everything stands."""
    parts = [f"{word(name, lang)} {getattr(counts, name)}" for name in Count._fields]
    share = f"{word('share', lang)} {percent(counts.online, counts.registered)}"
    return f"{local(moment).isoformat(' ', 'seconds')}  {'  '.join(parts)}  {share}"


def summary(made: Report, lang: str) -> Iterator[str]:
    """Two lines: this moment, and the month so far."""
    f = made.total.figures
    yield now(made.total.counts, made.moment, lang)
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


class Bar:
    """A progress bar on standard error, where somebody looks at it."""

    def __init__(self, title: str) -> None:
        from rich.console import Console
        from rich.progress import Progress

        console = Console(stderr=True)
        self._bar = Progress(console=console, transient=True, disable=not console.is_terminal)
        self._task = self._bar.add_task(title, total=None)

    def __enter__(self) -> "Bar":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def move(self, done: int, of: int) -> None:
        self._bar.update(self._task, completed=done, total=of)


def minute(ms: int) -> str:
    return f"{local(ms):%Y-%m-%d %H:%M}"
