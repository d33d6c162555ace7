"""What canteen-center gateway does: bundles for boxes, revocation, who is enrolled, renewal."""

import argparse
import threading
from collections.abc import Sequence
from pathlib import Path

from center.arguments import Misuse, broker_options, host_and_port, locality, now_ms
from center.commands import FINE, PROBLEM
from center.commands.ca import spoken_for
from center.enrolment import authority as authorities
from center.enrolment import broker_files
from center.enrolment.answers import Rules
from center.enrolment.authority import Authority
from center.enrolment.bundle import Door
from center.enrolment.enrolling import Order, enroll, finish, standing
from center.enrolment.listing import STATES, Held, listed
from center.enrolment.renewing import Renewing
from center.forms import LOG, Listing, err, out, tell
from center.placing import alone, make_folder, placed
from center.registry.command import somebody
from center.registry.tree import Tree
from center.show import minute, word
from center.store import Reader, Store
from center.store.enrolled import Box, Enrolment
from contract import logs
from contract.language import saying
from contract.plain import read_plain
from contract.problems import unreadable
from contract.stopping import on_signals

MOST_DAYS = 3650
LISTED = 10
PROGRESS = 1000
COLUMNS = ("gateway", "unit", "state", "enrolled", "renewed", "expires", "reason")


# ---- enroll -------------------------------------------------------------------------------------


def enrolled(options: argparse.Namespace) -> int:
    _valid_days(options.days)
    door = _door(options)
    authority, at_ms, lang = authorities.load(options.authority), now_ms(), options.lang
    spoken_for(bool(door.ca) or authority.speaks_for(door.host), "--broker", door.host)
    ca = door.ca or authority.pem
    store = Store(options.database, create=False)
    out_folder: Path = options.out
    make_folder(out_folder, "--out")
    make_folder(_broker_folder(options), "--broker-files")  # before a certificate is given that no broker is told of
    with placed(out_folder, "--out"), alone(out_folder):
        finish(store, out_folder)
        with store.read() as reader:
            chosen = _chosen(options, reader, at_ms)
            there = standing(reader.enrolments([box.gateway for box in chosen]))
        if options.from_registry and not options.again:
            skipped = len(chosen)
            chosen = [box for box in chosen if box.gateway not in there]
            skipped -= len(chosen)
        elif there and not options.again:
            raise Misuse(*_stands(there))
        else:
            skipped = 0
        order = Order(door._replace(ca=ca), options.days, options.by or somebody(), options.again, at_ms)
        count = len(chosen)
        done = enroll(
            store, authority, chosen, order, out_folder, lambda n: err(f"{n}/{count}") if count > PROGRESS else None
        )
    _tell_broker(options, store, authority)
    store.close()
    _say_done(options, done, skipped, lang)
    return FINE


def _say_done(options: argparse.Namespace, done: int, skipped: int, lang: str) -> None:
    zh, en = f"{options.out}：发放 {done} 个", f"{options.out}: {done} bundles"
    if skipped:
        zh, en = f"{zh}，已有证书的 {skipped} 个未重发", f"{en}; {skipped} have a certificate already"
    say = saying(lang)
    out(say(zh, en))
    out(
        say(
            "每个文件都含有私钥：只交给对应的设备，装好后删除",
            "each holds a private key: give it to its box alone, and delete it once it is set up",
        )
    )


def _valid_days(days: int) -> None:
    if not 1 <= days <= MOST_DAYS:
        raise Misuse(f"--days {days} must be 1 to {MOST_DAYS}", f"--days {days} 须为 1 至 {MOST_DAYS}")


def _door(options: argparse.Namespace) -> Door:
    """`ca` is b"" where the broker's certificate is of the same authority."""
    host, port = host_and_port("--broker", options.broker)
    if not 0 <= options.recovery_port < 65536 or options.recovery_port == port:
        raise Misuse(
            f"--recovery-port {options.recovery_port} is no port of its own (0: none)",
            f"--recovery-port {options.recovery_port} 不是另一个可用端口（0 为不设）",
        )
    try:
        ca = read_plain(options.broker_ca) if options.broker_ca else b""
    except OSError as error:
        raise unreadable(str(options.broker_ca), error) from error
    if options.broker_ca and b"-----BEGIN CERTIFICATE-----" not in ca:
        raise Misuse(
            f"--broker-ca {options.broker_ca}: no certificate in PEM", f"--broker-ca {options.broker_ca}：不是 PEM 证书"
        )
    return Door(host, port, options.recovery_port, ca)


