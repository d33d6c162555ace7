"""The judge's own words beside Reason, and every verdict explained to the person on the ladder, with what to do.

How a verdict is reached must not be known here.
"""

from enum import StrEnum
from math import floor
from typing import NamedTuple

from contract.messages import Verdict
from contract.vocabulary import Clause, Level, Reason, Standing, name


class Finding(StrEnum):
    """Why a clause is not met or not proven, where no Reason says it."""

    CHANNEL_NOT_FOUND = "CHANNEL_NOT_FOUND"
    NOT_BOUND = "NOT_BOUND"
    NO_SPACES = "NO_SPACES"
    DEGENERATE_RANGE = "DEGENERATE_RANGE"
    NO_RANGE = "NO_RANGE"
    GENERIC_SPACE_ONLY = "GENERIC_SPACE_ONLY"
    NONSTANDARD_DEGREES = "NONSTANDARD_DEGREES"
    TOO_NARROW = "TOO_NARROW"
    LIMITED = "LIMITED"
    TOO_CLOSE = "TOO_CLOSE"
    STANDS_STILL = "STANDS_STILL"
    HARDLY_CHANGED = "HARDLY_CHANGED"
    DIGITAL_ONLY = "DIGITAL_ONLY"
    LITTLE_DETAIL = "LITTLE_DETAIL"
    DECLARED_ONLY = "DECLARED_ONLY"
    DECLARED_NOT_OFFERED = "DECLARED_NOT_OFFERED"
    SETUP_FAILED = "SETUP_FAILED"
    VENDOR_ONLY = "VENDOR_ONLY"
    VENDOR_UNASKED = "VENDOR_UNASKED"
    CONFIGURED_LOWER = "CONFIGURED_LOWER"
    INCAPABLE = "INCAPABLE"
    OPTIONS_UNKNOWN = "OPTIONS_UNKNOWN"
    STREAM_LOWER = "STREAM_LOWER"
    CONFIGURED_UNKNOWN = "CONFIGURED_UNKNOWN"
    NO_VIDEO_PROFILE = "NO_VIDEO_PROFILE"
    PROFILE_UNREAD = "PROFILE_UNREAD"
    PICTURE_UNTRIED = "PICTURE_UNTRIED"
    NO_MEDIA = "NO_MEDIA"
    NO_KEYFRAME = "NO_KEYFRAME"
    MJPEG_ONLY = "MJPEG_ONLY"
    NO_DECODER = "NO_DECODER"
    UDP_ONLY = "UDP_ONLY"
    USE_TLS = "USE_TLS"
    REDIRECTED = "REDIRECTED"
    ONVIF_SILENT = "ONVIF_SILENT"
    STREAM_UNAVAILABLE = "STREAM_UNAVAILABLE"


class _Words(NamedTuple):
    zh: str
    en: str


