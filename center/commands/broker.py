"""canteen-center broker: who may log in there, written as its configuration; which version a NATS is."""

import argparse
import json
import re
import socket
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from center.accounts import Account, mosquitto, nats
from center.arguments import Making, Misuse, host_and_port
from center.commands import FINE, PROBLEM
from center.forms import out
from center.holes import nats_hole
from center.placing import beside
from center.store import Store
from contract.messages import CITY_PATTERN, GATEWAY_PATTERN
from contract.plain import read_plain
from contract.problems import Words, unreadable, why

KINDS: dict[str, Callable[[Iterable[Account]], str]] = {"mosquitto": mosquitto, "nats": nats}
OURS = {"mosquitto": re.compile(r"[^:]+:\$.*"), "nats": re.compile(r"users = \[")}
"""The first line of a file of users: nothing else is replaced."""
PATIENCE_S = 5.0
INFO = 64_000
LISTED = 10
_GATEWAY = re.compile(f"{CITY_PATTERN.strip('^$')}/{GATEWAY_PATTERN.strip('^$')}")


def add(making: Making) -> None:
    say = making.say
    making = making.within("broker", "消息服务器的用户文件和版本检查", "users of the broker, and its version")
    zh, en = "写出用户文件：登记的网关和中心", "write the file of users: registered gateways and the center"
    users = making.command("users", _users, zh, en)
    kind = say("消息服务器的种类", "which broker")
    users.add_argument("--for", dest="kind", choices=tuple(KINDS), required=True, help=kind)
    zh, en = "口令文件：每行“用户:口令”，只有本人可读", "a line USER:PASSWORD for each, readable by nobody else"
    users.add_argument("--passwords", type=Path, required=True, metavar="FILE", help=say(zh, en))
    users.add_argument("--out", type=Path, required=True, metavar="FILE", help=say("写到哪里", "where to write it"))
    zh, en = "检查 NATS 的版本（其客户端端口）", "whether the version of a NATS has known holes, at its client port"
    check = making.command("check", _check, zh, en, database=False)
    check.add_argument("--nats", required=True, metavar="HOST:PORT", help=say("客户端端口，如 4222", "such as :4222"))


def _users(options: argparse.Namespace) -> int:
    store = Store(options.database, create=False)
    with store.read() as reader:
        revoked = reader.revoked()
        boxes = sorted(f"{city}/{box}" for box, city in reader.addresses().items() if box not in revoked)
    store.close()
    known = _passwords(options.passwords)
    missing = [user for user in boxes if user not in known]
    if missing:
        raise Misuse(*_listed(options.passwords, missing))
    others = sorted(user for user in known if not _GATEWAY.fullmatch(user))
    accounts = [Account(user, known[user], gateway=False) for user in others]
    accounts += [Account(user, known[user], gateway=True) for user in boxes]
    _write(options.out, KINDS[options.kind](accounts), options.kind)
    here = f"{options.out}: {len(boxes)} gateways, {len(others)} others"
    out(here if options.lang == "en" else f"{options.out}：网关 {len(boxes)} 个，其他用户 {len(others)} 个")
    return FINE


def _listed(file: Path, missing: list[str]) -> Words:
    more = len(missing) - LISTED
    first = ", ".join(missing[:LISTED])
    return Words(
        f"{file}: no password for {first}" + (f" and {more} more" if more > 0 else "") + ": add a line USER:PASSWORD",
        f"{file}：缺少口令：{first}" + (f" 等共 {len(missing)} 个" if more > 0 else "") + "；每行一个“用户:口令”",
    )


def _passwords(file: Path) -> dict[str, str]:
    """User -> password. Raises Misuse with the line; never tells what stands there."""
    try:
        if file.stat().st_mode & 0o077:
            raise Misuse(f"{file}: others can read it: chmod 600", f"{file}：他人可读，请执行 chmod 600")
        lines = read_plain(file).decode("utf-8").splitlines()
    except OSError as error:
        raise unreadable(str(file), error) from error
    except UnicodeDecodeError as error:
        raise Misuse(f"{file}: not UTF-8", f"{file}：不是 UTF-8 文本") from error
    found: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        user, colon, password = line.partition(":")
        if not line.strip():
            continue
        if not colon or not user.strip() or not password or not line.isprintable() or user in found:
            raise Misuse(
                f"{file} line {number}: not USER:PASSWORD in visible characters, or a user for the second time",
                f"{file} 第 {number} 行：不是“用户:口令”（可见字符），或用户重复",
            )
        found[user] = password
    return found


def _write(file: Path, text: str, kind: str) -> None:
    """As a whole or not at all, readable by its owner alone: a broker may read it at any moment."""
    try:
        first = read_plain(file).decode(errors="replace").strip().partition("\n")[0] if file.is_file() else ""
        if first and not OURS[kind].fullmatch(first):
            raise Misuse(
                f"--out {file}: something else is there, no users of {kind}: name another file",
                f"--out {file}：其中不是 {kind} 的用户，请换一个文件名",
            )
        with beside(file, private=True) as whole:
            whole.write_text(text, "utf-8")
    except OSError as error:
        raise Misuse(*(f"--out {error.filename or file}: {words}" for words in why(error))) from error


# ---- which version


def _check(options: argparse.Namespace) -> int:
    host, port = host_and_port("--nats", options.nats)
    try:
        version = _version(host, port)
    except OSError as error:
        words = why(error)
        raise Misuse(f"--nats {options.nats}: {words.en}", f"--nats {options.nats}：{words.zh}") from error
    if not version:
        raise Misuse(
            f"--nats {options.nats}: no NATS speaks there; name its client port, not that of MQTT",
            f"--nats {options.nats}：不是 NATS 的客户端端口；请填写客户端端口，而非 MQTT 端口",
        )
    hole = nats_hole(version)
    out(hole.text(options.lang) if hole else f"NATS {version}")
    return PROBLEM if hole else FINE


def _version(host: str, port: int) -> str:
    """As a NATS tells everybody before the login; "" from anybody else."""
    with socket.create_connection((host, port), PATIENCE_S) as connection:
        try:
            line = b"".join(_until_newline(connection))
            told = json.loads(line.removeprefix(b"INFO "))
        except (TimeoutError, ValueError):
            return ""
    return str(told.get("version", ""))[:40] if isinstance(told, dict) else ""


def _until_newline(connection: socket.socket) -> Iterator[bytes]:
    size = 0
    while size < INFO and (some := connection.recv(4096)):
        yield some
        size += len(some)
        if b"\n" in some:
            return
