"""The words that travel: enumerations both sides use, with their names in Chinese and English.

Law lives here as names only; this module must not know how anything is measured.
"""

from enum import StrEnum


class Reason(StrEnum):
    """Why something was not seen. Only UNSUPPORTED is evidence against a capability."""

    UNREACHABLE = "UNREACHABLE"
    """No TCP connection: refused, no route, or no answer to the connection attempt."""
    REFUSED = "REFUSED"
    """The camera lives and refuses our credentials (or we have none it accepts, or only unsafe ways to show them)."""
    UNSUPPORTED = "UNSUPPORTED"
    """A successful exchange that says no: an empty list, ActionNotSupported, RTSP 404/551."""
    BUSY = "BUSY"
    """RTSP 453/503 and kin: the camera lives and has no room for us now."""
    TIMED_OUT = "TIMED_OUT"
    """Connected, but no complete answer within the wall-clock deadline."""
    MALFORMED = "MALFORMED"
    """An answer arrived that cannot be read."""
    HOSTILE = "HOSTILE"
    """The answer broke a safety rule: redirect, oversize, foreign address, entity tricks."""
    AGENT_FAULT = "AGENT_FAULT"
    """Our side failed: own link down, child crashed, resources gone."""
    UNASKED = "UNASKED"
    """Not asked yet, or not askable before something else is learnt (a stream path, say)."""


class Availability(StrEnum):
    """Whether the camera can be opened."""

    ONLINE = "online"
    OFFLINE = "offline"
    UNKNOWN = "unknown"


class Rung(StrEnum):
    """How far a look got, weakest first: the ladder of proof that a camera can be opened."""

    UNREACHABLE = "unreachable"
    REACHABLE = "reachable"
    ANSWERS = "answers"
    STREAMS = "streams"
    PICTURE = "picture"


class Standing(StrEnum):
    """What a verdict says of one clause."""

    MET = "MET"
    NOT_MET = "NOT_MET"
    UNPROVEN = "UNPROVEN"
    UNKNOWN = "UNKNOWN"


MARKS = {Standing.MET: "✓", Standing.NOT_MET: "✗", Standing.UNPROVEN: "△", Standing.UNKNOWN: "?"}
"""The signs beside words everywhere, so that no colour is needed: in order, wrong, to look at, not known."""


class Level(StrEnum):
    """How strong the evidence of a verdict is."""

    E0 = "E0"
    """Could not ask."""
    E1 = "E1"
    """Declared by the device."""
    E2 = "E2"
    """Configured: a media profile binds it."""
    E3 = "E3"
    """Observed on the media without moving anything."""
    E4 = "E4"
    """Verified by action: moved or sounded, measured, restored."""


class Clause(StrEnum):
    """Clause ids of the policy (豫市监〔2021〕45号 二.3 for the capabilities, 一 and 四.2 for online)."""

    ROTATION_360 = "rotation_360"
    ZOOM = "zoom"
    FOCUS = "focus"
    TWO_WAY_AUDIO = "two_way_audio"
    RESOLUTION_PIXELS = "resolution_pixels"
    RESOLUTION_1080P = "resolution_1080p"
    ONLINE = "online"


class PictureFault(StrEnum):
    """Faults of the picture that the trade lists (视频质量诊断, VQD); reported beside 在线 as 完好 (sound)."""

    SIGNAL_LOSS = "signal_loss"
    LUMA = "luma"
    """Too dark or too bright."""
    BLUR = "blur"
    CHROMA = "chroma"
    NOISE = "noise"
    STREAK = "streak"
    FREEZE = "freeze"
    BLOCK = "block"
    """Something hangs before the lens."""
    JITTER = "jitter"
    SCENE_CHANGE = "scene_change"


PTZ_FAULT = "ptz"
"""云台失控: told like a picture fault, though not a look but a movement shows it."""


