"""What can be wrong with a configuration, in words: every message in English and Chinese, in one table.

A problem knows its place (file, line, key) and its kind; how it was found must not be known here.
"""

import errno
import os
import socket
from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple

from msgspec import Struct

from contract.text import visible

Language = Literal["en", "zh"]
MAX_PROBLEMS = 100
"""Listed at most."""


class Words(NamedTuple):
    """The same in both languages."""

    en: str
    zh: str

    def text(self, language: Language) -> str:
        return self.zh if language == "zh" else self.en


def both(words: str) -> Words:
    """Words that need no translation."""
    return Words(words, words)


_WHY = {
    errno.ENOENT: Words("there is no such file", "文件不存在"),
    errno.EACCES: Words("permission denied", "权限不足"),
    errno.EISDIR: Words("it is not a regular file", "不是普通文件"),
    errno.ENOTDIR: Words("a file stands where its folder should be", "路径中应为目录的一段是文件"),
    errno.EEXIST: Words("there is a file of this name", "已有同名文件"),
    errno.ELOOP: Words("it is a link, or one that leads back to itself", "是符号链接，或链接指回自身"),
    errno.ENAMETOOLONG: Words("the name is too long", "文件名过长"),
    errno.EFBIG: Words("it is far too large: is it the right file?", "文件过大，是不是选错了文件？"),
    errno.EROFS: Words("the disk can only be read", "磁盘为只读"),
    errno.ENOSPC: Words("the disk is full", "磁盘已满"),
    errno.EDQUOT: Words("the disk quota is used up", "磁盘配额已用完"),
    errno.EADDRINUSE: Words("the port is in use", "端口已被占用"),
    errno.EADDRNOTAVAIL: Words("this machine has no such address", "本机没有这个地址"),
    errno.ECONNREFUSED: Words("Connection refused: nothing listens there", "连接被拒绝：该端口没有服务"),
    errno.ECONNRESET: Words("the other side broke the connection off", "对方中断了连接"),
    errno.EHOSTUNREACH: Words("no way leads to that host", "无法到达该主机"),
    errno.ENETUNREACH: Words("no way leads to that network", "无法到达该网络"),
    errno.EIO: Words("the disk fails to read or write", "磁盘读写出错"),
}
_UNUSABLE = Words("the path is not usable", "路径不可用")


def why(error: OSError | ValueError) -> Words:
    """Why a file cannot be read or written, in words for people: no number, no name of an exception."""
    if isinstance(error, UnicodeError):
        return Words("it is not UTF-8 text", "不是 UTF-8 文本")
    if isinstance(error, socket.gaierror):
        return Words("the name of the host is not known", "主机名无法解析")
    if isinstance(error, TimeoutError):
        return Words("no answer in time", "超时无应答")
    number = error.errno if isinstance(error, OSError) else None
    return _WHY.get(number or 0, both(os.strerror(number)) if number else _UNUSABLE)


