"""canteen-center: serve, rate, registry import, command, quarantine. Exit codes: 0 fine, 1 problem found, 2 misuse."""

import argparse
import json
import logging
import re
import secrets
import signal
import sys
import threading
import time
from datetime import UTC
from pathlib import Path

from center import alarms
from center.audit import audit
from center.calendar import Gap
from center.days import command as days
from center.intake import Intake
from center.line import Options, Unusable
from center.order import NOT_SENT, VERBS, give
from center.rate import Rules, moment_ms, month_of, month_span
from center.registry import command
from center.registry.command import Misuse
from center.report import LEVELS, Report, When, as_json, report, standing
from center.show import grid, minute, now, rate_table, summary, word
from center.store import Store, Unavailable
from contract import __version__
from contract.messages import CITY_PATTERN
from contract.policy import load_policy
from contract.problems import ConfigError
from contract.text import escaped

FINE, PROBLEM, MISUSE = 0, 1, 2
POLICY = "henan-2021-45"
MAX_TIMEOUT_S = 3600
ENDED_BADLY = "the worker of the intake ended"


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        return int(options.act(options))
    except (Misuse, Unavailable, Unusable) as trouble:
        _err(str(trouble))
        return MISUSE
    except BrokenPipeError:
        return FINE


# ---- arguments ----------------------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="canteen-center", description="Center of canteen-agent: intake and 在线率")
    parser.add_argument("--version", action="version", version=f"canteen-center {__version__}")
    parser.add_argument("--lang", choices=("zh", "en"), default="zh")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--database", required=True, metavar="PATH", help="SQLite file, or a database URL")
    shared.add_argument("--lang", choices=("zh", "en"), default=argparse.SUPPRESS)
    serving = "receive, store, acknowledge, print how all stands"
    _serve_arguments(commands.add_parser("serve", parents=[shared], help=serving))
    rate = commands.add_parser("rate", parents=[shared], help="online rate of a month")
    rate.add_argument("--month", metavar="YYYY-MM", help="in Asia/Shanghai; default: the running month")
    rate.add_argument("--level", choices=tuple(LEVELS), default="city")
    rate.add_argument("--at", metavar="TIME", help="as if it were this moment, ISO 8601 (UTC unless it has an offset)")
    rate.add_argument("--policy", default=POLICY, help="shipped policy or a file")
    rate.add_argument("--json", action="store_true")
    rate.set_defaults(act=_rate)
    _command_arguments(commands.add_parser("command", parents=[shared], help="one command to one gateway"))
    aside = commands.add_parser("quarantine", parents=[shared], help="what was set aside and why, and alarms")
    aside.add_argument("--gateway", default="", metavar="ID", help="only of this one")
    aside.add_argument("--json", action="store_true")
    aside.set_defaults(act=_quarantine)
    command.add(commands, shared, POLICY)
    days.add(commands, shared, POLICY, _rules)
    return parser


def _broker_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--broker", default="127.0.0.1:1883", metavar="HOST:PORT")
    parser.add_argument("--username", default="", help="one of its own for every process: it is the client id as well")
    parser.add_argument("--password-file", type=Path)
    parser.add_argument("--ca", type=Path, help="certificate authority: switches TLS on")
    parser.add_argument("--cert", type=Path, help="own certificate, with --key")
    parser.add_argument("--key", type=Path)


def _command_arguments(command: argparse.ArgumentParser) -> None:
    _broker_arguments(command)
    command.add_argument("--gateway", required=True, metavar="ID")
    command.add_argument("--verb", required=True, choices=VERBS)
    command.add_argument("--slot", default="", help="only this one; default: all of the gateway")
    command.add_argument("--timeout", type=float, default=30.0, metavar="S", help="seconds; then it expires unanswered")
    command.add_argument("--json", action="store_true")
    command.set_defaults(act=_command)


def _serve_arguments(serve: argparse.ArgumentParser) -> None:
    _broker_arguments(serve)
    serve.add_argument("--client-id", default="", help="stable; default: the user name, else canteen-center")
    serve.add_argument("--city", action="append", default=[], metavar="CODE", help="only this one; may be repeated")
    serve.add_argument("--policy", default=POLICY, help="shipped policy or a file")
    serve.add_argument("--print-interval", type=float, default=60.0, metavar="S", help="seconds; 0: print nothing")
    serve.set_defaults(act=_serve)


def _rules(name: str) -> Rules:
    try:
        policy = load_policy(name)
    except ConfigError as error:
        raise Misuse(f"{name}: {error}") from error
    except OSError as error:
        raise Misuse(f"{name}: {error.strerror or error}") from error
    kinds = frozenset(kind.id for kind in policy.kinds if kind.counts)
    rate = policy.rate
    dark = (rate.dark.value, round(rate.dark_after.value * 1000), round(rate.testimony_within.value * 1000))
    return Rules(*dark, kinds, rate.windows.value == "calendar")


