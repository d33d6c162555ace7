"""What is odd about a camera beside the clauses: clock, addresses, picture, movement; and what to do about it."""

import re
from collections.abc import Iterator

from msgspec import Struct

from agent.model import Evidence, Movement, NotSeen, Picture, Seen, Talk
from contract.reasons import advice
from contract.vocabulary import Clause, Reason, name

SKEW_S = 60.0
"""A clock further off is worth a visit: recordings carry its time, and signed logins fail by it."""


class Remark(Struct, frozen=True):
    """Something odd about one camera.

    `found`: what was seen; "" = the remedy says it. `remedy`: what to do about it; "" = nothing needs doing.
    """

    found: str
    remedy: str = ""

    def text(self, lang: str) -> str:
        return f"{self.found}{'' if lang == 'zh' else ' '}{self.remedy}".strip()


_PICTURE_FAULTS = {
    "signal_loss": (
        "信号丢失",
        "signal lost",
        "检查镜头排线、供电和主码流设置",
        "check lens cable, power and main stream",
    ),
    "blur": ("画面模糊", "blurred", "擦拭镜头并重新对焦", "wipe the lens and focus again"),
    "luma": (
        "亮度异常",
        "too dark or too bright",
        "检查照明，调整曝光或宽动态",
        "check the light; set exposure or WDR",
    ),
    "chroma": ("偏色", "colour cast", "调整白平衡", "set the white balance"),
    "noise": ("雪花噪声", "noisy", "改善照明，检查线路干扰", "improve the light, check for interference"),
    "streak": ("条纹", "streaks", "把防闪烁设为 50Hz，检查线路", "set anti-flicker to 50 Hz, check the cable"),
    "freeze": (
        "画面冻结",
        "frozen",
        "重启摄像机，必要时升级固件",
        "restart the camera; update its firmware if it lasts",
    ),
    "block": ("镜头被遮挡", "blocked", "移开遮挡物，擦拭镜头", "clear the view, wipe the lens"),
    "jitter": ("画面抖动", "shaking", "紧固支架", "fasten the bracket"),
    "scene_change": (
        "画面内容与登记时不同",
        "not the registered view",
        "把镜头转回登记的方向",
        "turn it back to its view",
    ),
}
"""Code -> what it is and what to do, in Chinese and English."""
_PTZ_FAULTS = {
    "drifts": ("云台无指令自行转动", "the head moves without a command"),
    "ignores": ("云台不执行指令", "the head ignores a command"),
    "runs_on": ("云台收到停止指令后仍在转动", "the head runs on after Stop"),
}
_CLOCK_NOTE = re.compile(r"clock_skew ([+-]?\d+) s")
_HOST_NOTE = re.compile(r"(?:XAddr|stream URI) names another host: (.*)")
_SOURCES = {"main": ("主码流", "main stream"), "sub": ("子码流", "sub-stream"), "snapshot": ("抓图", "snapshot")}


def remarks(evidence: Evidence, lang: str) -> list[Remark]:
    """All that is odd, the urgent first."""
    pick = 0 if lang == "zh" else 1
    return [
        *_moved(evidence.movement, pick),
        *_pictured(evidence.picture, pick),
        *_timed(evidence, pick),
        *_logins(evidence, pick),
        *_talked(evidence.talk, pick),
        *_noted(evidence, pick),
    ]


def _say(pick: int, zh: str, en: str) -> str:
    return (zh, en)[pick]


def _moved(movement: Movement, pick: int) -> Iterator[Remark]:
    if not movement.restored:
        yield Remark(
            _say(pick, "移动检测后画面没有回到原来的位置。", "After the movement check the view is not what it was."),
            _say(pick, "请手动把摄像机转回原来的画面。", "Turn the camera back to its view by hand."),
        )
    for fault in movement.faults:
        found = _PTZ_FAULTS.get(fault, (fault, fault))[pick]
        remedy = _say(
            pick, "重启摄像机；不能恢复时联系厂商检修云台。", "Restart the camera; if it lasts, have the head repaired."
        )
        yield Remark(_say(pick, f"云台失控：{found}。", f"PTZ fault: {found}."), remedy)