def _chosen(options: argparse.Namespace, reader: Reader, at_ms: int) -> list[Box]:
    """Raises Misuse for a gateway that is not registered, or that the registry says is revoked."""
    if bool(options.gateways) is options.from_registry:
        raise Misuse(
            "name gateways, or give --from-registry: one of the two", "请写出网关编号，或使用 --from-registry，二选一"
        )
    if options.county and not options.from_registry:
        raise Misuse("--county goes with --from-registry", "--county 须与 --from-registry 同用")
    boxes = reader.registered_boxes(at_ms)
    gone = {box.gateway for box in boxes if box.revoked_ms is not None and box.revoked_ms <= at_ms}
    if options.from_registry:
        tree = Tree(reader.regions())
        within = locality(tree, "--county", options.county, at_ms) if options.county else ""
        return [box for box in boxes if box.gateway not in gone and _is_within(tree, box, within)]
    known = {box.gateway: box for box in boxes if box.gateway not in gone}
    names = list(dict.fromkeys(options.gateways))
    if missing := [name for name in names if name not in known]:
        raise Misuse(
            f"not in the registry, or revoked there: {_first(missing)}: canteen-center gateways lists them",
            f"未登记或已在登记表中注销：{_first(missing)}；已有的见 canteen-center gateways",
        )
    return [known[name] for name in names]


def _is_within(tree: Tree, box: Box, within: str) -> bool:
    return not within or any(within in tree.chain(region) for region in box.regions)


def _stands(there: dict[str, Enrolment]) -> tuple[str, str]:
    shown = [f"{one.gateway} ({minute(one.expires_ms)})" for one in there.values()]
    return (
        f"enrolled already, until: {_first(shown)}; --again gives another and revokes this one",
        f"已发放（有效期至）：{_first(shown)}；--again 重新发放并吊销原证书",
    )


def _first(names: Sequence[str]) -> str:
    more = len(names) - LISTED
    return ", ".join(names[:LISTED]) + (f" … +{more}" if more > 0 else "")


# ---- revoke, and what the broker must know ------------------------------------------------------


def revoked(options: argparse.Namespace) -> int:
    authority, at_ms = authorities.load(options.authority), now_ms()
    if not options.reason.strip() or not options.reason.isprintable():
        raise Misuse("--reason: say why, in one line", "--reason：请用一行写明原因")
    store = Store(options.database, create=False)
    names = list(dict.fromkeys(options.gateways))
    make_folder(_broker_folder(options), "--broker-files")
    with store.write() as tx:
        # what is revoked already passes: the broker may not have been told of it
        given = {one.gateway for one in tx.enrolments(names)}
        if missing := [name for name in names if name not in given]:
            raise Misuse(
                f"no certificate to revoke: {_first(missing)}: canteen-center gateway list",
                f"没有可吊销的证书：{_first(missing)}；见 canteen-center gateway list",
            )
        count = tx.revoke_enrolments(names, at_ms, options.by or somebody(), options.reason)
    _tell_broker(options, store, authority)
    store.close()
    out(
        f"已吊销 {len(names)} 台网关的 {count} 张证书"
        if options.lang == "zh"
        else f"{len(names)} gateways: {count} certificates revoked"
    )
    return FINE


def _tell_broker(options: argparse.Namespace, store: Store, authority: Authority) -> None:
    """Also where nothing has changed: a run before this one may have been cut off."""
    folder = _broker_folder(options)
    with placed(folder, "--broker-files"), store.read() as reader:
        broker_files.write(reader, authority, folder, now_ms())
    if options.pid_file:
        broker_files.reload(options.pid_file)
    else:
        command = broker_files.RELOAD
        zh, en = f"{folder} 已写好，请执行：{command}", f"{folder} is written; now run: {command}"
        out(zh if options.lang == "zh" else en)


def _broker_folder(options: argparse.Namespace) -> Path:
    folder: Path = options.broker_files or options.authority / "broker"
    return folder


# ---- list, answer -------------------------------------------------------------------------------


def shown(options: argparse.Namespace) -> int:
    store, at_ms, lang = Store(options.database, create=False), now_ms(), options.lang
    with store.read() as reader:
        found = listed(reader.registered_boxes(at_ms), reader.enrolments(), at_ms)
    store.close()
    rows = [_cells(one, lang) for one in found]
    listing = Listing(COLUMNS, rows, (), ("gateway", "state", "enrolled", "renewed", "expires"))
    counts = "  ".join(f"{word(_word(state), lang)} {sum(one.state == state for one in found)}" for state in STATES)
    tell(options, lambda: [one._asdict() for one in found], listing, lines=[counts])
    return PROBLEM if any(one.state in ("expired", "due") for one in found) else FINE


def _cells(one: Held, lang: str) -> tuple[str, ...]:
    times = (minute(ms)[:10] if ms else "-" for ms in (one.enrolled_ms, one.renewed_ms, one.expires_ms))
    return (one.gateway, one.unit or "-", word(_word(one.state), lang), *times, one.reason)


def _word(state: str) -> str:
    return state if state == "revoked" else f"certificate_{state}"


def answering(options: argparse.Namespace) -> int:
    logs.begin("INFO", LOG)
    _valid_days(options.days)
    authority = authorities.load(options.authority)
    how = broker_options(options, options.username or "center-renewal")
    stop = on_signals(threading.Event())
    store = Store(options.database, create=False)
    renewing = Renewing(store, authority, how, Rules(options.days), now_ms)
    renewing.start()
    try:
        while not stop.wait(1.0):
            renewing.tend()
    finally:
        renewing.stop()
        store.close()
    return FINE