_FINDINGS: dict[str, _Words] = {
    Finding.CHANNEL_NOT_FOUND: _Words(
        "设备没有配置中写的通道。请核对该点位的 channel。",
        "The device has no such channel. Check `channel` of this slot in the configuration.",
    ),
    Finding.NOT_BOUND: _Words(
        "设备有云台，但只绑定在其他通道上。请核对该点位的 channel，或在设备网页中为本通道启用云台。",
        "The device has a PTZ head, but only other channels bind it. Check `channel`, or enable PTZ for this channel.",
    ),
    Finding.NO_SPACES: _Words(
        "设备列出云台，却没有给出任何运动方式。请升级固件，或在现场转动确认。",
        "The device lists a PTZ head without any way to move it. Update the firmware, or try it on site.",
    ),
    Finding.DEGENERATE_RANGE: _Words(
        "设备声明了该功能，但可动范围为零（最小值等于最大值），实际不能动作。如确有此功能，请升级固件。",
        "Declared, but with a range of zero (Min equals Max): it cannot move. If the camera can, update its firmware.",
    ),
    Finding.NO_RANGE: _Words(
        "设备只声明了变焦速度或相对步进，没有变焦范围；定焦镜头也会这样声明，不作证明。"
        "请现场变焦确认，或用 inspect --move 检测。",
        "Only velocities or relative steps are declared, no range: lenses without a motor declare that, too. Zoom it "
        "on site, or inspect it with --move.",
    ),
    Finding.GENERIC_SPACE_ONLY: _Words(
        "设备能转动，但只声明归一化坐标（-1..1），看不出转多少度。请现场转动一周确认，或提供型号说明书。",
        "It pans, but declares only normalised coordinates (-1..1), which tell no angle. Turn it on site, or show the "
        "data sheet.",
    ),
    Finding.NONSTANDARD_DEGREES: _Words(
        "设备在非度数坐标空间里写了疑似度数的范围，不作证明。请升级固件或现场转动确认。",
        "What look like degrees stand in a space that has none, so they prove nothing. Update the firmware, or turn it "
        "on site.",
    ),
    Finding.TOO_NARROW: _Words(
        "云台的水平转动范围不足，需更换为360°云台摄像机。",
        "The head does not turn far enough. A camera with a 360° head is needed.",
    ),
    Finding.LIMITED: _Words(
        "云台被软件限位限制了范围：在摄像机网页 配置→云台→限位 中清除或放宽限位。",
        "Software limits narrow the range: clear or widen them in the camera's web page, Configuration > PTZ > Limits.",
    ),
    Finding.TOO_CLOSE: _Words(
        "实测的水平转动范围与要求相差无几，在测量误差之内，不能断定。请现场转动确认，或提供型号说明书。",
        "The measured pan range lies so near the required one that the measurement cannot tell. Turn it on site, or "
        "show the data sheet.",
    ),
    Finding.STANDS_STILL: _Words(
        "设备接受了动作命令，画面却没有变化：没有该机构，或电机卡死、被遮挡。请现场查看，必要时维修或更换。",
        "Commands are accepted and nothing in the picture moves: there is no such motor, or it is stuck. Look at it on "
        "site; repair or replace it.",
    ),
    Finding.HARDLY_CHANGED: _Words(
        "发出调焦命令后，画面清晰度只略有变化，人员走动或水汽也会如此，不能断定。请在画面清晰、无人时重新检测，或现场查看。",
        "After the command to focus the picture was only a little less sharp, as people or steam make it too: this "
        "tells nothing. Inspect again while the view is clear, or look on site.",
    ),
    Finding.DIGITAL_ONLY: _Words(
        "变焦只是放大画面，没有增加细节（数字变焦）。需要光学变焦的摄像机。",
        "Zooming only enlarges the picture and adds no detail (digital zoom). A camera with an optical zoom is needed.",
    ),
    Finding.LITTLE_DETAIL: _Words(
        "画面放大后增加的细节太少，无法断定是光学变焦还是数字变焦：变焦幅度小、画面平淡或压缩过强。请对准细节丰富处、"
        "提高码率后重新检测。",
        "The enlarged picture gained too little detail to tell a lens from a digital zoom: it zooms little, or the "
        "view is plain or strongly compressed. Aim at something with detail, raise the bit rate and inspect again.",
    ),
    Finding.DECLARED_ONLY: _Words(
        "设备声明有音频输出，但尚未在视频流中见到对讲通道。请核对取流地址和密码后重新检测。",
        "An audio output is declared, but no talk channel was seen in the stream yet. Check stream path and password, "
        "then inspect again.",
    ),
    Finding.DECLARED_NOT_OFFERED: _Words(
        "设备声明有音频输出，但视频流不提供对讲通道：在摄像机网页 配置→视音频 中启用对讲，主码流设为复合流。",
        "An audio output is declared, but the stream offers no talk channel: in the camera's web page, Configuration > "
        "Video/Audio > Audio, enable audio and two-way talk.",
    ),
    Finding.SETUP_FAILED: _Words(
        "视频流中列出了对讲通道，但设备拒绝打开。请确认对讲未被占用、已在摄像机网页中启用，必要时升级固件后重新检测。",
        "The stream lists a talk channel, but the device refuses to open it. Enable two-way talk in the camera's web "
        "page, update the firmware if need be, then inspect again.",
    ),
    Finding.VENDOR_ONLY: _Words(
        "没有 ONVIF 对讲通道，只有厂商私有对讲接口有应答，平台无法经它对讲。请在摄像机网页中启用 ONVIF 对讲，"
        "或升级固件；厂商客户端能否对讲请现场试讲。",
        "No ONVIF talk channel; only a vendor's own talk path answers, which the platform cannot use. Enable ONVIF "
        "talk in the camera's web page or update the firmware; try the vendor's own client on site.",
    ),
    Finding.VENDOR_UNASKED: _Words(
        "没有 ONVIF 对讲通道；本规则也接受厂商私有对讲，但未能识别。请现场试讲确认。",
        "No ONVIF talk channel; this policy accepts a vendor's own too, and none could be recognised. Try it on site.",
    ),
    Finding.CONFIGURED_LOWER: _Words(
        "主码流设置偏低，而设备支持更高：在摄像机网页 配置→视音频→视频 中把主码流分辨率改为1080P或更高。",
        "The main stream is set too low, though the camera can do more: in its web page, Configuration > Video/Audio > "
        "Video, set the main stream to 1080p or more.",
    ),
    Finding.STREAM_LOWER: _Words(
        "主码流配置的分辨率够，但实际解码出的画面更小：请核对 stream_path 是否指向子码流，并重启摄像机使设置生效。",
        "The main stream is configured high enough, but the decoded picture is smaller: check that `stream_path` is no "
        "sub-stream, and restart the camera so that its setting takes effect.",
    ),
    Finding.INCAPABLE: _Words(
        "设备支持的最高分辨率达不到要求，需更换摄像机。",
        "The camera's highest resolution is too low. It has to be replaced.",
    ),
    Finding.OPTIONS_UNKNOWN: _Words(
        "主码流分辨率不足，未能查到设备支持的更高分辨率：请在摄像机网页 配置→视音频→视频 中查看能否改为1080P。",
        "The main stream's resolution is too low; whether the camera can do more could not be asked: look in its web "
        "page, Configuration > Video/Audio > Video.",
    ),
    Finding.CONFIGURED_UNKNOWN: _Words(
        "只知道设备支持的分辨率，不知道主码流当前的设置。请在摄像机网页 配置→视音频→视频 中查看。",
        "Only what the camera could be set to is known, not what it is set to. Look in its web page, Configuration > "
        "Video/Audio > Video.",
    ),
    Finding.PROFILE_UNREAD: _Words(
        "设备没有说明其中一路视频的分辨率（H.265 主码流常见），不能用子码流代替判断。"
        "请核对取流密码后重新检测（以解码画面为准），或在摄像机网页 配置→视音频→视频 中查看。",
        "The device does not tell the size of one of its streams (as is common for a main stream in H.265), and the "
        "sub-stream does not speak for it. Inspect again with a working stream login, or look in its web page, "
        "Configuration > Video/Audio > Video.",
    ),
    Finding.NO_VIDEO_PROFILE: _Words(
        "设备没有可用的视频配置。请在摄像机网页 配置→视音频 中启用主码流。",
        "The device has no usable video profile. Enable the main stream in its web page, Configuration > Video/Audio.",
    ),
    Finding.PICTURE_UNTRIED: _Words(
        "视频流有应答，但没有去取画面，不能证明能看。请重新检测。",
        "The stream is described, but no picture was tried: that it can be seen is not proven. Inspect again.",
    ),
    Finding.NO_MEDIA: _Words(
        "摄像机同意播放，却没有送来视频数据。请重启摄像机；仍无视频时检查其编码设置，或升级固件。",
        "PLAY is granted and no video comes. Restart the camera; if it lasts, check its encoder settings or update its "
        "firmware.",
    ),
    Finding.NO_KEYFRAME: _Words(
        "视频在送，但关键帧来得太少：在摄像机网页 配置→视音频→视频 中把 I 帧间隔设为不超过 2 秒（25 帧时为 50），"
        "关闭 H.264+/Smart 编码。",
        "Video comes, but its key frames come too seldom: in the camera's web page, Configuration > Video/Audio > "
        "Video, set the I-frame interval to 2 s or less (50 at 25 fps) and switch H.264+/Smart codec off.",
    ),
    Finding.MJPEG_ONLY: _Words(
        "视频编码是 MJPEG，网关不解码它，也很占带宽：在摄像机网页 配置→视音频→视频 中把主码流编码改为 H.264 或 H.265。",
        "The video is MJPEG, which is not decoded here and costs much bandwidth: in the camera's web page, "
        "Configuration > Video/Audio > Video, set the main stream's encoding to H.264 or H.265.",
    ),
    Finding.NO_DECODER: _Words(
        "视频编码既不是 H.264 也不是 H.265（例如 SVAC），网关不能解码：在摄像机网页 配置→视音频→视频 中改为其一。",
        "The video is neither H.264 nor H.265 (but SVAC, say) and cannot be decoded here: in the camera's web page, "
        "Configuration > Video/Audio > Video, set it to one of them.",
    ),
    Finding.UDP_ONLY: _Words(
        "摄像机只肯经 UDP 送视频，网关和平台经 TCP 取流。请在摄像机网页 配置→网络 中允许 RTP over RTSP，或升级固件。",
        "The camera sends video over UDP only; gateway and platform fetch it over TCP. Allow TCP (RTP over RTSP) in "
        "its web page, Configuration > Network, or update its firmware.",
    ),
    Finding.USE_TLS: _Words(
        "设备的 ONVIF 只接受 HTTPS（TLS）。请在配置中为该摄像机填写 HTTPS 端口（通常为 443）和 tls: pin；"
        "inspect --tls pin 会显示证书指纹。",
        "ONVIF is spoken over HTTPS (TLS) only. Enter the HTTPS port (443 as a rule) and `tls: pin` for this camera; "
        "inspect --tls pin shows the certificate's fingerprint.",
    ),
    Finding.REDIRECTED: _Words(
        "设备把请求转到另一处；为安全起见未跟随。请核对依据中的目标：同一地址的，把其端口和路径写入配置；"
        "其他地址的，该处才是摄像机。",
        "The device sends us elsewhere, which is not followed. See the target: on the same address, enter its port and "
        "path in the configuration; on another one, that is where the camera is.",
    ),
    Finding.ONVIF_SILENT: _Words(
        "摄像机能连通，但所填端口上没有 ONVIF 应答。请在摄像机网页中启用 ONVIF，并核对 ONVIF 端口（onvif_port）。",
        "The camera is there, but ONVIF does not answer on the port given. Enable ONVIF in its web page, and check the "
        "ONVIF port (onvif_port).",
    ),
    Finding.STREAM_UNAVAILABLE: _Words(
        "摄像机的 RTSP 服务有应答，但说这一路视频现在取不到（503）：编码或图像传感器可能已停止工作，也可能路数已满。"
        "请重启摄像机；不能恢复时关闭多余的客户端，为网关留出一路取流。",
        "RTSP answers and says that this stream cannot be had now (503): encoder or sensor may have stopped, or all "
        "streams are taken. Restart the camera; if it lasts, close surplus viewers and leave one stream free for the "
        "gateway.",
    ),
}