MESSAGES: dict[str, Words] = {
    # ---- the file ---------------------------------------------------------------------------
    "unreadable": Words("cannot be read: {why}.", "无法读取：{why}。"),
    "too_large": Words(
        "the file is larger than {limit} bytes. Is it the right file?", "文件超过 {limit} 字节。是不是选错了文件？"
    ),
    "not_utf8": Words("not UTF-8 text. Save the file as UTF-8.", "不是 UTF-8 文本。请以 UTF-8 编码保存。"),
    "control": Words(
        "control character U+{point}. Delete it; in a text write it as \\u{point} between double quotes.",
        "含有控制字符 U+{point}。请删除；确需保留时，在双引号内写成 \\u{point}。",
    ),
    "empty": Words("the file is empty.", "文件是空的。"),
    "documents": Words("a second document (---) begins here. Keep one.", "此处开始了第二个文档（---）。只能有一个。"),
    "directive": Words("%-directives are not allowed. Delete the line.", "不允许使用 % 指令。请删除该行。"),
    "syntax": Words("not valid YAML here or on the line above: {why}.", "此处或上一行不是有效的 YAML：{why}。"),
    "unclosed": Words(
        "what opens on this line ({{, [ or a quote) is not closed, or a comma is missing in it.",
        "本行开始的 {{、[ 或引号没有闭合，或其中缺少逗号。",
    ),
    "tab": Words("indented with a tab character. Use spaces only.", "用制表符（Tab）缩进。请只用空格。"),
    "deep": Words("nested deeper than {limit} levels.", "嵌套超过 {limit} 层。"),
    "anchor": Words(
        "anchors (&name) are not allowed. Delete it; a text that begins with '&' needs quotes.",
        "不允许使用锚点（&name）。请删除；以“&”开头的文本请加引号。",
    ),
    "alias": Words(
        "aliases (*name) are not allowed. Write the value out; a text that begins with '*' needs quotes.",
        "不允许使用别名（*name）。请写出完整的值；以“*”开头的文本请加引号。",
    ),
    "tag": Words(
        "tags (!name) are not allowed. Delete it; a text that begins with '!' needs quotes.",
        "不允许使用标签（!name）。请删除；以“!”开头的文本请加引号。",
    ),
    # ---- keys -------------------------------------------------------------------------------
    "merge": Words("merge keys (<<) are not allowed. Write the keys out.", "不允许使用合并键（<<）。请逐项写出。"),
    "key_type": Words("a key must be a text. Put it between quotes.", "键必须是文本。请加引号。"),
    "duplicate_key": Words(
        "the key appears twice, first on line {first}. Delete one.", "该键重复，第一次出现在第 {first} 行。请删除一个。"
    ),
    "unknown_key": Words("unknown key. {hint}", "未知的键。{hint}"),
    "missing_key": Words("required key is missing. Expected {expected}.", "缺少必填的键。应为：{expected}。"),
    # ---- values -----------------------------------------------------------------------------
    "wrong_type": Words("expected {expected}, found {found}. {hint}", "应为：{expected}；实际为：{found}。{hint}"),
    "choice": Words("expected one of {choices}; found {found}.", "应为以下之一：{choices}；实际为：{found}。"),
    "too_small": Words("must be {bound} or more, found {found}.", "不得小于 {bound}，实际为 {found}。"),
    "too_great": Words("must be {bound} or less, found {found}.", "不得大于 {bound}，实际为 {found}。"),
    "not_above": Words("must be greater than {bound}, found {found}.", "必须大于 {bound}，实际为 {found}。"),
    "not_below": Words("must be less than {bound}, found {found}.", "必须小于 {bound}，实际为 {found}。"),
    "not_multiple": Words("must be a multiple of {bound}, found {found}.", "必须是 {bound} 的倍数，实际为 {found}。"),
    "pattern": Words("must be {pattern}.", "必须是：{pattern}。"),
    "blank": Words("must not be empty.", "不能为空。"),
    "too_short": Words("must have at least {bound} {unit}.", "至少应有 {bound} {unit}。"),
    "too_long": Words("must have at most {bound} {unit}.", "最多只能有 {bound} {unit}。"),
    "duration": Words(
        "not a duration: {found}. Write a number and a unit, such as 500ms, 30s, 5m, 24h or 1d.",
        "不是时长：{found}。请写数字加单位，例如 500ms、30s、5m、24h、1d。",
    ),
    "duration_unit": Words(
        "the unit is missing. Write {found}s if seconds are meant (also ms, m, h, d).",
        "缺少单位。若指秒，请写 {found}s（也可用 ms、m、h、d）。",
    ),
    "text": Words(
        "must be one line of text, at most {limit} characters, without control characters.",
        "应为一行文本，最多 {limit} 个字符，不含控制字符。",
    ),
    "ipv4": Words(
        "not an IPv4 address of a camera. Write four plain numbers such as 192.168.1.64; no name, no port, no rtsp://.",
        "不是摄像机的 IPv4 地址。请写四段十进制数字，例如 192.168.1.64；不要写域名、端口或 rtsp://。",
    ),
    "subnet": Words(
        "not an IPv4 network. Write it such as 192.168.1.0/24.", "不是 IPv4 网段。请写成例如 192.168.1.0/24。"
    ),
    "subnet_large": Words(
        "a network of {n} addresses; the largest is {largest}. Write smaller ones{or_allow}.",
        "网段含 {n} 个地址；最大为 {largest}。请写更小的网段{or_allow}。",
    ),
    "path": Words(
        "must begin with '/' and hold only characters of a URL. Write no rtsp://, address, user or password here: "
        "they have keys of their own.",
        "必须以“/”开头，且只含 URL 允许的字符。此处不要写 rtsp://、地址、用户名或密码：它们各有自己的键。",
    ),
    "mac": Words(
        "not a MAC address. Write it such as 12:34:56:78:9a:bc.", "不是 MAC 地址。请写成例如 12:34:56:78:9a:bc。"
    ),
    "fingerprint": Words(
        "not a SHA-256 fingerprint. Write its 64 hexadecimal digits, with or without colons.",
        "不是 SHA-256 指纹。请写 64 位十六进制数字，可带冒号。",
    ),
    "host": Words(
        "not a host name or address. Write it without mqtt://, port, user or password.",
        "不是主机名或地址。请不要写 mqtt://、端口、用户名或密码。",
    ),
    # ---- secrets and files ------------------------------------------------------------------
    "file": Words("{path} cannot be read: {why}.", "无法读取 {path}：{why}。"),
    "too_open": Words(
        "others can read {path}. Run: chmod 600 {path}", "其他用户可以读取 {path}。请执行：chmod 600 {path}"
    ),
    "foreign": Words(
        "{path} belongs to another user (uid {uid}). Give it to the user who runs the agent, or to root.",
        "{path} 属于其他用户（uid {uid}）。请改为运行本程序的用户或 root 所有。",
    ),
    "secret_empty": Words("{path} is empty. Write the password into it.", "{path} 是空的。请写入密码。"),
    "secret_form": Words(
        "a password must be one line of at most {limit} characters without control characters.",
        "密码应为一行，最多 {limit} 个字符，不含控制字符。",
    ),
    "reference": Words(
        "not a reference. Write env:NAME, file:PATH or credential:NAME; keep a password that begins so in a file.",
        "不是有效的引用。请写 env:名称、file:路径 或 credential:名称；以这些词开头的密码请存放在文件中。",
    ),
    "no_variable": Words(
        "the environment variable {name} is not set, or empty. Set it before starting the agent.",
        "环境变量 {name} 未设置或为空。请在启动前设置。",
    ),
    "no_credential": Words(
        "there is no file {path}. Run: canteen-agent credential {name}; or write the secret into it, with mode 0600. "
        "Then restart the service.",
        "没有文件 {path}。请执行：canteen-agent credential {name}；或把密码（或密钥）写入其中，权限 0600。"
        "然后重启服务。",
    ),
    "credential_name": Words(
        "not a name of a credential. Write letters, digits, '.', '_' or '-'.",
        "不是有效的名称。请用字母、数字、“.”、“_”或“-”。",
    ),
    "clear": Words(
        "a password in clear, and others can read this file. Run: chmod 600 {path}; or write env:NAME, file:PATH or "
        "credential:NAME instead.",
        "密码以明文书写，而其他用户可以读取本文件。请执行：chmod 600 {path}；"
        "或改写为 env:名称、file:路径、credential:名称。",
    ),
    "window": Words(
        "not a time of day. Write it such as 02:00-04:00, at least {least} minutes long.",
        "不是时段。请写成例如 02:00-04:00，至少 {least} 分钟。",
    ),
    # ---- keys that contradict one another ----------------------------------------------------
    "deadline": Words("must be shorter than the interval of {interval:g}s.", "必须小于间隔 {interval:g}s。"),
    "same_slot": Words(
        "this slot is taken by {other} on line {line}. Give each camera a slot of its own.",
        "该点位已被第 {line} 行的 {other} 使用。每台摄像机须有自己的点位。",
    ),
    "same_picture": Words(
        "the same address, ports and channel as {other} on line {line}. Give each its channel or stream_path.",
        "地址、端口和通道与第 {line} 行的 {other} 相同。请分别写明 channel 或 stream_path。",
    ),
    "no_such_credentials": Words(
        "there is no entry of this name under credentials. Known: {known}.",
        "credentials 下没有这个名称。已有：{known}。",
    ),
    "own_recorder": Words(
        "this is the camera's own address. Name the recorder that shows the camera, or delete `recorder`.",
        "这是摄像机自己的地址。请写能看到该摄像机的录像机地址，或删除 recorder。",
    ),
    "pin_missing": Words(
        "tls: pin needs tls_pin, the SHA-256 fingerprint of the camera's certificate.",
        "tls: pin 需要 tls_pin，即摄像机证书的 SHA-256 指纹。",
    ),
    "pin_unused": Words(
        "tls_pin has no effect with tls: {tls}. Write tls: pin, or delete it.",
        "tls: {tls} 时 tls_pin 不起作用。请写 tls: pin，或删除它。",
    ),
    "tls_unsaid": Words(
        "say how the line is protected: tls: {{ca: PATH}}, or tls: null for a line that anybody on the way can read.",
        "请写明线路如何保护：tls: {{ca: 路径}}；若写 tls: null，途中任何人都能读取。",
    ),
    "tls_pair": Words("cert and key go together. Add {missing}.", "cert 与 key 须同时填写。请补上 {missing}。"),
    "recovery_alone": Words(
        "recovery is for a box that logs in with a certificate. Add tls with cert and key, or delete it.",
        "recovery 用于凭证书登录的网关。请补上 tls 的 cert 和 key，或删除该项。",
    ),
    "one_account": Words(
        "all brokers are doors to one account. Leave {key} out here, or write the same as in broker[0].",
        "所有 broker 使用同一账号。请在此省略 {key}，或写成与 broker[0] 相同。",
    ),
    "no_policy": Words(
        "no such policy. Shipped: {known}; or a path to a .yaml file.",
        "没有该政策文件。自带：{known}；或写 .yaml 文件路径。",
    ),
    "not_folder": Words(
        "this is a file, and a folder is needed: the agent keeps its journal there.",
        "此处是文件；应为目录，代理在其中保存日志。",
    ),
    # ---- what is looked up on the box ----------------------------------------------------------
    "no_interface": Words(
        "this box has no interface or address {name}. It has: {known}.",
        "本机没有网卡或地址 {name}。现有网卡：{known}。",
    ),
    "unresolved": Words(
        "the name {host} leads to no address now: {why}. Without a network that is no mistake.",
        "目前无法解析 {host}：{why}。没有联网时不算错误。",
    ),
    "tls_off": Words(
        "the line to {host} is not encrypted: anybody on the way reads it, the password too. Write tls: {{ca: PATH}}.",
        "到 {host} 的线路未加密：途中任何人都能读取，包括密码。请写 tls: {{ca: 路径}}。",
    ),
    "state_open": Words(
        "anybody on this box can write into {path}. Run: sudo chmod 700 {path}",
        "本机任何用户都可以写入 {path}。请执行：sudo chmod 700 {path}",
    ),
    "state_unwritable": Words(
        "{path} cannot be written: {why}. The agent would keep its events in memory only.",
        "{path} 无法写入：{why}。事件将只保存在内存中。",
    ),
    "state_foreign": Words(
        "{path} does not belong to {user}, who runs the agent. Run: sudo chown -R {user} {path}",
        "{path} 不属于运行程序的用户 {user}。请执行：sudo chown -R {user} {path}",
    ),
    "said": Words("{text}.", "{text}。"),
    "more": Words("and {n} more problems.", "另有 {n} 个问题。"),
}
"""Kind of problem -> message. Placeholders are filled from the problem's params."""


