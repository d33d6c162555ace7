"""What a verdict rests on, in words: the proofs of the judge in Chinese, the operation's own name beside them.

A phrase this version does not know is shown as it is.
"""

import re
from collections.abc import Sequence

from agent.causes import expanded, in_chinese
from contract.vocabulary import Reason, name

_OPERATIONS = {
    "TCP": "端口连接",
    "clock": "时钟查询",
    "DESCRIBE": "取流描述",
    "backchannel": "对讲通道",
    "GetServices": "服务列表",
    "GetCapabilities": "能力列表",
    "GetProfiles": "视频配置",
    "GetNodes": "云台节点",
    "GetConfigurations": "云台配置",
    "GetConfigurationOptions": "云台选项",
    "GetStatus": "云台位置",
    "GetMoveOptions": "调焦选项",
    "GetAudioOutputs": "音频输出",
    "GetAudioDecoderConfigurations": "音频解码",
    "GetVideoEncoderConfigurationOptions": "编码选项",
    "PanTiltLimits": "云台限位",
}
_WHOLE = {
    "neither GetServices nor GetCapabilities lists PTZ": "服务列表和能力列表都没有云台服务",
    "neither GetServices nor GetCapabilities lists imaging": "服务列表和能力列表都没有图像服务",
    "GetNodes lists a head, but no profile of this channel binds it": "设备列出云台，但本通道的视频配置没有绑定它",
    "a PTZ head without any space": "云台没有给出任何坐标空间",
    "ONVIF cannot tell optical from digital zoom": "ONVIF 无法区分光学变焦与数字变焦",
    "operator's statement: panoramic, and the policy accepts it": "使用方说明为全景摄像机，且政策认可",
    "warning: its detail is that of a smaller picture, enlarged": "警告：画面细节少，疑似由较小的画面放大而成",
    "half duplex: the microphone is mute while we talk": "半双工：我方讲话时摄像机的麦克风静音",
    "SETUP of the talk track: opened, then TEARDOWN": "对讲通道 SETUP：已打开，随即关闭",
    "also offered without Require": "不带 Require 头也提供",
    "DESCRIBE with Require: no audio sendonly": "取流描述（带对讲请求）：没有 sendonly 音频",
}
_PHRASES = {"SETUP of the talk track": "对讲通道 SETUP", "chirp not listened for": "没有听扫频音"}
_PATTERNS = (
    (r"DESCRIBE with Require: audio sendonly ?(.*)", r"取流描述（带对讲请求）：提供 sendonly 音频 \1"),
    (r"(media2?) profile (.*): (\S*) (\d+)x(\d+)", r"视频配置 \2（\1）：\3 \4×\5"),
    (r"decoded frame of the main stream: (\d+)x(\d+)", r"主码流解码画面 \1×\2"),
    (r"encoder options reach (\d+)x(\d+)", r"编码选项最高到 \1×\2"),
    (r"GetProfiles: (\d+), none with a video resolution", r"视频配置：\1 个，都没有视频分辨率"),
    (r"GetProfiles: none for channel (.*)", r"视频配置：没有通道 \1"),
    (r"profile (.*) binds an audio output and a decoder", r"视频配置 \1 绑定了音频输出和解码器"),
    (r"a vendor's own talk path answers: (.*)", r"厂商私有对讲接口有应答：\1"),
    (
        r"chirp heard by the camera's own microphone: correlation (\S+), required (\S+)",
        r"摄像机自己的麦克风听到了扬声器放出的扫频音：相关系数 \1，要求 \2",
    ),
    (
        r"chirp not heard by the camera's own microphone: correlation (\S+), required (\S+)",
        r"摄像机自己的麦克风没有听到扬声器放出的扫频音：相关系数 \1，要求 \2",
    ),
    (r"PTZ offers only: (.*)", r"云台只提供：\1"),
)
_SPACE = re.compile(r"(absolute|relative|continuous|limits) (pan_tilt|zoom) (?:(\S+) )?(\S+\.\.\S+)")
_MOTIONS = {
    "absolute": "绝对移动",
    "relative": "相对移动",
    "continuous": "连续移动",
    "limits": "限位",
    "pan_tilt": "水平俯仰",
    "zoom": "变焦",
}


def basis(proofs: Sequence[str], lang: str) -> str:
    """All proofs of a verdict; questions that ended alike are named together."""
    if lang != "zh":
        return "; ".join(proofs)
    asked: dict[str, list[str]] = {}
    for proof in proofs:
        head, colon, outcome = in_words(proof, lang).partition("：")
        asked.setdefault(outcome, []).append(head) if colon else asked.setdefault(head, [])
    return "；".join(f"{'、'.join(heads)}：{outcome}" if heads else outcome for outcome, heads in asked.items())


def in_words(proof: str, lang: str) -> str:
    """One proof of a verdict for a person; in English it is readable as it stands."""
    if lang != "zh":
        return proof
    if proof in _WHOLE:
        return _WHOLE[proof]
    words = expanded(_PATTERNS, proof)
    return _motions(words).strip() if words else _answer(proof)


def _answer(proof: str) -> str:
    """The usual form: operation, token, what came of it."""
    asked, colon, came = proof.partition(": ")
    if asked in _PHRASES:
        return f"{_PHRASES[asked]}：{_outcome(came)}"
    operation, _, token = asked.partition(" ")
    if not colon or operation not in _OPERATIONS:
        return proof
    title = f"{_OPERATIONS[operation]} {operation}{' ' + token if token else ''}"
    return f"{title}：{_outcome(came)}"


def _outcome(came: str) -> str:
    reason, _, detail = came.partition(" ")
    if reason in Reason.__members__:
        return name(Reason(reason)) + (f"（{in_chinese(detail) or detail}）" if detail else "")
    if came.isdecimal():
        return f"{came} 项"
    if space := _SPACE.fullmatch(came):
        kind, axis, uri, ends = space.groups()
        return f"{_MOTIONS[axis]}，{_MOTIONS[kind]}，{_coordinates(uri or '')}{ends.replace('..', ' 至 ')}"
    return {"none": "无", "answered": "有应答"}.get(came) or _motions(came)


def _coordinates(uri: str) -> str:
    leaf = uri.rpartition("/")[2]
    return f"{leaf} " if leaf else ""


def _motions(text: str) -> str:
    """Kinds of motion in a list such as "absolute, continuous"."""
    return re.sub(r"\b(absolute|relative|continuous|pan_tilt|zoom|none)\b", lambda m: _MOTIONS.get(m[0], "无"), text)
