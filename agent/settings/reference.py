"""docs/configuration.md, made of the definitions in entries.py: `python -m agent.settings.reference [--check]`.

Meanings in English are the docstrings there; in Chinese they stand here, for every key.
"""

import argparse
import ast
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import msgspec.inspect as mi
from msgspec import NODEFAULT, Struct

from agent.settings import entries
from contract.expectation import expectation, unwrap
from contract.problems import Words

FILE = Path(__file__).resolve().parents[2] / "docs" / "configuration.md"
HEAD = """# 配置参考 / Configuration reference

`agent.yaml` 的每一项。本页由程序中的定义生成，不手改：`python -m agent.settings.reference`。
例子：[agent.example.yaml](../config/agent.example.yaml)；检查：`canteen-agent check-config agent.yaml`。
时长写数字加单位（500ms、30s、5m、24h、1d）；相对路径从配置文件所在目录算起。

Every key of `agent.yaml`, made of the program's own definitions. Durations are a number and a unit;
paths count from the configuration's folder.
"""
COLUMNS = "| 键 key | 值 value | 默认 default | 含义 meaning |\n|---|---|---|---|"
SHOWN = 6
"""Of a list."""
CHINESE = {
    "File.keepalive": "MQTT 静默多久后视为断线（的 1.5 倍）",
    "File.broker": "同一消息服务器或集群的各地址，依次尝试",
    "File.state_dir": "日志库和状态所在文件夹，只供一个代理使用",
    "File.policy": "随程序提供的政策名，或文件路径",
    "File.metrics": "null = 不监听",
    "GatewayEntry": "本网关是谁",
    "GatewayEntry.id": "中心发放的编号，全国唯一",
    "GatewayEntry.city": "行政区划代码的前四位",
    "TlsEntry": "PEM 文件：路径（从配置文件所在目录算起），或 credential:名称",
    "TlsEntry.ca": "签发消息服务器证书的机构",
    "TlsEntry.cert": "本网关的证书；null = 只用密码登录",
    "TlsEntry.key": "cert 的私钥",
    "RecoveryEntry": "关机期间证书到期的网关在此端口申请新证书",
    "RecoveryEntry.port": "TCP 端口，使用该服务器的 TLS",
    "RecoveryEntry.password": "入网时发放的恢复口令",
    "BrokerEntry": "消息服务器的一个地址",
    "BrokerEntry.host": "主机名或地址",
    "BrokerEntry.port": "TCP 端口",
    "BrokerEntry.tls": "null = 不加密，须明写；服务器就在本机时可省略",
    "BrokerEntry.username": "null = {city}/{id}；各地址用同一账号",
    "BrokerEntry.password": "null = 没有（以证书登录）",
    "BrokerEntry.recovery": "null = 没有：证书到期后须由人重新入网",
    "LookEntry": "摄像机能否打开",
    "LookEntry.interval": "两次查看的间隔",
    "LookEntry.deadline": "一次查看的上限，含重试；须小于 interval",
    "HeartbeatEntry": "向中心报平安；180 秒没有消息即为失联",
    "HeartbeatEntry.interval": "间隔，随机浮动 10%",
    "CapabilityEntry": "摄像机能做什么",
    "CapabilityEntry.interval": "两次检测的间隔",
    "CapabilityEntry.deadline": "全部摄像机合计的上限；须小于 interval",
    "PictureEntry": "画面检查：解码、测量后即丢弃",
    "PictureEntry.enabled": "是否检查画面",
    "PictureEntry.interval": "两轮的间隔",
    "PictureEntry.deadline": "全部摄像机合计的上限；须小于 interval",
    "MovementEntry": "动作验证：转动、变焦、调焦，看画面是否跟随，再转回原处",
    "MovementEntry.enabled": "是否转动；看得见、听得到，先告知使用单位",
    "MovementEntry.window": "北京时间；在此时段内不能完成的不开始",
    "MovementEntry.interval": "每台摄像机两次转动的间隔",
    "MovementEntry.max_away": "离开原画面的时间上限",
    "MovementEntry.sound": "另在能对讲的摄像机上播放一秒测试音并收听",
    "DiscoveryEntry": "用 WS-Discovery 发现摄像机",
    "DiscoveryEntry.enabled": "是否发现；换了地址的摄像机靠它找回",
    "DiscoveryEntry.interfaces": "网卡名或地址；空 = 所有合适的",
    "DiscoveryEntry.subnets": "组播到不了、逐个询问的网段",
    "DiscoveryEntry.allow_large": "允许大于 /23 的网段",
    "DiscoveryEntry.interval": "两轮的间隔",
    "DiscoveryEntry.duration": "每轮收听的时长",
    "DiscoveryEntry.ports": "应答可以指定的 ONVIF 端口；其他的只记录，不使用",
    "DiscoveryEntry.hello": "收听摄像机的上线通告（UDP 3702）",
    "DiscoveryEntry.loopback": "也在回环网卡上询问（模拟摄像机用）",
    "CredentialEntry": "摄像机按名称引用的账号",
    "CredentialEntry.user": "在摄像机上的用户名，最好只读",
    "CredentialEntry.password": "密码存放在哪里",
    "IdentityEntry": '设备是谁，已知的部分；"" = 不知道',
    "IdentityEntry.mac": "网卡的 MAC 地址",
    "IdentityEntry.epr": "WS-Discovery 端点，例如 urn:uuid:…",
    "IdentityEntry.serial": "设备自报的序列号",
    "RecorderEntry": "录像机上显示同一摄像机的通道：摄像机自己没有空位时由它作证",
    "RecorderEntry.address": "录像机的地址，不是摄像机的",
    "RecorderEntry.rtsp_port": "TCP 端口",
    "RecorderEntry.stream_path": "该通道 RTSP 地址的路径和参数",
    "RecorderEntry.credentials": "credentials 下的名称；null = 从不登录",
    "CameraEntry": "一个点位，及登记在此的设备",
    "CameraEntry.slot": "点位编号，与中心登记一致",
    "CameraEntry.address": "现在的地址；登记的设备换了地址会被找回",
    "CameraEntry.name": "给人看的名称",
    "CameraEntry.zone": "给人看的部位",
    "CameraEntry.onvif_port": "ONVIF 的 TCP 端口",
    "CameraEntry.rtsp_port": "取流的 TCP 端口",
    "CameraEntry.onvif_path": "ONVIF 设备服务的路径",
    "CameraEntry.stream_path": 'RTSP 地址的路径和参数；"" = 询问 ONVIF',
    "CameraEntry.channel": "一个地址有多台摄像机时：视频源或配置的标识",
    "CameraEntry.tls": "ONVIF 怎样连接：不用 TLS；由机构签发的证书；就是这一张证书",
    "CameraEntry.tls_pin": "摄像机证书的 SHA-256，用于 tls: pin",
    "CameraEntry.credentials": "credentials 下的名称；null = 从不登录",
    "CameraEntry.rtsp_credentials": "RTSP 另有账号时；null = 与 credentials 相同",
    "CameraEntry.allow_basic": "摄像机只支持明文认证时，允许以明文发送密码",
    "CameraEntry.panoramic": "固定的全景摄像机（鱼眼或多镜头）",
    "CameraEntry.recorder": "现场录像机上显示本摄像机的通道；null = 不问",
    "LogEntry": "日志写多少",
    "LogEntry.level": "至少何种级别；debug 记录每一次查看",
    "MetricsEntry": "供本机 Prometheus 读取的指标：http://127.0.0.1:端口/metrics",
    "MetricsEntry.port": "回环网卡上的 TCP 端口",
}
"""Struct, or struct and field -> its meaning."""


