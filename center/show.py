"""The center's words, lines and tables for people, in Chinese and English. Only here is rich known.

Where the figures come from must not be known here.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Literal

from center.rate import Count, local, percent
from center.readings import NAMES, Name, Rule
from center.report import Report, Row
from contract.text import printable
from contract.vocabulary import MARKS, Standing

TEXTS = {
    "registered": ("应有点位", "registered"),
    "online": ("在线", "online"),
    "offline": ("离线", "offline"),
    "unknown": ("未知", "unknown"),
    "never_seen": ("从未上线", "never seen"),
    "share": ("当前在线比例", "online now"),
    "rate": ("在线率", "online rate"),
    "deciding": ("作准", "decides"),
    "yes": ("是", "yes"),
    "no": ("否", "no"),
    "star": ("* 作准的读法", "* the reading that decides"),
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
    "line": ("行", "line"),
    "column": ("列", "column"),
    "what": ("何项", "what"),
    "before": ("原为", "before"),
    "after": ("改为", "after"),
    "place": ("地区", "place"),
    "unit": ("单位", "unit"),
    "unit_id": ("单位编号", "unit id"),
    "position": ("点位", "position"),
    "zone": ("位置", "zone"),
    "state": ("状态", "state"),
    "since": ("自何时", "since"),
    "lasting": ("已持续", "for"),
    "contact": ("联系人", "contact"),
    "telephone": ("电话", "telephone"),
    "slot": ("网关点位", "slot"),
    "silent": ("失联", "silent"),
    "left": ("已停止", "stopped"),
    "alive": ("通信正常", "alive"),
    "revoked": ("已注销", "revoked"),
    "certificate_expired": ("已到期", "expired"),
    "certificate_due": ("待续期", "renewal due"),
    "certificate_valid": ("有效", "valid"),
    "certificate_not_enrolled": ("未发放", "not enrolled"),
    "enrolled": ("发放", "enrolled"),
    "renewed": ("续期", "renewed"),
    "expires": ("到期", "expires"),
    "heard": ("最近上报", "heard"),
    "version": ("版本", "version"),
    "clock": ("时钟", "clock"),
    "disk": ("磁盘已用", "disk used"),
    "journal": ("日志", "journal"),
    "configuration": ("配置", "configuration"),
    "everywhere": ("全部", "all"),
    "boxes": ("网关数", "gateways"),
    "trial": ("试运行", "on trial"),
    "kept": ("已通过", "passed"),
    "rolled_back": ("被退回", "rolled back"),
    "tried": ("被退回的版本", "tried"),
    "not_listed": (
        "另有 {0} 台无需处理，未列出（--all 全部列出）",
        "{0} more need nobody and are not listed (--all lists them)",
    ),
    "backed_up": ("已备份到 {0}：{1} MB，最后收到消息 {2}", "copied to {0}: {1} MB, last heard {2}"),
    "restored": ("已恢复 {0}：{1} MB，最后收到消息 {2}", "restored {0}: {1} MB, last heard {2}"),
    "kept_as": ("原数据库保留为 {0}", "the database of before is kept as {0}"),
    "behind": (
        "此后已确认而备份中没有的消息不会再来：serve 启动后记为 lost，其时段为未知",
        "what was acknowledged since then will not come again: serve records it as lost, its time is unknown",
    ),
    "rebuilt": ("已重新生成：当前状态 {0} 行，月份 {1}", "made anew: {0} rows of how everything stands, months {1}"),
    "number": ("序号", "no."),
    "at": ("时间", "at"),
    "result": ("结果", "result"),
    "note": ("备注", "note"),
    "cannot": ("盒子报在线、平台打不开", "online here, platform cannot open"),
    "opens": ("盒子报离线、平台能打开", "offline here, platform opens it"),
    "opened": ("能打开", "opened"),
    "not_opened": ("打不开", "not opened"),
    "not_tried": ("未试", "not tried"),
    "drawn": ("种子 {0}  {1}  抽取 {2}  已填 {3}", "seed {0}  {1}  drawn {2}  entered {3}"),
    "agrees": (
        "与计算一致 {0}（{1}/{2}），95% 置信区间 {3} 至 {4}（Clopper-Pearson）",
        "agrees with the computed {0} ({1}/{2}), 95 % bound {3} to {4} (Clopper-Pearson)",
    ),
    "differs": (
        "计为在线而打不开 {0}，计为离线而能打开 {1}，计算为未知 {2}",
        "counted online and not opened {0}, counted offline and opened {1}, computed as unknown {2}",
    ),
    "drawn_late": (
        "注意：抽取时时段已开始，被查者可能已知情",
        "note: drawn after its period had begun: those concerned may have known",
    ),
    "counties": ("县（市、区）", "counties"),
    "how": ("口径和校验", "how it is computed"),
    "no_bulletin": ("没有通报", "no bulletin"),
    "damaged": ("损坏或缺失，无法重新计算", "damaged or missing: nothing can be recomputed"),
    "altered": ("与 SHA256SUMS 不符", "not as SHA256SUMS says"),
    "other_sql": ("与本版本附带的 SQL 不同", "not the SQL that this version ships"),
    "other_figures": ("重新计算的结果不同", "recomputed, it says something else"),
    "other_sheet": ("与 bulletin.json 不符", "not what bulletin.json says"),
    "no_docx": (
        "未核对：缺少 python-docx（pip install 'canteen-agent[bulletin]'）",
        "not compared: python-docx is missing (pip install 'canteen-agent[bulletin]')",
    ),
    "no_letter": (
        "未生成 bulletin.docx：缺少 python-docx，请 pip install 'canteen-agent[bulletin]' 后重新执行",
        "no bulletin.docx: python-docx is missing; pip install 'canteen-agent[bulletin]', then run this again",
    ),
    "letter": ("通报（代拟稿）：{0}", "the letter, a draft: {0}"),
    "other_facts": (
        "与中心现有的原始记录不符（或为迟到数据）",
        "not what the facts say that are held now, or late",
    ),
    "same": ("重新计算的结果逐字节一致", "recomputed to the byte: the same"),
    "same_facts": ("由原始记录重算的数据一致", "worked out again from the facts: the same"),
    "verify_by": ("校验：canteen-center bulletin verify {0}", "to verify: canteen-center bulletin verify {0}"),
    "level": ("层级", "level"),
    "kind": ("类别", "kind"),
    "obligated": ("应建", "obligated"),
    "covered": ("已建", "covered"),
    "coverage": ("覆盖率", "coverage"),
    "failing": ("不达标", "failing"),
    "first": ("首要事项", "first of them"),
    "PASSES": ("达标", "passes"),
    "WOULD_SCORE_ZERO": ("不得分", "scores 0"),
    "INSUFFICIENT": ("证据不足", "unclear"),
    "NOT_ASSESSED": ("无", "none"),
    "no_position": ("未设点位", "no position"),
    "center_away": ("平台自身故障", "center away"),
    "if_today": ("如今日考核不得分：{0}/{1}", "would score zero if assessed today: {0}/{1}"),
    "SCORES": ("得分", "scores"),
    "SCORES_NOTHING": ("不得分", "scores 0"),
    "OPEN": ("未定", "open"),
    "mark_met": (MARKS[Standing.MET],) * 2,
    "mark_failed": (MARKS[Standing.NOT_MET],) * 2,
    "mark_insufficient": (MARKS[Standing.UNKNOWN],) * 2,
    "mark_nothing": ("无", "-"),
    "mark_not_due": ("·", "."),
    "mark_running": ("…", "~"),
    "mark_to_come": ("", ""),
    "mark_gone": ("删", "g"),
    "marks": (
        "✓ 达标  ✗ 不达标  ? 证据不足（平台自身故障）  无 无考核对象  · 未到期限  … 未结束  删 原始记录已删除",
        "✓ met  ✗ failed  ? unclear (the center was away)  - nothing to assess  . not due  ~ running  g facts given up",
    ),
    "key": ("代码", "key"),
    "rows": ("行数", "rows"),
    "not_audited": (
        "另有 {0} 台网关自上次核对后有新报文，尚未核对矛盾：alarms --all",
        "{0} more gateways told something since they were gone through for contradictions: alarms --all",
    ),
    "laid": (
        "{0}：写入 {1} 个市·日，{2} 个不变；重算网关 {3} 台",
        "{0}: {1} days of cities written, {2} as they were; {3} gateways gone through",
    ),
    "frozen": ("{0}：第 {1} 次定稿（0 为首次），{2} 个文件", "{0}: revision {1}, {2} files"),
    "provisional": ("暂定", "provisional"),
    "final": ("终稿，第 {0} 次修订（0 为首次定稿），{1}", "revision {0} of {1}"),
    "late": ("定稿后才到的数据会改变：{0}", "what came late would change: {0}"),
    "definition": ("口径", "definition"),
    "numerator": ("分子", "numerator"),
    "denominator": ("分母", "denominator"),
    "left_out": ("未计入（未知）", "left out (unknown)"),
    "verdict": ("判定", "verdict"),
    "passes": ("达标", "passes"),
    "fails": ("不达标", "fails"),
    "least": ("达标线 {0}", "passes at {0}"),
    "would_go": (
        "保留 {0} 起的原始记录。可删除的月份：{1}；设备启动 {2} 次（加 --apply 执行）",
        "facts are kept from {0} on. Months that can go: {1}; {2} boots of gateways (--apply does it)",
    ),
    "given_up": (
        "保留 {0} 起的原始记录。已删除的月份：{1}；设备启动 {2} 次，{3} 行",
        "facts are kept from {0} on. Months given up: {1}; {2} boots of gateways, {3} rows",
    ),
    "ended_at": ("恢复", "over"),
    "seen_by": ("确认", "seen to"),
    "receiver": ("接收方", "receiver"),
    "acknowledged": ("编号 {0}：由 {1} 确认，不再提醒", "{0}: {1} sees to it, no further reminders"),
    "no_alarm": ("没有告警", "no alarm"),
}


class Plain(str):
    """A heading that is no name of a word, but stands as it is."""


def word(name: str, lang: str, *words: str) -> str:
    if isinstance(name, Plain):
        return name
    return TEXTS[name][0 if lang == "zh" else 1].format(*words)


def now(counts: Count, moment: int, lang: str) -> str:
    """One line: how everything stands."""
    parts = [f"{word(name, lang)} {getattr(counts, name)}" for name in Count._fields]
    share = f"{word('share', lang)} {percent(counts.online, counts.registered)}"
    return f"{local(moment).isoformat(' ', 'seconds')}  {'  '.join(parts)}  {share}"


def summary(made: Report, lang: str) -> Iterator[str]:
    """This moment, the month so far, its three readings with the one that decides marked."""
    total, f = made.total, made.total.figures
    yield now(total.counts, made.moment, lang)
    until = f"{word('month', lang)} {made.month} {word('until', lang)} {local(made.span[1]):%Y-%m-%d %H:%M:%S}"
    evidence = f"{word('evidence', lang)} {percent(f.assessed - f.unknown, f.assessed)}"
    yield f"{until}  {evidence}  {word('upper', lang)} {percent(f.on + f.unknown, f.assessed)}"
    for name, head in headings(made.rule, lang).items():
        numerator, denominator = total.readings.ratio(name)
        yield f"{word('rate', lang)} {head}: {percent(numerator, denominator)} ({numerator}/{denominator})"
    yield word("star", lang)


def headings(rule: Rule, lang: str) -> dict[Name, Plain]:
    """The names of the three readings; a star marks the one that decides."""
    return {name: Plain(word(f"reading_{name}", lang) + "*" * (name == rule.deciding)) for name in NAMES}


def rate_cells(made: Report, lang: str) -> list[tuple[str, ...]]:
    """A row for each of the level, the worst by the deciding reading first; the total last."""
    rows = sorted(made.rows, key=lambda row: failing_first(*row.readings.ratio(made.rule.deciding)))
    return [_cells(row) for row in (*rows, made.total._replace(name=word("total", lang)))]


def failing_first(numerator: int, denominator: int) -> Fraction:
    """To sort by; what has nothing to assess stands last."""
    return Fraction(numerator, denominator) if denominator else Fraction(2)


def _cells(row: Row) -> tuple[str, ...]:
    f, c = row.figures, row.counts
    rates = (percent(*row.readings.ratio(name)) for name in NAMES)
    evidence = percent(f.assessed - f.unknown, f.assessed)
    return (row.name, str(f.slots), *(str(n) for n in c[1:]), *rates, evidence)


def grid(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    lang: str,
    right: Sequence[str] = (),
    whole: Sequence[str] = (),
) -> None:
    """A table on standard output; nothing without rows. `columns` name words.

    Figures (`right`) and what is `whole` keep their width; the others share what is left of the terminal, or of 80.
    """
    from rich.box import SIMPLE_HEAD
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    gap = 0 if len(columns) > 7 else 1  # beside the blank that the box has between two columns
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, gap, 0, 0))
    for number, column in enumerate(columns):
        head = word(column, lang)
        width = None
        if column in right or column in whole:
            least = max(map(len, head.split())) if lang == "en" else min(cell_len(head), 6)
            width = max([least, *(cell_len(row[number]) for row in rows)])
        side: Literal["left", "right"] = "right" if column in right else "left"
        table.add_column(head, justify=side, overflow="fold", width=width)
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
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
