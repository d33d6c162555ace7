"""canteen-center serve: receives, stores, acknowledges, prints how everything stands."""

import argparse
import gc
import math
import re
import threading
import time

from center.arguments import Making, Misuse, broker_options, now_ms, rules
from center.cities import Cities, Serving
from center.commands import FINE, PROBLEM
from center.forms import LOG, err, out
from center.intake import Intake
from center.line import Options
from center.measures import measures
from center.metrics import Metrics, Unservable, address
from center.rate import Rules
from center.report import standing
from center.show import now
from center.store import Store, Unavailable, Unready, shared
from contract import logs
from contract.messages import CITY_PATTERN
from contract.problems import Language, Words
from contract.stopping import on_signals

ENDED_BADLY = Words("the worker of the intake ended", "接收线程意外结束")
RETRY_S = 1.0
LEAST_S = 0.5
GARBAGE = 20_000
"""New objects until circles among them are looked for: a batch makes as many, in no circle; looking costs a fifth."""


def add(making: Making) -> None:
    say = making.say
    serve = making.command(
        "serve", _serve, "接收、存储、确认，并显示当前情况", "receive, store, acknowledge, print how all stands"
    )
    making.broker(serve)
    stable = say("固定的客户端标识；默认为用户名", "stable; default: the user name, else canteen-center")
    serve.add_argument("--client-id", default="", metavar="ID", help=stable)
    city = say("只接收该市；可重复填写", "only this one; may be repeated")
    serve.add_argument("--city", action="append", default=[], metavar="CODE", help=city)
    zh = "auto：各进程自动分担各市，并接管无人服务的市（需 PostgreSQL）"
    en = "auto: workers share the cities and take over those that nobody serves (PostgreSQL)"
    serve.add_argument("--cities", choices=("auto",), default="", help=say(zh, en))
    making.policy(serve)
    zh, en = "在本机端口上提供 Prometheus 指标", "serve Prometheus metrics on this port of loopback; default: none"
    serve.add_argument("--metrics", default="", metavar="HOST:PORT", help=say(zh, en))
    often = say("每隔多少秒显示一行，至少 0.5；0 为不显示", "seconds between two lines, at least 0.5; 0: print nothing")
    serve.add_argument("--print-interval", type=float, default=60.0, metavar="S", help=often)


def _serve(options: argparse.Namespace) -> int:
    logs.begin("INFO", LOG)
    its_rules = rules(options.policy)
    if options.metrics:
        address(options.metrics)
    if options.print_interval and not LEAST_S <= options.print_interval < math.inf:
        raise Misuse(
            f"--print-interval {options.print_interval:g} must be 0 or at least {LEAST_S} seconds",
            f"--print-interval {options.print_interval:g} 须为 0，或至少 {LEAST_S} 秒",
        )
    for code in options.city:
        if not re.fullmatch(CITY_PATTERN, code):
            raise Misuse(
                f"--city {code!r} is not four digits, such as 4101; name every further city with --city again",
                f"--city {code!r} 不是四位数字，例如 4101；多个市请重复填写 --city",
            )
    if options.cities:
        _shareable(options)
    standard = "-".join([Options().client_id, *sorted(options.city)])
    how = broker_options(options, options.client_id or options.username or standard)
    how = how._replace(cities=tuple(options.city))
    stop = on_signals(threading.Event())
    store = opened(options.database, stop, options.lang)
    if store is None:
        return FINE
    gc.freeze()
    gc.set_threshold(GARBAGE, 20, 20)
    intake = Cities(store, how, now_ms) if options.cities else Intake(store, how, now_ms)
    metrics = None
    try:  # a port that is taken is told before the broker hears of us
        if options.metrics:
            metrics = Metrics(options.metrics, lambda: measures(intake, store, its_rules, now_ms()))
    except Unservable:
        store.close()
        raise
    try:
        intake.start()
        _watch(intake, store, its_rules, stop, options)
    finally:
        if metrics:
            metrics.close()
        intake.stop()
        store.close()
    if not stop.is_set():
        err(ENDED_BADLY.text(options.lang))
        return PROBLEM
    return FINE


def _shareable(options: argparse.Namespace) -> None:
    """Raises Misuse where workers cannot share the cities."""
    if options.city:
        raise Misuse(
            "--cities auto and --city are two ways: give one of them",
            "--cities auto 与 --city 只能二选一，请去掉其中一个",
        )
    if not shared(options.database):
        raise Misuse(
            "--cities auto needs PostgreSQL, whose locks end with the worker that holds them; a SQLite file has one "
            "worker: leave --cities out, or give --database postgresql://USER@HOST/DATABASE",
            "--cities auto 需要 PostgreSQL：其锁随持有进程结束而释放；SQLite 只支持一个进程，"
            "请去掉 --cities，或使用 --database postgresql://用户@主机/库名",
        )


def opened(database: str, stop: threading.Event, lang: Language) -> Store | None:
    """Waits for a disk that is full, or a server that is not there yet; None when told to stop meanwhile."""
    said = ""
    while not stop.is_set():
        try:
            return Store(database)
        except Unready as trouble:
            if said != str(trouble):
                said = str(trouble)
                waiting = "；等待其可用" if lang == "zh" else "; waiting until it can be used"
                err(trouble.text(lang) + waiting)
        stop.wait(RETRY_S)
    return None


def _watch(intake: Serving, store: Store, its_rules: Rules, stop: threading.Event, options: argparse.Namespace) -> None:
    """Prints how everything stands every `--print-interval` until told to stop; reports are made by `rate`."""
    due = time.monotonic()
    while intake.alive and not stop.wait(0.5):
        if options.print_interval > 0 and time.monotonic() >= due:
            due = time.monotonic() + options.print_interval
            try:
                with store.read() as reader:
                    line = now(standing(reader, now_ms(), its_rules), now_ms(), options.lang)
            except Unavailable as trouble:
                err(trouble.text(options.lang))
            else:
                out(line)
