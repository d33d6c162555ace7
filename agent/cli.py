"""The command line: run, setup, discover, doctor, inspect, status, check-config, credential.

Exit codes: 0 fine, 1 found a problem, 2 misuse, an unusable configuration, what `doctor` could not check, or `run`
where another agent runs; `run` with an unusable configuration: 78, so that systemd does not start it for ever. JSON
goes to standard output with --json; tables are for people.
"""

import ipaddress
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from agent import causes, show
from agent.model import Camera, Credentials, Evidence, Ports, Seen
from agent.permit import onvif_login
from contract import logs, shipped
from contract.answering import ended, for_programs, tell
from contract.language import default_lang
from contract.messages import BROKEN_JSON, Verdict
from contract.plain import open_plain
from contract.problems import ConfigError, Language, Problem, Told, Unfit, Words, unreadable, why
from contract.text import visible
from contract.vocabulary import Standing

if TYPE_CHECKING:
    import argparse

    from agent.examine import Examined, Motion
    from agent.login_gate import LoginGate
    from agent.settings import Settings
    from contract.policy import Policy

EX_CONFIG = 78
MAX_AWAY_S = 120.0
MAX_INSPECTION_S = 3600.0
PIN_S = 8.0
"""For fetching a certificate."""


_STRANGE = Words(
    "{}: another device stands there, it is asked without login (see identity:)",
    "{}：该处是另一台设备，检测时不登录（见 identity:）",
)
_PUT_BACK = Words(
    "{}: an earlier run was interrupted; the camera is put back", "{}：上次检测中断时摄像机未复位，现已复位"
)