class ClockDoubt(StrEnum):
    """Why the box's wall clock is not trusted (health state clock_untrusted)."""

    UNSYNCED = "unsynced"
    """No outside source disciplines it."""
    BEHIND = "behind"
    """It says a time before one that was certain: a box without a battery clock, not set yet."""
    AHEAD = "ahead"
    """It says a time absurdly far ahead of the last certain one, and nobody vouches for it."""
    LEAPT = "leapt"
    """It leapt away from what it said before."""


NAMES: dict[StrEnum, tuple[str, str]] = {
    Reason.UNREACHABLE: ("连接不上", "unreachable"),
    Reason.REFUSED: ("拒绝登录", "credentials refused"),
    Reason.UNSUPPORTED: ("不支持", "unsupported"),
    Reason.BUSY: ("设备忙", "busy"),
    Reason.TIMED_OUT: ("应答超时", "timed out"),
    Reason.MALFORMED: ("应答无法解析", "malformed answer"),
    Reason.HOSTILE: ("应答违反安全规则", "hostile answer"),
    Reason.AGENT_FAULT: ("网关自身故障", "fault of the agent"),
    Reason.UNASKED: ("尚未询问", "not asked yet"),
    Availability.ONLINE: ("在线", "online"),
    Availability.OFFLINE: ("离线", "offline"),
    Availability.UNKNOWN: ("未知", "unknown"),
    Rung.UNREACHABLE: ("连接不上", "unreachable"),
    Rung.REACHABLE: ("端口可达", "reachable"),
    Rung.ANSWERS: ("协议应答", "answers"),
    Rung.STREAMS: ("可取流", "streams"),
    Rung.PICTURE: ("有画面", "picture"),
    Standing.MET: ("符合", "met"),
    Standing.NOT_MET: ("不符合", "not met"),
    Standing.UNPROVEN: ("未证实", "unproven"),
    Standing.UNKNOWN: ("未知", "unknown"),
    Level.E0: ("未能询问", "could not ask"),
    Level.E1: ("设备声明", "declared"),
    Level.E2: ("已配置", "configured"),
    Level.E3: ("媒体流实测", "observed"),
    Level.E4: ("动作验证", "verified by action"),
    Clause.ROTATION_360: ("360°旋转", "360° rotation"),
    Clause.ZOOM: ("变焦", "zoom"),
    Clause.FOCUS: ("调焦", "focus"),
    Clause.TWO_WAY_AUDIO: ("语音对讲", "two-way audio"),
    Clause.RESOLUTION_PIXELS: ("200万像素", "2 megapixels"),
    Clause.RESOLUTION_1080P: ("1080P高清", "1080p"),
    Clause.ONLINE: ("在线", "online"),
    ClockDoubt.UNSYNCED: ("无人校时", "nobody disciplines it"),
    ClockDoubt.BEHIND: ("早于已知时间", "before a time that was certain"),
    ClockDoubt.AHEAD: ("远超已知时间", "absurdly far ahead"),
    ClockDoubt.LEAPT: ("发生跳变", "leapt"),
    PictureFault.SIGNAL_LOSS: ("信号丢失", "signal lost"),
    PictureFault.LUMA: ("亮度异常", "too dark or too bright"),
    PictureFault.BLUR: ("模糊", "blurred"),
    PictureFault.CHROMA: ("偏色", "colour cast"),
    PictureFault.NOISE: ("雪花噪声", "noise"),
    PictureFault.STREAK: ("条纹", "stripes"),
    PictureFault.FREEZE: ("画面冻结", "frozen"),
    PictureFault.BLOCK: ("遮挡", "covered"),
    PictureFault.JITTER: ("抖动", "shaking"),
    PictureFault.SCENE_CHANGE: ("场景突变", "another view"),
}


def name(word: StrEnum, lang: str = "zh") -> str:
    """The word for a person; `lang` is "zh" or "en"."""
    return NAMES[word][0 if lang == "zh" else 1]


def fault_name(code: str, lang: str = "zh") -> str:
    """A picture fault's name for a person; a code that is not known here stands for itself."""
    if code == PTZ_FAULT:
        return "云台失控" if lang == "zh" else "PTZ out of control"
    return name(PictureFault(code), lang) if code in set(PictureFault) else code