_REASONS: dict[str, _Words] = {
    Reason.UNREACHABLE: _Words(
        "连接不上。请检查供电、网线和交换机端口，并核对 IP 地址与端口。",
        "No connection. Check power, cable and switch port, and the IP address and ports.",
    ),
    Reason.REFUSED: _Words(
        "设备拒绝登录。请核对用户名和密码，并确认该用户有 ONVIF 和取流权限；改正后再试，多次错误会锁定账号。",
        "The login was refused. Check user and password, and that the user may use ONVIF and streams; repeated "
        "mistakes lock the account.",
    ),
    Reason.UNSUPPORTED: _Words(
        "设备明确答复不支持。",
        "The device answers that it does not have this.",
    ),
    Reason.BUSY: _Words(
        "设备在线但连接数已满。请关闭多余的取流客户端。",
        "The device lives but has no room for another connection. Close surplus viewers.",
    ),
    Reason.TIMED_OUT: _Words(
        "设备没有在时限内答完。请检查网络质量，必要时重启摄像机。",
        "No complete answer in time. Check the network; restart the camera if it lasts.",
    ),
    Reason.MALFORMED: _Words(
        "设备的应答无法解析。请核对端口，或升级固件。",
        "The answer cannot be read. Check the ports, or update the firmware.",
    ),
    Reason.HOSTILE: _Words(
        "设备的应答违反安全规则，未予采信。请确认该地址上是登记的摄像机。",
        "The answer broke a safety rule and was not used. Make sure the enrolled camera is at this address.",
    ),
    Reason.AGENT_FAULT: _Words(
        "网关自身故障（如自己的网线断开），不能据此判断摄像机。请检查网关。",
        "The gateway's own fault (its own link down, say): nothing follows for the camera. Check the gateway.",
    ),
    Reason.UNASKED: _Words(
        "尚未询问。请等待下一次检测。",
        "Not asked yet. Wait for the next inspection.",
    ),
}