def _broker(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal() or not 0 < int(port) < 65536 or not host.strip("[]"):
        raise Misuse(f"--broker {text!r} is not HOST:PORT")
    return host.strip("[]"), int(port)


def _how(options: argparse.Namespace, client_id: str) -> Options:
    host, port = _broker(options.broker)
    for file in (options.password_file, options.ca, options.cert, options.key):
        if file and not file.is_file():
            raise Misuse(f"{file}: no such file")
    tls = {"ca": options.ca, "certificate": options.cert, "key": options.key}
    return Options(host, port, client_id, options.username, options.password_file, **tls)


def _moment(text: str) -> int:
    try:
        return moment_ms(text, UTC)
    except ValueError as error:
        raise Misuse(f"--at {text!r} is no time of 1970 to 2099 in ISO 8601, such as 2026-09-30T16:00:00Z") from error


# ---- serve --------------------------------------------------------------------------------------


def _serve(options: argparse.Namespace) -> int:
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    rules = _rules(options.policy)
    for code in options.city:
        if not re.fullmatch(CITY_PATTERN, code):
            raise Misuse(f"--city {code!r} is not four digits, such as 4101; name every further city with --city again")
    standard = "-".join([Options().client_id, *sorted(options.city)])
    how = _how(options, options.client_id or options.username or standard)._replace(cities=tuple(options.city))
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
    """Prints how everything stands every `--print-interval` until told to stop; reports are made by `rate`."""
    due = time.monotonic()
    while intake.alive and not stop.wait(0.5):
        if options.print_interval > 0 and time.monotonic() >= due:
            due = time.monotonic() + options.print_interval
            try:
                with store.read() as reader:
                    line = now(standing(reader, _now_ms(), rules), _now_ms(), options.lang)
            except Unavailable as trouble:
                _err(str(trouble))
            else:
                _out(line)


# ---- rate ---------------------------------------------------------------------------------------


def _rate(options: argparse.Namespace) -> int:
    rules = _rules(options.policy)
    at_ms = _moment(options.at) if options.at else None
    store = Store(options.database, create=False)
    made = _report(store, options.month, at_ms, options.level, rules)
    if options.json:
        _out(json.dumps(as_json(made), ensure_ascii=False, indent=2))
    else:
        rate_table(made, options.lang)
        _out(*summary(made, options.lang))
    return FINE


def _report(store: Store, month: str | None, at_ms: int | None, level: str, rules: Rules) -> Report:
    now_ms = _now_ms() if at_ms is None else at_ms
    try:
        begin, end = month_span(month or month_of(now_ms))
    except ValueError as error:
        raise Misuse(f"--month {error} is not YYYY-MM") from error
    when = When(month or month_of(now_ms), (begin, max(begin, min(end, now_ms))), now_ms, live=at_ms is None)
    try:
        with store.read() as reader:
            return report(reader, when, level, rules)
    except Gap as gap:
        raise Misuse(f"{gap}: register the days of the whole month (registry template, 校历 calendars)") from gap


# ---- commands to gateways, and what was set aside ------------------------------------------------


def _command(options: argparse.Namespace) -> int:
    if not 0 < options.timeout <= MAX_TIMEOUT_S:
        raise Misuse(f"--timeout {options.timeout:g} must be above 0 and at most {MAX_TIMEOUT_S} seconds")
    how = _how(options, options.username or f"canteen-command-{secrets.token_hex(4)}")
    store = Store(options.database, create=False)
    with store.read() as reader:
        city = reader.addresses().get(options.gateway)
        bound = reader.bound()
    store.close()
    if city is None:
        raise Misuse(f"--gateway {options.gateway}: not in the registry")
    if options.slot and (options.gateway, options.slot) not in bound:
        raise Misuse(f"--slot {options.slot}: not registered to gateway {options.gateway}")
    answer = give(how, city, options.gateway, options.verb, options.slot, options.timeout)
    if options.json:
        _out(json.dumps({"gateway": options.gateway, "verb": options.verb, **answer._asdict()}, ensure_ascii=False))
    else:
        detail = escaped(answer.detail.encode())
        _out(f"{options.gateway} {options.verb}: {word(answer.outcome, options.lang)}{detail and ': '}{detail}")
    return {"done": FINE, NOT_SENT: MISUSE}.get(answer.outcome, PROBLEM)


def _quarantine(options: argparse.Namespace) -> int:
    store = Store(options.database, create=False)
    audit(store, Rules(), _now_ms(), options.gateway)
    with store.read() as reader:
        kept = reader.aside(options.gateway)
        found = alarms.alarms(reader, kept, options.gateway)
        aside = [one for one in kept if one.code not in alarms.FINDINGS]
    store.close()
    if options.json:
        _out(json.dumps(alarms.as_json(found, aside), ensure_ascii=False, indent=2))
    elif not aside and not found:
        _out(word("none_aside", options.lang))
    else:
        grid(
            ("alarm", "gateway", "reason", "times", "last"),
            [(a.alarm, a.gateway, a.detail, str(a.times), minute(a.last_ms)) for a in found],
            options.lang,
        )
        grid(
            ("aside", "gateway", "seq", "times", "last"),
            [
                (
                    f"{a.code}: {a.reason}" if a.code else a.reason,
                    a.gateway or a.topic,
                    str(a.seq or ""),
                    str(a.times),
                    minute(a.last_ms),
                )
                for a in aside
            ],
            options.lang,
        )
    return PROBLEM if found else FINE


# ---- words --------------------------------------------------------------------------------------


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _out(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def _err(line: str) -> None:
    sys.stderr.write(f"canteen-center: {line}\n")


if __name__ == "__main__":
    sys.exit(main())
