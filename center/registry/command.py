"""canteen-center registry template | check | import | export | log: what is asked of it on a command line."""

import argparse
import getpass
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from center.arguments import Making, Misuse, loaded
from center.forms import Listing, err, out, tell
from center.registry import REGIONS, cells, writing
from center.registry.problems import Place, Problem, Unfit
from center.registry.sheets import ALL
from center.registry.taking_over import File, Order, Summary, fields, take_over, titles
from center.registry.words import said, sentence
from center.show import Bar, word
from center.store import Absent, Store
from center.store.registrar import Changed, Counts
from contract.plain import open_plain
from contract.policy import Policy, load_policy
from contract.problems import unreadable, why
from contract.regions import Regions, load_regions

FINE, MISUSE = 0, 2
MOST = 1_000_000
"""Changes that are listed at once."""


def add(making: Making) -> None:
    """The command and its acts."""
    say = making.say
    making = making.within("registry", "应有点位的登记表", "the registry of required positions")
    template = making.command(
        "template", _template, "空白工作簿，供填写", "an empty workbook to fill in", database=False
    )
    where = say("写到哪里；不覆盖已有的文件", "where to write it; over no file that is there")
    template.add_argument("out", type=Path, metavar="FILE.xlsx", help=where)
    _policy_arguments(making, template)
    making.forms(template)
    for name, zh, en in (
        ("check", "检查导入会改变什么", "say what an import would change"),
        ("import", "导入表格，全部或全不", "take sheets over, all or nothing"),
    ):
        act = making.command(name, _take_over, zh, en)
        sheets = say(
            "XLSX、CSV，或导出的文件夹，格式见 registry template", "XLSX or CSV, or an exported folder; see template"
        )
        act.add_argument("file", type=Path, nargs="+", metavar="FILE", help=sheets)
        wrong = say("原登记的位置有误，过去的也一并改正", "a place that differs was wrong, for the past as well")
        act.add_argument("--correct", action="store_true", help=wrong)
        making.person(act)
        _policy_arguments(making, act)
        making.forms(act)
        act.set_defaults(keep=name == "import")
    export = making.command(
        "export", _export, "导出全部登记，可再导入", "the whole registry as sheets that can be imported"
    )
    folder = say("填文件夹则每张表一个 CSV", "a folder gets a CSV for each sheet")
    export.add_argument("out", type=Path, metavar="FILE.xlsx|FOLDER", help=folder)
    making.forms(export)
    log = making.command("log", _log, "何人何时改了什么", "who changed what, and when")
    only = say("只看该单位、点位、网关……", "only of this unit, position, gateway …")
    log.add_argument("--id", default="", metavar="ID", help=only)
    log.add_argument("--last", type=int, default=100, metavar="N", help=say("条数，默认 100", "changes; default 100"))
    making.forms(log)


def _policy_arguments(making: Making, parser: argparse.ArgumentParser) -> None:
    making.policy(parser)
    regions = making.say(
        f"随程序提供的区划名，或文件；空数据库默认 {REGIONS}",
        f"shipped regions or a file; default: {REGIONS} in an empty database",
    )
    parser.add_argument("--regions", default="", metavar="NAME|FILE", help=regions)


# ---- template and export ------------------------------------------------------------------------


def _template(options: argparse.Namespace) -> int:
    policy, regions = loaded(load_policy, options.policy), loaded(load_regions, options.regions or REGIONS)
    try:
        rows = writing.template(options.out, policy, regions, options.lang)
    except OSError as error:
        raise Misuse(*(f"{options.out}: {words}" for words in why(error))) from error
    return _written(options, rows)


def _written(options: argparse.Namespace, rows: dict[str, int]) -> int:
    """Where it stands and how many rows each sheet has; nothing for people, who see the file."""
    listing = [Listing(("sheet", "rows"), [(sheet, str(number)) for sheet, number in rows.items()])]
    tell(options, lambda: {"file": str(options.out), "sheets": rows}, *(listing if options.csv else ()))
    return FINE


def _export(options: argparse.Namespace) -> int:
    store = Store(options.database, create=False)
    try:
        with store.read() as reader:
            rows = writing.export(options.out, reader, options.lang)
    except OSError as error:
        raise Misuse(*(f"{options.out}: {words}" for words in why(error))) from error
    finally:
        store.close()
    return _written(options, rows)


# ---- check and import ---------------------------------------------------------------------------


def _take_over(options: argparse.Namespace) -> int:
    policy = loaded(load_policy, options.policy)
    options.file = [file for path in options.file for file in _sheets_at(path)]
    with ExitStack() as stack:
        files = [File(_name(path), stack.enter_context(_opened(path))) for path in options.file]
        return _taken_over(files, policy, options)


def _taken_over(files: list[File], policy: Policy, options: argparse.Namespace) -> int:
    store, temporary = _store(options.database, create=options.keep)
    try:
        with Bar(word("reading", options.lang)) as bar:
            order = Order(
                options.by or somebody(),
                time.time_ns() // 1_000_000,
                policy,
                _regions(store, options.regions),
                options.correct,
                options.keep,
            )
            summary = take_over(store, files, order, bar.move)
    except Unfit as unfit:
        _refuse(unfit, options)
        return MISUSE
    finally:
        store.close()
        if temporary:
            temporary.cleanup()
    _tell(summary, options)
    return FINE