_NO_STREAM = _Words(
    "设备答复没有这一路视频流。请核对取流地址（通道、主码流）。",
    "The device answers that it has no such stream. Check the stream path (channel, main stream).",
)
_NO_TALK = _Words("设备不提供 ONVIF 对讲。", "The device offers no ONVIF talk.")

_IN_CLAUSE: dict[tuple[Clause, str], _Words] = {
    (Clause.ONLINE, Reason.UNSUPPORTED): _NO_STREAM,
    (Clause.ONLINE, Reason.BUSY): _Words(
        "设备在线，但取流路数已满，网关看不到画面。请在摄像机或录像机上为网关留出一路取流，或关闭多余的客户端。",
        "The device lives but all its streams are taken, so the gateway sees nothing. Leave one stream free for the "
        "gateway, or close surplus viewers.",
    ),
    (Clause.ONLINE, Finding.SETUP_FAILED): _Words(
        "摄像机列出了视频流，却不肯播放（SETUP 或 PLAY 未获同意）。请用播放器打开同一地址核对；打不开时重启摄像机，"
        "并核对取流地址（通道、主码流）和取流密码。",
        "The stream is described, and the camera does not agree to play it (SETUP or PLAY). Try the same address in a "
        "player; if that fails too, restart the camera, and check stream path (channel, main stream) and login.",
    ),
    (Clause.TWO_WAY_AUDIO, Reason.UNSUPPORTED): _NO_TALK,
    (Clause.FOCUS, Reason.UNSUPPORTED): _Words(
        "设备不能通过 ONVIF 调焦（定焦镜头，或只支持厂商私有方式）。",
        "Focus cannot be moved over ONVIF (a fixed lens, or only over the vendor's own path).",
    ),
}
"""Where a Reason means something of its own in one clause."""