class Misuse(Told):
    """Something the caller must mend."""


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of `canteen-agent`."""
    words = list(sys.argv[1:] if argv is None else argv)
    match words:
        case ["run", "--config", path] if not path.startswith("-"):  # as the unit says it: see decision 9
            return ended("canteen-agent", partial(_watch, Path(path)), default_lang(), unusable=EX_CONFIG, bare=True)
    from contract.command_line import wanted_lang

    lang = wanted_lang(words)
    return ended("canteen-agent", partial(_typed, words, lang), lang, bare=True)


def _typed(words: Sequence[str], lang: Language) -> int:
    arguments = command_line(lang).parse_args(words)
    unusable = EX_CONFIG if arguments.command == "run" else 2
    return ended("canteen-agent", partial(arguments.act, arguments), lang, unusable=unusable, bare=True)


def command_line(lang: str = "zh") -> "argparse.ArgumentParser":
    """All commands and their options."""
    from agent.command_line import COMMANDS, parser

    acts = (_run, _setup, _check_config, _credential, _discover, _doctor, _inspect, _status)
    return parser(lang, dict(zip(COMMANDS, acts, strict=True)))


def _print_json(value: Any) -> None:
    for_programs(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")


# ---- run, check-config --------------------------------------------------------------------------


def _load(path: Path) -> "tuple[Settings, Policy]":
    from agent import settings

    loaded = settings.load(path)
    return loaded, _policy(loaded.policy)


def _policy(name: str) -> "Policy":
    from contract.policy import load_policy

    try:
        return load_policy(name)
    except OSError as error:
        raise (unreadable(name, error) if error.errno else _no_policy(name)) from None


def _no_policy(name: str) -> Misuse:
    known = ", ".join(shipped.names("policy"))
    return Misuse(f"no policy named {name!r}; shipped: {known}", f"没有名为 {name!r} 的政策；自带：{known}")


def _run(arguments: "argparse.Namespace") -> int:
    return _watch(arguments.config)


def _watch(config: Path) -> int:
    from agent import settings as configuration
    from agent.daemon import Daemon
    from agent.reload import begin_anew
    from agent.state_lock import StateLock

    settings = configuration.load_or_last_good(config)
    policy = _policy(settings.policy)
    logs.begin(settings.log.level.upper(), "%(levelname)s %(name)s: %(message)s")
    lock = StateLock(settings.state_dir)
    try:
        daemon = Daemon(settings, policy)
        code = daemon.run()
    finally:
        lock.release()
    if daemon.to_begin_anew:
        begin_anew()
    return code


def _setup(arguments: "argparse.Namespace") -> int:
    from agent.setup.command import run

    return run(arguments)


def _check_config(arguments: "argparse.Namespace") -> int:
    """0 also where something is only remarked: a name that cannot be resolved now, a line that is said to be open."""
    from agent.doctor.rows import SIGNS, Result
    from agent.doctor.surroundings import remarks

    settings, policy = _load(arguments.config)
    found = remarks(arguments.config, settings.state_dir)
    for one in found:
        tell(f"{SIGNS[one.result]} {one.problem.text(arguments.lang)}")
    words = {
        "zh": "配置可用：网关 {0}，摄像机 {1} 台，政策 {2}",
        "en": "usable: gateway {0}, {1} cameras, policy {2}",
    }
    print(words[arguments.lang].format(settings.gateway.id, len(settings.cameras), policy.id))
    return 1 if any(one.result is Result.WRONG for one in found) else 0


def _doctor(arguments: "argparse.Namespace") -> int:
    from agent.doctor.command import doctor

    return doctor(arguments.config, arguments.lang, into=arguments.bundle, as_json=arguments.json)


def _credential(arguments: "argparse.Namespace") -> int:
    """Ask for a secret, so that it stands in no argument and no history, and keep it beside the configuration."""
    from getpass import getpass

    from agent.settings.secret import write_credential

    asks = {"zh": "请输入密码（不显示）：", "en": "the password (not shown): "}[arguments.lang]
    try:
        if sys.stdin is None:
            raise Misuse("standard input is closed: the password is read from it", "标准输入已关闭：密码从标准输入读取")
        text = getpass(asks) if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")
        path = write_credential(arguments.name, text, folder=arguments.config.absolute().parent)
    except Unfit as unfit:
        raise _misfit(arguments.name, unfit) from None
    except (OSError, UnicodeDecodeError) as error:
        place, reason = arguments.config.absolute().parent / "credentials", why(error)
        raise Misuse(
            f"the password cannot be kept in {place}: {reason.en}", f"密码无法保存到 {place}：{reason.zh}"
        ) from None
    print(visible({"zh": f"已保存：{path}", "en": f"kept: {path}"}[arguments.lang]))
    return 0


# ---- discover -----------------------------------------------------------------------------------


def _discover(arguments: "argparse.Namespace") -> int:
    from agent.ask.discovery import round as discovery
    from agent.ask.discovery.schedule import MAX_TARGETS, UNICAST_PER_S

    if not 1 <= arguments.timeout <= 60:
        raise _out_of_range("--timeout", arguments.timeout, 60)
    size = sum(map(_size, arguments.subnet))
    if size > MAX_TARGETS:
        raise Misuse(
            f"--subnet: {size} addresses, more than the {MAX_TARGETS} of a /20 that are asked one by one in a round:"
            " name smaller ones, one after the other",
            f"--subnet：共 {size} 个地址，超过一轮逐个询问的上限 {MAX_TARGETS} 个（/20）：请分几次填写较小的网段",
        )
    with show.asking(size, arguments.timeout + size / UNICAST_PER_S, arguments.lang):
        found = discovery.probe(
            discovery.DiscoveryOptions(
                interfaces=tuple(arguments.interface),
                subnets=tuple(arguments.subnet),
                duration_s=arguments.timeout,
                loopback=arguments.loopback,
            )
        )
    if arguments.json:
        _print_json((*found.found, *found.announced))
    else:
        show.discovered(found, arguments.lang)
    for note in found.notes:
        tell(f"! {causes.note(note, arguments.lang)}")
    return 0 if found.found else 1


def _size(subnet: str) -> int:
    try:
        network = ipaddress.IPv4Network(subnet, strict=False)
        if network.is_multicast or network.is_reserved or (network.is_unspecified and network.prefixlen):
            raise ValueError(subnet)
    except ValueError:
        raise Misuse(
            f"--subnet must be a network such as 192.168.2.0/24, not {subnet!r}",
            f"--subnet 应为网段，例如 192.168.2.0/24；不能是 {subnet!r}",
        ) from None
    return network.num_addresses


# ---- inspect ------------------------------------------------------------------------------------


def _inspect(arguments: "argparse.Namespace") -> int:
    from agent.acceptance import Inspection, Report
    from agent.ask.box import clocks
    from agent.decide.judge import judge
    from agent.examine import STEPS, examine
    from agent.hand_logins import HandLogins

    if arguments.with_pictures and not arguments.report:
        raise Misuse(
            "--with-pictures puts pictures into the report: give --report DIR too",
            "--with-pictures 把画面放进检测报告：请同时给出 --report 目录",
        )
    if not 1 <= arguments.timeout <= MAX_INSPECTION_S:
        raise _out_of_range("--timeout", arguments.timeout, MAX_INSPECTION_S)
    gateway, folder = "", Path.cwd()
    if arguments.address:
        cameras: Sequence[Camera] = [_camera(arguments)]
        policy = _policy(arguments.policy or "henan-2021-45")
    else:
        settings, policy = _load(arguments.config)
        gateway, folder = settings.gateway.id, settings.state_dir
        cameras = settings.cameras
        policy = _policy(arguments.policy) if arguments.policy else policy
    with _writing():  # before any camera is asked
        report = Report(arguments.report, gateway or arguments.address) if arguments.report else None
    logins = HandLogins(
        _state_dir(arguments.config) if arguments.address else folder, forced=arguments.login_now, lang=arguments.lang
    )
    cameras = _trusted(cameras, logins.gate, arguments.lang)
    if not arguments.login_now:
        logins.announce(cameras)
    with show.progress(STEPS * len(cameras), arguments.lang) as advance:
        found = examine(
            cameras,
            door=logins.gate,
            auth={},
            deadline_s=arguments.timeout,
            motion=_motion(arguments, cameras, folder, logins.gate),
            sound=arguments.sound,
            advance=advance,
            thumbnails=arguments.with_pictures,
        )
    logins.conclude()
    results = [
        Inspection(camera, one.evidence, judge(one.evidence, policy))
        for camera, one in zip(cameras, found, strict=True)
    ]
    if not arguments.json:
        for result in results:
            show.inspected(*result, arguments.lang)
    if arguments.json:
        records = [_record(*result) for result in results]
        _print_json(records[0] if arguments.address else records)
    if report:
        with _writing():
            report.write(
                results,
                policy,
                gateway,
                lang=arguments.lang,
                clock_synced=clocks.clock().synced,
                pictures=_thumbnails(found) if arguments.with_pictures else None,
            )
        print(report.path, file=sys.stderr if arguments.json else sys.stdout)
    return 0 if all(v.standing is Standing.MET for _, _, verdicts in results for v in verdicts) else 1


def _thumbnails(found: "Iterable[Examined]") -> dict[str, bytes]:
    return {one.evidence.slot: one.thumbnail for one in found if one.thumbnail}


def _state_dir(config: Path) -> Path | None:
    """Where the agent of this box keeps what it knows; None where there is no configuration that can be read."""
    from agent import settings

    try:
        return settings.load(config, secrets=False).state_dir
    except (ConfigError, OSError):
        return None


def _trusted(cameras: Sequence[Camera], gate: "LoginGate", lang: Language) -> list[Camera]:
    """Without credentials where the running agent found another device than the enrolled one."""
    strange = {camera.slot for camera in cameras if gate.is_barred(camera.slot)}
    for slot in sorted(strange):
        tell(_STRANGE.text(lang).format(slot))
    bare = {"credentials": None, "rtsp_credentials": None}
    return [msgspec.structs.replace(one, **bare) if one.slot in strange else one for one in cameras]


def _motion(
    arguments: "argparse.Namespace", cameras: Sequence[Camera], folder: Path, gate: "LoginGate"
) -> "Motion | None":
    """Permission to move, after whatever an interrupted run left turned away has been put back."""
    if not arguments.move:
        return None
    from agent.ask.ptz import parent as ptz
    from agent.examine import Motion

    by_slot = {camera.slot: camera for camera in cameras}
    motion = Motion(max_away_s=MAX_AWAY_S, intent_file=folder / "moving.json")
    back = ptz.put_back(
        motion.intent_file,
        by_slot.get,
        allowed=lambda slot: gate.may(by_slot[slot], onvif_login),
        met=lambda camera, how: gate.met(camera, onvif_login, how),
    )
    for slot in back:
        tell(_PUT_BACK.text(arguments.lang).format(slot))
    return motion


@contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = why(error)
        raise Misuse(
            f"cannot write the report: {error.filename}: {reason.en}", f"无法写入报告：{error.filename}：{reason.zh}"
        ) from None


def _camera(arguments: "argparse.Namespace") -> Camera:
    from agent.settings import entries

    host, port = _place(arguments.address)
    if not 0 < arguments.rtsp_port < 65536:
        raise Misuse(
            f"--rtsp-port must be 1 to 65535, not {arguments.rtsp_port}",
            f"--rtsp-port 应为 1 至 65535，不能是 {arguments.rtsp_port}",
        )
    with _option("--path"):
        if not entries.path(arguments.path):
            raise Unfit("path")
    with _option("--tls-pin"):
        pin = entries.fingerprint(arguments.tls_pin) if arguments.tls_pin else ""
        if pin and arguments.tls != "pin":
            raise Unfit("pin_unused", tls=arguments.tls)
    camera = Camera(
        slot="camera",
        address=host,
        ports=Ports(onvif=port or (80 if arguments.tls == "off" else 443), rtsp=arguments.rtsp_port),
        credentials=_credentials(arguments),
        onvif_path=arguments.path,
        tls=arguments.tls,
        tls_pin=pin,
    )
    return _pinned(camera) if camera.tls == "pin" else camera


def _pinned(camera: Camera) -> Camera:
    """With the pin that the certificate has now, which is printed, where none was given."""
    from agent.ask.attempt import Deadline
    from agent.ask.inspection import certificate

    shown = certificate(camera, Deadline(PIN_S))
    if not shown:
        at = camera.address, camera.ports.onvif
        raise Misuse(
            "nobody speaks TLS at {} port {}: check address and port".format(*at),
            "{} 的端口 {} 没有 TLS 服务：请核对地址和端口".format(*at),
        )
    tell(f"tls_pin: {shown}")
    return camera if camera.tls_pin else msgspec.structs.replace(camera, tls_pin=shown)


def _out_of_range(option: str, value: float, most: float) -> Misuse:
    return Misuse(
        f"{option} must be 1 to {most:g} seconds, not {value:g}", f"{option} 应为 1 至 {most:g} 秒，不能是 {value:g}"
    )


@contextmanager
def _option(name: str) -> Iterator[None]:
    """What does not fit is told of this option."""
    try:
        yield
    except Unfit as unfit:
        raise _misfit(name, unfit) from None


def _misfit(name: str, unfit: Unfit) -> Misuse:
    problem = Problem(source=name, line=0, code=unfit.code, params=unfit.params)
    return Misuse(problem.text("en"), problem.text("zh"))


def _place(typed: str) -> tuple[str, int]:
    """Address and port, 0 = none was typed."""
    from agent.settings import entries

    host, colon, port = typed.partition(":")
    try:
        if colon and (not (port.isascii() and port.isdecimal()) or not 0 < int(port) < 65536):
            raise Unfit("ipv4")
        return entries.ipv4(host), int(port or 0)
    except (Unfit, ValueError):
        raise Misuse(
            "--address must be an IPv4 address of a camera such as 192.168.1.64 or 192.168.1.64:8000, ports 1 to 65535",
            "--address 应为摄像机的 IPv4 地址，例如 192.168.1.64 或 192.168.1.64:8000，端口为 1 至 65535",
        ) from None


def _credentials(arguments: "argparse.Namespace") -> Credentials | None:
    from agent.settings import entries, secret

    if (arguments.username is None) != (arguments.password_file is None):
        raise Misuse("--username and --password-file go together", "--username 与 --password-file 须同时给出")
    if arguments.username is None:
        return None
    with _option("--username"):
        entries.one_line(arguments.username)
    try:
        with open_plain(arguments.password_file) as file, _option("--password-file"):
            password = secret.from_bytes(file.read(secret.MAX_FILE_BYTES + 1), arguments.password_file)
    except OSError as error:
        raise unreadable(str(arguments.password_file), error) from None
    return Credentials(arguments.username, password.reveal())


def _record(camera: Camera, evidence: Evidence, verdicts: Sequence[Verdict]) -> dict[str, Any]:
    device = evidence.capabilities.device
    return {
        "camera": {"slot": camera.slot, "name": camera.name, "address": camera.address, "port": camera.ports.onvif},
        "identity": device.value if isinstance(device, Seen) else None,
        "look": evidence.look,
        "evidence": evidence,
        "verdicts": verdicts,
    }


# ---- status -------------------------------------------------------------------------------------


def _status(arguments: "argparse.Namespace") -> int:
    from agent import settings, status
    from agent.ask.attempt import boot_ms
    from agent.ask.box.clocks import boot_id

    files = [status.place(folder) for folder in settings.state_dirs(arguments.config)]
    file = next((one for one in files if one.exists()), files[0])
    try:
        now = status.read(file)
    except FileNotFoundError:
        settings.load(arguments.config, secrets=False)  # its mistakes are the better answer
        raise Misuse(f"no running agent: {file} is not there", f"代理没有运行：没有文件 {file}") from None
    except OSError as error:
        raise unreadable(str(file), error) from None
    except BROKEN_JSON:
        raise Misuse(
            f"{file} is of another version, or damaged: restart the agent, which writes it anew",
            f"{file} 是其他版本的文件，或已损坏：请重启代理，它会重新写入",
        ) from None
    age_s = status.age_s(now, boot_id(), boot_ms())
    if arguments.json:
        _print_json(now)
    else:
        show.status(now, age_s, arguments.lang)
    healthy = (
        age_s < show.STALE_S
        and not now.journal.trouble
        and not now.config
        and all(camera.availability == "online" for camera in now.cameras)
    )
    return 0 if healthy else 1