class Section(NamedTuple):
    """`path`: as the keys are written; "" is the top."""

    path: str
    struct: type[Struct]


def document() -> str:
    """The whole page. Raises KeyError for a key without Chinese."""
    return (
        "\n".join([HEAD, *(line for section in _sections(Section("", entries.File)) for line in _lines(section))])
        + "\n"
    )


def _sections(section: Section) -> Iterator[Section]:
    """It, and what lies in it, in the order of the definitions."""
    yield section
    for _, inner in _fields(section):
        if inner:
            yield from _sections(inner)


def _fields(section: Section) -> Iterator[tuple[mi.Field, Section | None]]:
    """Each field, with the section that stands in it."""
    info: Any = mi.type_info(section.struct)
    for field in info.fields:
        struct, mark = _inner(field.type)
        yield field, Section(f"{section.path}.{field.encode_name}{mark}".lstrip("."), struct) if struct else None


def _inner(type_: mi.Type) -> tuple[type[Struct] | None, str]:
    """The struct that a value of this type is made of, and how its place is written behind the key."""
    match unwrap(type_)[1]:
        case mi.StructType(cls=cls):
            return cls, ""
        case mi.UnionType(types=types):
            return next((found for one in types if (found := _inner(one))[0]), (None, ""))
        case mi.VarTupleType(item_type=item):
            return _inner(item)[0], "[]"
        case mi.DictType(value_type=value):
            return _inner(value)[0], ".NAME"
    return None, ""