def _pictured(picture: Seen[Picture] | NotSeen, pick: int) -> Iterator[Remark]:
    if isinstance(picture, NotSeen):
        if picture.reason is not Reason.UNASKED or picture.finding:
            reason = "" if picture.finding else name(picture.reason, ("zh", "en")[pick])
            why = " ".join(filter(None, (reason, f"({picture.detail})" if picture.detail else "")))
            yield Remark(_say(pick, f"画面没有解码成功：{why}", f"No picture was decoded: {why}"))
            yield Remark("", advice(picture.finding or picture.reason, Clause.ONLINE, ("zh", "en")[pick]))
        return
    seen = picture.value
    source = _SOURCES.get(seen.source, (seen.source, seen.source))[pick]
    size = f"{source} {seen.width}×{seen.height} {seen.codec}".strip()
    yield Remark(_say(pick, f"已解码画面：{size}", f"Decoded picture: {size}"))
    if seen.finding:
        yield Remark("", advice(seen.finding, Clause.ONLINE, ("zh", "en")[pick]))
    for fault in seen.faults:
        zh, en, zh_remedy, en_remedy = _PICTURE_FAULTS.get(
            fault, (fault, fault, "到现场查看画面", "look at it on site")
        )
        yield Remark(
            _say(pick, f"画面问题：{zh}。", f"Picture fault: {en}."),
            _say(pick, f"请{zh_remedy}。", f"To do: {en_remedy}."),
        )
    if seen.upscaled:
        yield Remark(
            _say(
                pick,
                "画面细节少，疑似由低分辨率放大而成。",
                "Little detail: the picture looks enlarged from a smaller one.",
            )
        )


def _timed(evidence: Evidence, pick: int) -> Iterator[Remark]:
    skew_s = _skew_s(evidence)
    if abs(skew_s) <= SKEW_S:
        return
    zh, en = ("快", "ahead of") if skew_s > 0 else ("慢", "behind")
    yield Remark(
        _say(
            pick,
            f"摄像机时钟比网关{zh} {abs(skew_s):.0f} 秒。",
            f"Its clock is {abs(skew_s):.0f} s {en} the gateway's.",
        ),
        _say(
            pick,
            "在摄像机网页 配置→系统→时间 中启用 NTP 校时。",
            "In the camera's web page, Configuration > System > Time, enable NTP.",
        ),
    )


def _skew_s(evidence: Evidence) -> float:
    """Camera minus gateway, seconds: as the look saw it, else as the questions noted it; 0 where neither did."""
    clock = evidence.look.clock if evidence.look else None
    if isinstance(clock, Seen) and clock.value.skew_s is not None:
        return clock.value.skew_s
    noted = (_CLOCK_NOTE.fullmatch(note) for note in evidence.capabilities.notes)
    return next((float(found[1]) for found in noted if found), 0.0)


def _logins(evidence: Evidence, pick: int) -> Iterator[Remark]:
    tried = [one for one in (evidence.capabilities, evidence.look) if one]
    failed = sum(one.logins_failed for one in tried)
    left = min((one.attempts_left for one in tried if one.attempts_left is not None), default=None)
    if failed:
        zh_left, en_left = (f"，设备称还可再试 {left} 次", f"; {left} attempts left") if left is not None else ("", "")
        yield Remark(_say(pick, f"本次登录被拒绝 {failed} 次{zh_left}。", f"Logins refused: {failed}{en_left}."))


def _talked(talk: Talk, pick: int) -> Iterator[Remark]:
    if talk.half_duplex:
        yield Remark(_say(pick, "对讲为半双工：同一时刻只能一方讲话。", "Talk is half-duplex: one side at a time."))
    if talk.vendor:
        yield Remark(
            _say(pick, f"厂商私有对讲接口有应答：{talk.vendor}", f"A vendor's own talk path answers: {talk.vendor}")
        )


def _noted(evidence: Evidence, pick: int) -> Iterator[Remark]:
    uri = evidence.capabilities.stream_uri
    hosts = [uri.value.foreign_host] if isinstance(uri, Seen) and uri.value.foreign_host else []
    for note in evidence.capabilities.notes:
        if named := _HOST_NOTE.fullmatch(note):
            hosts.append(named[1])
        elif not _CLOCK_NOTE.fullmatch(note):  # that one is said in words of its own
            yield Remark(note)
    for host in dict.fromkeys(hosts):
        yield Remark(
            _say(
                pick,
                f"摄像机在应答中自称另一个地址 {host}；未予采用，始终只访问登记的地址。",
                f"In its answers the camera names another address, {host}; it was not used, only the enrolled one was.",
            )
        )