_UNITS = {"deg": _Words("°", "°"), "px": _Words("像素", " px")}
_MEASURES = {"unbounded": _Words("无限位", "unbounded")}


def advice(word: str, clause: Clause, lang: str = "zh") -> str:
    """What a reason or finding means in a clause, and what to do; a word this version does not know as it is."""
    known = _IN_CLAUSE.get((clause, word)) or _FINDINGS.get(word) or _REASONS.get(word)
    return known[0 if lang == "zh" else 1] if known else word


def explain(verdict: Verdict, lang: str = "zh") -> str:
    """What was found, what was required, and what to do, in one paragraph; "" where nothing needs saying.

    `lang`: "zh" or "en". A word this version does not know is shown as it is.
    """
    pick = 0 if lang == "zh" else 1
    parts = [_figures(verdict, lang), advice(verdict.reason, verdict.clause, lang)]
    if verdict.clause is Clause.ZOOM and verdict.standing is Standing.MET and verdict.level is not Level.E4:
        parts.append(_Words("ONVIF 无法区分光学变焦与数字变焦。", "ONVIF cannot tell optical from digital zoom.")[pick])
    return ("" if lang == "zh" else " ").join(part for part in parts if part)


def _figures(verdict: Verdict, lang: str) -> str:
    """Measured and required, where there are figures to compare."""
    if verdict.measured is None or verdict.required is None or verdict.clause is Clause.ONLINE:
        return ""
    measured, required = (_figure(value, verdict.unit, lang) for value in (verdict.measured, verdict.required))
    level = name(verdict.level, lang)
    if lang == "zh":
        return f"{level}：{measured}，要求不低于{required}。"
    return f"{level}: {measured}, required: {required}."


def _figure(value: float | str, unit: str, lang: str) -> str:
    pick = 0 if lang == "zh" else 1
    if isinstance(value, str):
        return _MEASURES[value][pick] if value in _MEASURES else value.replace("x", "×")
    figure = (
        f"{value:.0f}" if value == round(value) else f"{floor(value * 10) / 10:.1f}"
    )  # a miss must not read as a hit
    return figure + (_UNITS[unit][pick] if unit in _UNITS else unit)