class Problem(Struct, frozen=True, kw_only=True):
    """One thing that is wrong. `line` counts from 1; 0 = the whole file. `key` is like cameras[3].address, or ""."""

    source: str
    line: int
    code: str
    key: str = ""
    params: Mapping[str, Any] = {}
    """Str, int, float or Words for the placeholders of MESSAGES[code]; never a secret."""

    @property
    def message(self) -> str:
        """What is wrong and what to do, in English."""
        return self.words("en")

    def words(self, language: Language) -> str:
        filled = {k: v.text(language) if isinstance(v, Words) else v for k, v in self.params.items()}
        return MESSAGES[self.code].text(language).format(**filled).strip()

    def text(self, language: Language) -> str:
        """The whole line for a person: `agent.yaml:12: cameras[2].port: expected ...`."""
        place = f"{self.source}:{self.line}" if self.line else self.source
        return visible(": ".join(part for part in (place, self.key, self.words(language)) if part))

    def __str__(self) -> str:
        return self.text("en")


class Told(Exception):
    """What a person can mend; the words say what is wrong and what to do, in both languages. Never carries a secret."""

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(en)
        self.words = Words(en, zh)

    def text(self, language: Language) -> str:
        return visible(self.words.text(language))


class ConfigError(Exception):
    """A configuration that cannot be used: everything that is wrong with it by line, or the first 100 of more."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        ordered = sorted(problems, key=lambda problem: problem.line)
        if len(ordered) > MAX_PROBLEMS:
            more = Problem(source=ordered[0].source, line=0, code="more", params={"n": len(ordered) - MAX_PROBLEMS})
            ordered[MAX_PROBLEMS:] = [more]
        self.problems = tuple(ordered)
        super().__init__(self.text("en"))

    def text(self, language: Language) -> str:
        return "\n".join(problem.text(language) for problem in self.problems)


class Unfit(Exception):
    """Raised by whoever reads one value: a code of MESSAGES and its params. Never carries a secret."""

    def __init__(self, code: str, /, **params: Any) -> None:
        super().__init__(code)
        self.code = code
        self.params = params


def unreadable(file: str, error: OSError | ValueError) -> ConfigError:
    """The one problem of a file that cannot be read at all."""
    return ConfigError([Problem(source=file, line=0, code="unreadable", params={"why": why(error)})])
