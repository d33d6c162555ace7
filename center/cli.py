"""canteen-center: serve, rate, registry import. Exit codes: 0 fine, 1 found a problem, 2 misuse or unusable input."""

import argparse
import json
import logging
import signal
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from center import registry
from center.intake import Intake, Options
from center.rate import Count, Rules, local, month_of, month_span, percent, to_ms
from center.report import LEVELS, Report, Row, When, as_json, report
from center.store import Store, Unavailable
from contract.policy import load_policy
from contract.problems import ConfigError

FINE, PROBLEM, MISUSE = 0, 1, 2
POLICY = "henan-2021-45"
ENDED_BADLY = "the worker of the intake ended"

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
    "nothing": ("文件有误，未作任何更改", "the file is unfit, nothing was changed"),
}


class Misuse(Exception):
    """What the caller asked for cannot be done as asked; the text says what to do."""


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        return int(options.act(options))
    except Misuse as misuse:
        _err(str(misuse))
        return MISUSE
    except Unavailable as trouble:
        _err(str(trouble))
        return MISUSE
    except BrokenPipeError:
        return FINE


# ---- arguments ----------------------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="canteen-center", description="Center of canteen-agent: intake and 在线率")
    parser.add_argument("--lang", choices=("zh", "en"), default="zh")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--database", required=True, metavar="PATH", help="SQLite file, or a database URL")
    shared.add_argument("--lang", choices=("zh", "en"), default=argparse.SUPPRESS)
    _serve_arguments(commands.add_parser("serve", parents=[shared], help="receive, store, acknowledge, print the rate"))
    rate = commands.add_parser("rate", parents=[shared], help="online rate of a month")
    rate.add_argument("--month", metavar="YYYY-MM", help="in Asia/Shanghai; default: the running month")
    rate.add_argument("--level", choices=tuple(LEVELS), default="city")
    rate.add_argument("--at", metavar="TIME", help="as if it were this moment, ISO 8601 (UTC unless it has an offset)")
    rate.add_argument("--policy", default=POLICY, help="shipped policy or a file")
    rate.add_argument("--json", action="store_true")
    rate.set_defaults(act=_rate)
    acts = commands.add_parser("registry", help="the registry of required slots").add_subparsers(required=True)
    importer = acts.add_parser("import", parents=[shared], help="take over a CSV, all of it or nothing")
    importer.add_argument("file", type=Path, metavar="FILE", help=f"columns {','.join(registry.COLUMNS)}")
    importer.set_defaults(act=_import)
    return parser


def _serve_arguments(serve: argparse.ArgumentParser) -> None:
    serve.add_argument("--broker", default="127.0.0.1:1883", metavar="HOST:PORT")
    serve.add_argument("--client-id", default="", help="stable; default: the user name, else canteen-center")
    serve.add_argument("--username", default="")
    serve.add_argument("--password-file", type=Path)
    serve.add_argument("--ca", type=Path, help="certificate authority: switches TLS on")
    serve.add_argument("--cert", type=Path, help="own certificate, with --key")
    serve.add_argument("--key", type=Path)
    serve.add_argument("--city", action="append", default=[], metavar="CODE", help="only this one; may be repeated")
    serve.add_argument("--policy", default=POLICY, help="shipped policy or a file")
    serve.add_argument("--print-interval", type=float, default=60.0, metavar="S", help="seconds; 0: print nothing")
    serve.set_defaults(act=_serve)


def _rules(name: str) -> Rules:
    try:
        policy = load_policy(name).rate
    except (ConfigError, FileNotFoundError) as error:
        raise Misuse(f"{name}: {error}") from error
    if policy.windows.value != "24x7":
        raise Misuse(f"{name}: rate.windows must be 24x7, calendars are not known to this version")
    return Rules(policy.dark.value, round(policy.dark_after.value * 1000))