def _sheets_at(path: Path) -> list[Path]:
    """A file; of a folder the sheets that an export leaves there. Raises Misuse where there is none."""
    if not path.is_dir():
        return [path]
    found = [file for sheet in ALL if (file := path / f"{sheet.name}.csv").is_file()]
    if not found:
        names = ", ".join(f"{sheet.name}.csv" for sheet in ALL)
        raise Misuse(
            f"{path}: a folder without a sheet of an export ({names}): name the files",
            f"{path}：文件夹中没有导出的表（{names}）：请逐个指定文件",
        )
    return found


def _store(database: str, *, create: bool) -> tuple[Store, TemporaryDirectory[str] | None]:
    """A check makes no database: where there is none, it says what an import into an empty one would do."""
    try:
        return Store(database, create=create), None
    except Absent:
        temporary = TemporaryDirectory(prefix="canteen-check-")
        return Store(str(Path(temporary.name, "empty.db"))), temporary


def _regions(store: Store, name: str) -> Regions | None:
    with store.read() as reader:
        wanted = name or ("" if reader.regions() else REGIONS)
    found: Regions | None = loaded(load_regions, wanted) if wanted else None
    return found


def _opened(path: Path) -> Any:
    try:
        return open_plain(path)
    except OSError as error:
        raise unreadable(str(path), error) from error


def _name(path: Path) -> str:
    return os.fsencode(path.name).decode(errors="replace")


def somebody() -> str:
    """Who is logged in, before sudo."""
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def _refuse(unfit: Unfit, options: argparse.Namespace) -> None:
    if options.json or options.csv:
        found = [(*map(str, one.place), said(Problem(Place(), *one[1:]), options.lang)) for one in unfit.problems]
        columns = ("sheet", "line", "column", "reason")
        problems = [dict(zip(columns, one, strict=True)) for one in found]
        tell(options, lambda: {"applied": False, "problems": problems, "more": unfit.more}, Listing(columns, found))
        return
    say_unfit(unfit, f"{options.file[0]}: " if len(options.file) == 1 else "", options.lang)


def say_unfit(unfit: Unfit, file: str, lang: str) -> None:
    """Every mistake with its place, on standard error; and that nothing was kept. `file`: before each, or ""."""
    for problem in unfit.problems:
        err(f"{file}{said(problem, lang)}")
    if unfit.more:
        err(sentence("more", lang, str(unfit.more)))
    err(sentence("nothing", lang))


def _tell(summary: Summary, options: argparse.Namespace) -> None:
    if options.json or options.csv:
        sheets = {table: numbers._asdict() for table, numbers in summary.counts.items()}
        notes = [said(warning, options.lang) for warning in summary.warnings]
        rows = [(table, *map(str, numbers.values())) for table, numbers in sheets.items()]
        listing = Listing(("sheet", *Counts._fields), rows)
        tell(options, lambda: {"applied": options.keep, "sheets": sheets, "notes": notes}, listing)
        return
    for warning in summary.warnings:
        err(f"{sentence('note', options.lang)}: {said(warning, options.lang)}")
    for table, (zh, en) in titles().items():
        if table in summary.counts:
            counts = summary.counts[table]
            told = "  ".join(f"{word(name, options.lang)} {n}" for name, n in counts._asdict().items())
            out(f"{zh if options.lang == 'zh' else en}: {told}")
            if table != "regions":
                out(*_rows("+", summary.added[table], counts.added, options.lang))
                out(*_rows("~", summary.changed[table], counts.changed, options.lang))
    if not options.keep:
        out(sentence("dry", options.lang))


def _rows(mark: str, rows: Sequence[Changed], total: int, lang: str) -> Iterator[str]:
    """The first of them: + added, ~ changed with the fields that differ."""
    for changed in rows:
        name, *rest = changed.after
        if mark == "+":
            told = " ".join(_shown(key, changed.after[key]) for key in rest if changed.after[key] not in ("", None, 0))[
                :120
            ]
        else:
            told = ", ".join(f"{key}: {_shown(key, was)} -> {_shown(key, now)}" for key, was, now in fields(changed))
        yield f"  {mark} {changed.after[name]}  {told}"
    if total > len(rows):
        yield f"  {mark} {sentence('and', lang, str(total))}"


def _shown(key: str, value: Any) -> str:
    if value in (None, ""):
        return "-"
    return cells.written(value) if key.endswith("_ms") else str(value)


# ---- who changed what ---------------------------------------------------------------------------


def _log(options: argparse.Namespace) -> int:
    if not 1 <= options.last <= MOST:
        raise Misuse(f"--last {options.last} must be 1 to {MOST}", f"--last {options.last} 须为 1 至 {MOST}")
    store = Store(options.database, create=False)
    with store.read() as reader:
        changes = reader.audit(options.id, options.last)
    store.close()
    if options.id and not changes:
        raise Misuse(
            f"--id {options.id}: nothing of it is on record", f"--id {options.id}：没有它的任何记录，请核对编号"
        )
    rows = [(cells.written(c.at_ms), c.person, c.sheet, f"{c.id} {c.at}".strip(), c.before, c.after) for c in changes]
    columns = ("when", "who", "sheet", "what", "before", "after")
    tell(options, lambda: [change._asdict() for change in changes], Listing(columns, rows))
    return FINE
