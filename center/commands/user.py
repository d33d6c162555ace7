"""canteen-center user add | list | password | disable | link | log: who may look at the pages, and who did."""

import argparse
import getpass
import re
import sys
from pathlib import Path

from center.arguments import Making, Misuse, locality, now_ms
from center.commands import FINE
from center.commands.web import lacking
from center.forms import Listing, answer, tell
from center.rate import local
from center.registry.tree import Tree
from center.show import Plain, minute
from center.store import Reader, Store
from center.store.people import Account, WebAct
from center.web.scope import ROLES
from contract.plain import read_plain
from contract.problems import unreadable

NAME = re.compile(r"[A-Za-z0-9\u4e00-\u9fff][A-Za-z0-9\u4e00-\u9fff._-]{1,39}")
SITE = re.compile(r"https?://[^\s/?#@]+/?")
HOURS = 24
MOST = 200


def add(making: Making) -> None:
    say = making.say
    making = making.within("user", "网页的账号", "accounts of the pages")
    new = making.command("add", _add, "新增账号", "a new account")
    _named(new, making)
    role = say("角色", "what it is for")
    new.add_argument("--role", required=True, choices=tuple(ROLES), help=role)
    where = new.add_mutually_exclusive_group(required=True)
    where.add_argument("--region", metavar="CODE|NAME", help=say("可见的省、市、县", "the region it sees"))
    where.add_argument("--unit", metavar="ID", help=say("可见的单位编号", "the unit it sees"))
    how = new.add_mutually_exclusive_group()
    _secret(how, making)
    only = say("不设口令，只用一次性链接登录", "no password: one-time links alone let in")
    how.add_argument("--no-password", action="store_true", help=only)
    again = making.command(
        "password", _password, "重设口令并启用；其会话全部结束", "another password; enables; sessions end"
    )
    _named(again, making)
    _secret(again, making)
    shut = making.command("disable", _disable, "停用；其会话和链接立即结束", "its sessions and links end at once")
    _named(shut, making)
    link = making.command("link", _link, "一次性登录链接", "a link that lets in once")
    _named(link, making)
    hours = say(f"有效小时数，默认 {HOURS}", f"hours that it holds; default {HOURS}")
    link.add_argument("--hours", type=int, default=HOURS, metavar="N", help=hours)
    base = say("网站地址，如 https://canteen.example", "of the site, such as https://canteen.example")
    link.add_argument("--site", default="", metavar="URL", help=base)
    program = making.command(
        "token", _token, "程序用的令牌（/api/v1），取代前一个", "a program's token, in place of the last"
    )
    _named(program, making)
    every = making.command("list", _list, "全部账号", "every account")
    log = making.command("log", _log, f"最近 {MOST} 次登录、失败、导出", f"the last {MOST} logins, failures, exports")
    log.add_argument("--name", default="", metavar="NAME", help=say("只看该账号", "of this account alone"))
    for act in (new, again, shut, link, program, every, log):
        making.forms(act)


def _named(parser: argparse.ArgumentParser, making: Making) -> None:
    parser.add_argument("name", metavar="NAME", help=making.say("账号名", "of the account"))


def _secret(parser: argparse._ActionsContainer, making: Making) -> None:
    zh = "口令所在文件，“-”为标准输入；不填则提示输入"
    en = "the password stands in it, - for standard input; without it you are asked"
    parser.add_argument("--password-file", metavar="FILE|-", help=making.say(zh, en))


def _add(options: argparse.Namespace) -> int:
    name, now = options.name, now_ms()
    if not NAME.fullmatch(name):
        raise Misuse(
            f"{name!r} is no name: 2 to 40 letters, digits, Chinese characters, '.', '_' or '-'",
            f"{name!r} 不能作账号名：应为 2 至 40 个字母、数字、汉字或 . _ -",
        )
    store = Store(options.database, create=False)
    try:
        with store.read() as reader:
            if reader.account(name):
                raise Misuse(f"there is an account {name}", f"已有账号 {name}")
            scope = _scope(options, reader, now)
        kept = "" if options.no_password else _hashed(options)
        with store.write() as tx:
            if tx.account(name):
                raise Misuse(f"there is an account {name}", f"已有账号 {name}")
            tx.add_account(Account(name, options.role, scope, kept, 0, now))
            tx.add_web_act(WebAct(now, name, "", "add", f"{options.role} {scope}", "ok"))
    finally:
        store.close()
    answer(options, {"name": name, "role": options.role, "scope": scope}, f"{name}  {options.role}  {scope}")
    return FINE


def _scope(options: argparse.Namespace, reader: Reader, now: int) -> str:
    """Raises Misuse for one that the role does not have."""
    if options.unit is not None:
        if options.role not in ("unit", "engineer"):
            raise Misuse(f"--role {options.role} sees a region: --region", f"--role {options.role} 须填 --region")
        if options.unit not in {row.unit for row in reader.units_now(now, ())}:
            raise Misuse(f"--unit {options.unit}: not in the registry", f"--unit {options.unit}：未登记")
        return f"unit:{options.unit}"
    if options.role == "unit":
        raise Misuse("--role unit sees one unit: --unit", "--role unit 须填 --unit")
    tree = Tree(reader.regions())
    region = tree[locality(tree, "--region", options.region, now)]
    fits = {"province": not region.parent, "city": bool(region.place), "county": bool(region.parent)}
    if not fits.get(options.role, True):
        raise Misuse(
            f"--region {options.region} ({region.kind}) is not for --role {options.role}",
            f"--region {options.region}（{region.name}）与 --role {options.role} 不符",
        )
    return f"region:{region.code}"


