"""canteen-center web: the pages."""

import argparse

from center.arguments import Making, Misuse, host_and_port, now_ms, policy_of
from center.commands import FINE, PROBLEM
from center.commands.assessment import kept
from center.forms import err
from center.placing import folder
from center.store import Store


def add(making: Making) -> None:
    say = making.say
    web = making.command(
        "web", _web, "网页：全省、市、县、单位、摄像机", "the pages: province, city, county, unit, camera"
    )
    where = say("监听地址；默认仅本机", "where to listen; default: loopback alone")
    web.add_argument("--listen", default="127.0.0.1:8080", metavar="HOST:PORT", help=where)
    zh = "前面有 TLS 代理：Cookie 仅经 HTTPS、HSTS、采信 X-Forwarded-For"
    en = "a proxy with TLS is in front: Secure cookies, HSTS, its X-Forwarded-For is believed"
    web.add_argument("--behind-tls", action="store_true", help=say(zh, en))
    kept(making, web)
    making.policy(web)


def _web(options: argparse.Namespace) -> int:
    try:
        from center.web.serving import opened, serve
        from center.web.site import Site
    except ModuleNotFoundError as error:
        raise lacking(error) from error
    policy = policy_of(options.policy)
    host, port = host_and_port("--listen", options.listen)
    if options.days:
        folder(options.days, "--days")
    store = Store(options.database, create=False)
    try:
        listening = opened(host, port)
        err(f"http://{options.listen}/")
        told = serve(Site(store, policy, options.days, now_ms, behind_tls=options.behind_tls), listening)
    finally:
        store.close()
    return FINE if told else PROBLEM


def lacking(error: ModuleNotFoundError) -> Misuse:
    """Of what the pages need."""
    if str(error.name).partition(".")[0] in ("center", "contract"):
        raise error
    return Misuse(
        f"{error.name} is not installed: pip install 'canteen-agent[center,web]'",
        f"未安装 {error.name}：请执行 pip install 'canteen-agent[center,web]'",
    )
