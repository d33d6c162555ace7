"""canteen-center registry template | check | import | export | log: what is asked of it on a command line."""

import argparse
import getpass
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from center.registry import REGIONS, cells, writing
from center.registry.problems import Unfit
from center.registry.taking_over import File, Order, Summary, fields, take_over, titles
from center.registry.words import said, sentence
from center.show import Bar, grid, word
from center.store import Store
from center.store.registrar import Changed
from contract.policy import load_policy
from contract.problems import ConfigError
from contract.regions import Regions, load_regions

FINE, MISUSE = 0, 2


class Misuse(Exception):
    """What the caller asked for cannot be done as asked; the text says what to do."""


def add(commands: Any, shared: argparse.ArgumentParser, policy: str) -> None:
    """The command and its acts."""
    language = argparse.ArgumentParser(add_help=False)
    language.add_argument("--lang", choices=("zh", "en"), default=argparse.SUPPRESS)
    acts = commands.add_parser("registry", help="the registry of required positions").add_subparsers(required=True)
    template = acts.add_parser("template", parents=[language], help="an empty workbook to fill in")
    template.add_argument("out", type=Path, metavar="FILE.xlsx")
    _policy_arguments(template, policy)
    template.set_defaults(act=_template)
    for name, does in (("check", "say what an import would change"), ("import", "take sheets over, all or nothing")):
        act = acts.add_parser(name, parents=[shared], help=does)
        act.add_argument("file", type=Path, nargs="+", metavar="FILE", help="XLSX or CSV; see registry template")
        act.add_argument("--correct", action="store_true", help="a place that differs was wrong, for the past as well")
        act.add_argument("--by", default="", metavar="PERSON", help="who answers for it; default: who is logged in")
        _policy_arguments(act, policy)
        act.set_defaults(act=_take_over, keep=name == "import")
    export = acts.add_parser("export", parents=[shared], help="the whole registry as sheets that can be imported")
    export.add_argument("out", type=Path, metavar="FILE.xlsx|FOLDER", help="a folder gets a CSV for each sheet")
    export.set_defaults(act=_export)
    log = acts.add_parser("log", parents=[shared], help="who changed what, and when")
    log.add_argument("--id", default="", metavar="ID", help="only of this unit, position, gateway …")
    log.add_argument("--last", type=int, default=100, metavar="N", help="changes; default 100")
    log.add_argument("--json", action="store_true")
    log.set_defaults(act=_log)


def _policy_arguments(parser: argparse.ArgumentParser, policy: str) -> None:
    parser.add_argument("--policy", default=policy, help="its kinds of unit and caps; shipped policy or a file")
    parser.add_argument(
        "--regions", default="", help=f"shipped regions or a file; default: {REGIONS} in an empty database"
    )


def loaded(load: Any, name: str) -> Any:
    try:
        return load(name)
    except ConfigError as error:
        raise Misuse(f"{name}: {error}") from error
    except OSError as error:
        raise Misuse(f"{name}: {error.strerror or error}") from error


# ---- template and export ------------------------------------------------------------------------


def _template(options: argparse.Namespace) -> int:
    policy, regions = loaded(load_policy, options.policy), loaded(load_regions, options.regions or REGIONS)
    try:
        writing.template(options.out, policy, regions, options.lang)
    except OSError as error:
        raise Misuse(f"{options.out}: {error.strerror or error}") from error
    return FINE


def _export(options: argparse.Namespace) -> int:
    store = Store(options.database, create=False)
    try:
        with store.read() as reader:
            writing.export(options.out, reader, options.lang)
    except OSError as error:
        raise Misuse(f"{options.out}: {error.strerror or error}") from error
    finally:
        store.close()
    return FINE


# ---- check and import ---------------------------------------------------------------------------


def _take_over(options: argparse.Namespace) -> int:
    policy = loaded(load_policy, options.policy)
    store = Store(options.database)
    try:
        with ExitStack() as stack, Bar(word("reading", options.lang)) as bar:
            files = [File(_name(path), stack.enter_context(_opened(path))) for path in options.file]
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
    _tell(summary, options)
    return FINE


def _regions(store: Store, name: str) -> Regions | None:
    with store.read() as reader:
        wanted = name or ("" if reader.regions() else REGIONS)
    found: Regions | None = loaded(load_regions, wanted) if wanted else None
    return found


def _opened(path: Path) -> Any:
    try:
        return path.open("rb")
    except OSError as error:
        raise Misuse(f"{path}: {error.strerror}") from error


def _name(path: Path) -> str:
    return os.fsencode(path.name).decode(errors="replace")


def somebody() -> str:
    """Who is logged in, before sudo."""
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def _refuse(unfit: Unfit, options: argparse.Namespace) -> None:
    file = f"{options.file[0]}: " if len(options.file) == 1 else ""
    for problem in unfit.problems:
        _err(f"{file}{said(problem, options.lang)}")
    if unfit.more:
        _err(sentence("more", options.lang, str(unfit.more)))
    _err(sentence("nothing", options.lang))


def _tell(summary: Summary, options: argparse.Namespace) -> None:
    for warning in summary.warnings:
        _err(f"{sentence('note', options.lang)}: {said(warning, options.lang)}")
    for table, (zh, en) in titles().items():
        if table in summary.counts:
            counts = summary.counts[table]
            told = "  ".join(f"{word(name, options.lang)} {n}" for name, n in counts._asdict().items())
            _out(f"{zh if options.lang == 'zh' else en}: {told}")
            if table != "regions":
                _out(*_rows("+", summary.added[table], counts.added, options.lang))
                _out(*_rows("~", summary.changed[table], counts.changed, options.lang))
    if not options.keep:
        _out(sentence("dry", options.lang))


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
    store = Store(options.database, create=False)
    with store.read() as reader:
        changes = reader.audit(options.id, options.last)
    store.close()
    if options.json:
        _out(json.dumps([change._asdict() for change in changes], ensure_ascii=False, indent=2))
        return FINE
    rows = [(cells.written(c.at_ms), c.person, c.sheet, f"{c.id} {c.at}".strip(), c.before, c.after) for c in changes]
    grid(("when", "who", "sheet", "what", "before", "after"), rows, options.lang)
    return FINE


def _out(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def _err(line: str) -> None:
    sys.stderr.write(f"canteen-center: {line}\n")