def _hashed(options: argparse.Namespace) -> str:
    """Of the password in the file, from standard input or the terminal; never of an argument. Raises Misuse, Weak."""
    try:
        from center.web.passwords import hashed
    except ModuleNotFoundError as error:
        raise lacking(error) from error
    told = options.password_file
    if told == "-":
        text = sys.stdin.readline()
    elif told:
        try:
            text = read_plain(Path(told)).decode("utf-8")
        except (OSError, UnicodeError) as error:
            raise unreadable(told, error) from error
    else:
        if not sys.stdin.isatty():
            raise Misuse("no terminal to ask at: --password-file", "没有终端可输入口令：请用 --password-file")
        text = getpass.getpass("口令 password: ")
        if getpass.getpass("再次 again: ") != text:
            raise Misuse("the two are not the same", "两次输入不一致")
    return hashed(text.rstrip("\r\n"), options.name)


def _known(reader: Reader, name: str) -> Account:
    """Raises Misuse."""
    account = reader.account(name)
    if account is None:
        raise Misuse(f"there is no account {name}: user list", f"没有账号 {name}：见 user list")
    return account


def _enabled(reader: Reader, name: str) -> None:
    """Raises Misuse."""
    if _known(reader, name).disabled:
        raise Misuse(f"{name} is disabled: user password enables it", f"{name} 已停用：user password 可启用")


def _change(options: argparse.Namespace, act: str, password: str | None, *, disabled: bool) -> int:
    store = Store(options.database, create=False)
    try:
        with store.write() as tx:
            _known(tx, options.name)
            tx.change_account(options.name, password=password, disabled=disabled)
            tx.add_web_act(WebAct(now_ms(), options.name, "", act, "", "ok"))
    finally:
        store.close()
    answer(options, {"name": options.name, "disabled": disabled}, f"{options.name}  {act}")
    return FINE


def _password(options: argparse.Namespace) -> int:
    return _change(options, "password", _hashed(options), disabled=False)


def _disable(options: argparse.Namespace) -> int:
    return _change(options, "disable", None, disabled=True)


def _link(options: argparse.Namespace) -> int:
    try:
        from center.web.passwords import digest, token
    except ModuleNotFoundError as error:
        raise lacking(error) from error
    if not 1 <= options.hours <= 24 * 7:
        raise Misuse("--hours is 1 to 168", "--hours 应为 1 至 168")
    if options.site and not SITE.fullmatch(options.site):
        raise Misuse(
            f"--site {options.site!r} is no address of a site, such as https://canteen.example",
            f"--site {options.site!r} 不是网站地址，例如 https://canteen.example",
        )
    secret, until = token(), now_ms() + options.hours * 3_600_000
    store = Store(options.database, create=False)
    try:
        with store.write() as tx:
            _enabled(tx, options.name)
            tx.add_link(digest(secret), options.name, until)
            tx.add_web_act(WebAct(now_ms(), options.name, "", "link made", "", "ok"))
    finally:
        store.close()
    url = f"{options.site.rstrip('/')}/link/{secret}"
    answer(options, {"name": options.name, "link": url, "until": local(until).isoformat()}, url)
    return FINE


def _token(options: argparse.Namespace) -> int:
    try:
        from center.web.passwords import digest, token
    except ModuleNotFoundError as error:
        raise lacking(error) from error
    secret = token()
    store = Store(options.database, create=False)
    try:
        with store.write() as tx:
            _enabled(tx, options.name)
            tx.put_token(digest(secret), options.name, now_ms())
            tx.add_web_act(WebAct(now_ms(), options.name, "", "token made", "", "ok"))
    finally:
        store.close()
    answer(options, {"name": options.name, "token": secret}, secret)
    return FINE


def _list(options: argparse.Namespace) -> int:
    store = Store(options.database, create=False)
    with store.read() as reader:
        found = reader.accounts()
    store.close()
    at = options.lang == "en"
    state = ["disabled" if at else "已停用", ""]
    rows = [(one.name, ROLES[one.role][at], one.scope, minute(one.made_ms), state[not one.disabled]) for one in found]
    document = [
        {"name": one.name, "role": one.role, "scope": one.scope, "disabled": bool(one.disabled)} for one in found
    ]
    zh, en = ("账号", "角色", "范围", "自何时", "状态"), ("name", "role", "scope", "since", "state")
    columns = [Plain(text) for text in (en if at else zh)]
    tell(options, lambda: document, Listing(columns, rows))
    return FINE


def _log(options: argparse.Namespace) -> int:
    store = Store(options.database, create=False)
    with store.read() as reader:
        found = reader.web_acts(MOST, options.name)
        if options.name and not found:  # names that nobody has are in it too: of logins that failed
            _known(reader, options.name)
    store.close()
    rows = [(minute(one.at_ms), one.account, one.address, one.act, one.what, one.outcome) for one in found]
    zh, en = ("时间", "账号", "地址", "动作", "内容", "结果"), ("when", "account", "address", "act", "what", "outcome")
    columns = en if options.lang == "en" else zh
    tell(
        options,
        lambda: [one._asdict() | {"at": local(one.at_ms).isoformat()} for one in found],
        Listing([Plain(text) for text in columns], rows),
    )
    return FINE