def _broker(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal() or not 0 < int(port) < 65536 or not host.strip("[]"):
        raise Misuse(f"--broker {text!r} is not HOST:PORT")
    return host.strip("[]"), int(port)


def _moment(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise Misuse(f"--at {text!r} is not ISO 8601, such as 2026-09-30T16:00:00Z") from error
    return to_ms(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


# ---- serve --------------------------------------------------------------------------------------


def _serve(options: argparse.Namespace) -> int:
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    host, port = _broker(options.broker)
    rules = _rules(options.policy)
    for file in (options.password_file, options.ca, options.cert, options.key):
        if file and not file.is_file():
            raise Misuse(f"{file}: no such file")
    how = Options(
        host=host,
        port=port,
        client_id=options.client_id or options.username or Options().client_id,
        username=options.username,
        password_file=options.password_file,
        ca=options.ca,
        certificate=options.cert,
        key=options.key,
        cities=tuple(options.city),
    )
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    store = Store(options.database)
    intake = Intake(store, how, _now_ms)
    intake.start()
    try:
        _watch(intake, store, rules, stop, options)
    finally:
        intake.stop()
        store.close()
    if not stop.is_set():
        _err(ENDED_BADLY)
        return PROBLEM
    return FINE


def _watch(intake: Intake, store: Store, rules: Rules, stop: threading.Event, options: argparse.Namespace) -> None:
    """Prints the two lines every `--print-interval` until told to stop."""
    due = time.monotonic()
    while intake.alive and not stop.wait(0.5):
        if options.print_interval > 0 and time.monotonic() >= due:
            due = time.monotonic() + options.print_interval
            try:
                made = _report(store, None, None, "province", rules)
            except Unavailable as trouble:
                _err(str(trouble))
            else:
                _out(*_summary(made, options.lang))


# ---- rate ---------------------------------------------------------------------------------------


def _rate(options: argparse.Namespace) -> int:
    rules = _rules(options.policy)
    at_ms = _moment(options.at) if options.at else None
    store = Store(options.database, create=False)
    made = _report(store, options.month, at_ms, options.level, rules)
    if options.json:
        _out(json.dumps(as_json(made), ensure_ascii=False, indent=2))
    else:
        _table(made, options.lang)
        _out(*_summary(made, options.lang))
    return FINE


def _report(store: Store, month: str | None, at_ms: int | None, level: str, rules: Rules) -> Report:
    now_ms = _now_ms() if at_ms is None else at_ms
    try:
        begin, end = month_span(month or month_of(now_ms))
    except ValueError as error:
        raise Misuse(f"--month {error} is not YYYY-MM") from error
    when = When(month or month_of(now_ms), (begin, max(begin, min(end, now_ms))), now_ms, live=at_ms is None)
    with store.read() as reader:
        return report(reader, when, level, rules)


def _summary(made: Report, lang: str) -> Iterator[str]:
    """Two lines: this moment, and the month so far."""
    counts, f = made.total.counts, made.total.figures
    parts = [f"{_word(name, lang)} {getattr(counts, name)}" for name in Count._fields]
    share = f"{_word('share', lang)} {percent(counts.online, counts.registered)}"
    yield f"{local(made.moment).isoformat(' ', 'seconds')}  {'  '.join(parts)}  {share}"
    until = f"{_word('month', lang)} {made.month} {_word('until', lang)} {local(made.span[1]):%Y-%m-%d %H:%M:%S}"
    rate = f"{_word('time', lang)} {percent(f.on, f.assessed)} ({f.on}/{f.assessed} ms)"
    evidence = f"{_word('evidence', lang)} {percent(f.assessed - f.unknown, f.assessed)}"
    yield f"{until}  {rate}  {evidence}  {_word('upper', lang)} {percent(f.on + f.unknown, f.assessed)}"


def _table(made: Report, lang: str) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table()
    table.add_column(_word("name", lang))
    for column in ("slots", "online", "offline", "unknown", "never_seen", "rate", "evidence", "upper"):
        table.add_column(_word(column, lang), justify="right")
    for row in (*made.rows, made.total._replace(name=_word("total", lang))):
        table.add_row(*(Text(cell) for cell in _cells(row)))
    Console().print(table)


def _cells(row: Row) -> tuple[str, ...]:
    f, c = row.figures, row.counts
    rates = (percent(part, f.assessed) for part in (f.on, f.assessed - f.unknown, f.on + f.unknown))
    return (row.name, str(f.slots), str(c.online), str(c.offline), str(c.unknown), str(c.never_seen), *rates)


# ---- registry -----------------------------------------------------------------------------------


def _import(options: argparse.Namespace) -> int:
    try:
        data = options.file.read_bytes()
    except OSError as error:
        raise Misuse(f"{options.file}: {error.strerror}") from error
    try:
        registry.read(data)
        diff = registry.take_over(Store(options.database), data, options.file.name, _now_ms())
    except registry.Unfit as unfit:
        for problem in unfit.problems:
            place = f"{_word('line', options.lang).format(problem.line)}: " if problem.line else ""
            _err(f"{options.file}: {place}{problem.text}")
        _err(_word("nothing", options.lang))
        return MISUSE
    counts = {"added": len(diff.added), "changed": len(diff.changed), "ended": len(diff.ended)}
    counts |= {"unchanged": diff.unchanged, "absent": diff.absent}
    _out(*registry.lines(diff), "  ".join(f"{_word(name, options.lang)} {n}" for name, n in counts.items()))
    return FINE


# ---- words --------------------------------------------------------------------------------------


def _word(name: str, lang: str) -> str:
    return TEXTS[name][0 if lang == "zh" else 1]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _out(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def _err(line: str) -> None:
    sys.stderr.write(f"canteen-center: {line}\n")


if __name__ == "__main__":
    sys.exit(main())