def _lines(section: Section) -> Iterator[str]:
    name = section.struct.__name__
    if section.path:
        yield f"\n## {section.path}\n"
        yield f"{CHINESE[name]}。{_plain(inspect.getdoc(section.struct) or '')}\n"
    yield COLUMNS
    told = _docstrings(section.struct)
    for field, inner in _fields(section):
        key = f"{name}.{field.encode_name}"
        meaning = "" if inner and key not in CHINESE else f"{CHINESE[key]} {told[field.encode_name]}"
        if inner:
            where = inner.path.lower().replace(".", "").replace("[]", "")
            meaning = f"[{CHINESE[inner.struct.__name__]}](#{where}) {meaning}".rstrip()
        yield f"| `{field.encode_name}` | {_value(field.type)} | {_default(field)} | {meaning} |"


def _plain(text: str) -> str:
    plain = re.sub(r"^`\w+:`, ", "", " ".join(text.split()))
    return plain[:1].upper() + plain[1:]


def _docstrings(struct: type[Struct]) -> dict[str, str]:
    """Of each field: the text below it."""
    body: Any = ast.parse(inspect.getsource(struct)).body[0]
    found = {}
    for one, after in zip(body.body, body.body[1:], strict=False):
        if isinstance(one, ast.AnnAssign) and isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            found[ast.unparse(one.target)] = _plain(str(after.value.value))
    return found


def _value(type_: mi.Type) -> str:
    """What may be written there, in both languages."""
    extra, bare = unwrap(type_)
    if isinstance(bare, mi.UnionType):
        return " ".join(_value(one) for one in bare.types if not isinstance(one, mi.NoneType))
    if isinstance(bare, mi.VarTupleType):
        item = "" if _inner(bare)[0] else f"：{_value(bare.item_type)}"
        return f"列表 list{item}{_between(bare.min_length, bare.max_length, ' 项 entries')}"
    if isinstance(bare, mi.LiteralType):
        return " ".join(f"`{one}`" for one in bare.values)
    words: Words = extra.get("form") or expectation(type_)
    low, high = getattr(bare, "ge", None), getattr(bare, "le", None)
    return f"{words.zh} {words.en}{_between(low, high, extra.get('unit', ''))}"


def _between(low: float | None, high: float | None, unit: str) -> str:
    shown = [None if one is None else _seconds(one) if unit == "s" else f"{one:g}{unit}" for one in (low, high)]
    match shown:
        case [None, None]:
            return ""
        case [least, None]:
            return f"，≥ {least}"
        case [None, most]:
            return f"，≤ {most}"
    return f"，{shown[0]} – {shown[1]}"


def _seconds(number: float) -> str:
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60)):
        if number and number % size == 0:
            return f"{number / size:g}{unit}"
    return f"{number:g}s"


def _default(field: mi.Field) -> str:
    if field.required:
        return "**必填 required**"
    value: Any = field.default if field.default is not NODEFAULT else field.default_factory()
    if isinstance(value, Struct):
        return "见下 below"
    return f"`{_written(value, unwrap(field.type)[0])}`"


def _written(value: Any, extra: dict[str, Any]) -> str:
    """As it would stand in the file."""
    match value:
        case entries.Window(begin_s=begin, end_s=end):
            return f"{_clock(begin)}-{_clock(end)}"
        case tuple():
            return f"[{', '.join(map(str, value[:SHOWN]))}{', …' if len(value) > SHOWN else ''}]"
        case float() if extra.get("unit"):
            return _seconds(value)
    return msgspec.json.encode(value).decode().strip('"') or '""'


def _clock(seconds: int) -> str:
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m agent.settings.reference", description=__doc__)
    parser.add_argument("--check", action="store_true", help="only compare; exit 1 when docs/configuration.md is stale")
    wanted = document()
    if parser.parse_args(arguments).check:
        current = FILE.exists() and FILE.read_text("utf-8") == wanted
        sys.stdout.write("" if current else f"{FILE.name} differs: run python -m agent.settings.reference\n")
        return 0 if current else 1
    FILE.write_text(wanted, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
