"""Our own English phrases for a person who reads Chinese: why a question was not answered, what discovery noted.

The words of protocols and of cameras stay as they are; a phrase that this version does not know is left out by `cause`.
"""

import re
from collections.abc import Iterable

_PROTOCOL = re.compile(r"(RTSP|HTTP|TLS|XML|SOAP)\b.*")
_CAUSES = (
    # ---- not asked --------------------------------------------------------------------------
    (r"not asked: the camera had stopped answering", "设备已停止应答，未再询问"),
    (r"not asked: login refused before", "登录已被拒绝，未再询问"),
    (r"not asked: (.*)", r"未询问：\1"),
    (r"no (\w+) service listed", r"服务列表中没有 \1 服务"),
    (r"no time left for a visit", "本轮时间不够，未检查"),
    (r"another visit of ours held the device all the while", "本程序的另一次检查一直占用设备"),
    # ---- the connection ---------------------------------------------------------------------
    (r"Connection refused at port (\d+)", r"端口 \1 拒绝连接"),
    (r"No route to host at port (\d+)", r"找不到主机（端口 \1）"),
    (r"Network is unreachable at port (\d+)", r"网络不可达（端口 \1）"),
    (r"no answer to the connection attempt at port (\d+)", r"端口 \1 没有应答连接请求"),
    (r".* at port (\d+)", r"端口 \1 连接失败"),
    (r"port out of range", "端口超出范围"),
    (r"port (\d+) speaks TLS only", r"端口 \1 只接受 TLS"),
    (r"no complete answer in time", "时限内没有完整应答"),
    (r"deadline passed", "超过时限"),
    (r"connection accepted, then reset", "接受连接后又重置"),
    (r"connection accepted, then closed without an answer", "接受连接后没有应答就断开"),
    (r"connection accepted, then closed in the TLS handshake", "接受连接后在 TLS 握手中断开"),
    (r"certificate refused: (.*)", r"证书不被接受：\1"),
    (r"certificate is not the pinned one", "证书与登记的指纹不符"),
    # ---- the login --------------------------------------------------------------------------
    (r"only Basic offered", "设备只提供明文认证 Basic"),
    (r"no login offered(?: that we know: (.*))?", "设备没有提供可用的认证方式"),
    (r"login asked for, no credentials enrolled", "设备要求登录，配置中没有账号"),
    (r"login asked for, logging in is suspended", "设备要求登录，登录已暂停"),
    (r"login paused", "登录已暂停"),
    (r"login refused before", "登录已被拒绝"),
    (r"connection closed at login", "登录时设备断开了连接"),
    (r"(RTSP|HTTP) (\d+) to our login", r"登录被拒（\1 \2）"),
    (r"refused again and again after the login had worked", "登录成功后又一再被拒"),
    (r"the ONVIF login was refused", "ONVIF 登录被拒"),
    # ---- the stream -------------------------------------------------------------------------
    (r"no stream path known yet", "尚不知道取流地址"),
    (r"no snapshot path known yet", "尚不知道抓图地址"),
    (r"RTSP answers \((\d+)\), no stream path known yet", r"RTSP 有应答（\1），尚不知道取流地址"),
    (
        r"RTSP answers \((\d+)\), no stream path known: the ONVIF login was refused",
        r"RTSP 有应答（\1），ONVIF 登录被拒，无法得知取流地址",
    ),
    (r"RTSP answers \((\d+)\), no stream path known: .*", r"RTSP 有应答（\1），无法得知取流地址"),
    (r"RTSP (\d+) ?(.*) to (.*), not followed", r"RTSP \1 重定向到 \3，未跟随"),
    (r"redirect \((\d+)\) to (.*), not followed", r"重定向（\1）到 \2，未跟随"),
    (r"(.*) to DESCRIBE, (\d+) to OPTIONS", r"取流描述：\1；OPTIONS：\2"),
    (r"RTSP 200 without a description", "RTSP 200，但没有取流描述"),
    (r"description without media", "取流描述中没有媒体"),
    (r"no video in SDP|the description names no video", "取流描述中没有视频"),
    (r"SETUP answered without a usable Session", "SETUP 的应答没有可用的会话"),
    (r"SETUP answered with another transport: (.*)", r"SETUP 的应答换了传输方式：\1"),
    (r"an RTSP reply to no request, amid the media", "媒体数据中夹有多余的 RTSP 应答"),
    (r"no video after PLAY", "同意播放后没有送来视频"),
    (r"no keyframe in time", "时限内没有关键帧"),
    (r"no decoder here for (.*)", r"无法解码 \1"),
    (r"no picture comes out of what the camera sent", "设备送来的数据解不出画面"),
    (r"the recorder's channel shows no picture that moves on", "录像机通道的画面静止"),
    (r"snapshot: (.*)", r"抓图：\1"),
    (r"the snapshot is no JPEG", "抓图不是 JPEG"),
    # ---- answers that cannot be used --------------------------------------------------------
    (r"(answer|line) larger than (\d+) bytes", r"应答超过 \2 字节"),
    (r"line longer than (\d+) bytes", r"一行超过 \1 字节"),
    (r"more than (\d+) (headers|chunks)", r"应答头或分块多于 \1 个"),
    (r"more than (\d+) bytes of media in one session", r"一次会话送来的媒体超过 \1 字节"),
    (r"a keyframe larger than (\d+) bytes", r"关键帧超过 \1 字节"),
    (r"(?:answer larger than )?a picture of (\d+)x(\d+)(?: bytes)?", r"画面过大：\1×\2"),
    (r"(encoded|multipart) answer.*", "应答的编码方式不予接受"),
    (r"interim replies without end|trailers without end", "应答没有结尾"),
    (r"no status line in the first (\d+) bytes|broken status line", "应答没有正确的状态行"),
    (r"connection closed within the answer.*", "应答没有发完就断开"),
    (r"unreadable (Content-Length|chunk size)", "应答的长度无法识别"),
    (r"path holds characters that no URL may hold", "地址中有 URL 不允许的字符"),
    (r"DOCTYPE in (an|the) answer", "应答中含有 DOCTYPE"),
    (r"not a SOAP envelope", "应答不是 SOAP"),
    (r"not XML: .*", "应答不是 XML"),
    # ---- our own side -----------------------------------------------------------------------
    (r"no way to (\S+): .*", r"没有到 \1 的路由"),
    (
        r"the way leads over (\S+), the camera was last reached over (\S+)",
        r"现经 \1 出口，此前经 \2 到达该摄像机",
    ),
    (r"the way leads over (\S+)", r"现经 \1 出口"),
    (r"(\S+) has no carrier", r"\1 没有连接（网线）"),
    (
        r"(\S+) and (\S+) are both in the subnet of (\S+): .*",
        r"\1 与 \2 都在 \3 的网段：摄像机可能接在未询问的一个上",
    ),
    (r"the carrier of (\S+) changed (\d+) s ago", r"\1 的连接 \2 秒前变化过"),
    (r"nobody answers on (\S+), none of (\d+) neighbours: .*", r"\1 上 \2 个邻居都没有应答：可能是交换机故障"),
    (r"control character in a request header", "请求头中有控制字符"),
    (r"no result within (\S+) s", r"\1 秒内没有结果"),
    (r"child (ended with status|not started|not limited).*", "检查子进程出错"),
    (r"the pictures took the decoder .*|decoder: .*|.* in the decoder", "解码进程出错"),
    (r"not enough memory for this picture", "解码内存不足"),
    (r".* at a visit", "检查时本程序出错"),
)


def expanded(table: Iterable[tuple[str, str]], text: str) -> str:
    """The words of the first (pattern, words) that fits the whole text, filled in; "" where none does."""
    fits = ((re.fullmatch(pattern, text), words) for pattern, words in table)
    return next((found.expand(words) for found, words in fits if found), "")


def in_chinese(detail: str) -> str:
    """The detail in Chinese, "" where this version does not know it."""
    if words := expanded(_CAUSES, detail):
        return words
    recorder, colon, cause_there = detail.partition("the recorder's channel: ")
    if colon and not recorder:
        return f"录像机通道：{in_chinese(cause_there)}".rstrip("：")
    return ""


def cause(detail: str, lang: str) -> str:
    """For a person, beside the reason's name."""
    if lang != "zh" or not detail:
        return detail
    return in_chinese(detail) or (detail if _PROTOCOL.fullmatch(detail) else "")


_NOTES = (
    (r"no interface to probe from", "没有可用的网卡"),
    (r"(.*) not probed: interface is down", r"\1 未探测：网卡未启用"),
    (r"(.*) not probed: link-local address", r"\1 未探测：链路本地地址"),
    (r"(.*) not probed: loopback", r"\1 未探测：回环网卡"),
    (
        r"(.*) not probed: tunnel or virtual interface; .*",
        r"\1 未探测：隧道或虚拟网卡；如需使用请用 --interface 指明",
    ),
    (r"(.*) not probed: no such interface with an IPv4 address", r"\1 未探测：没有这个带 IPv4 地址的网卡"),
    (r"(.*) not probed: (.*)", r"\1 未探测：\2"),
    (r"(.*) not listened on: (.*)", r"\1 未能收听：\2"),
    (r"nobody asked by unicast: (.*)", r"未能逐个询问：\1"),
    (r"(.*) is not an IPv4 network; left out", r"\1 不是 IPv4 网段，已略去"),
    (r"probes could not be sent from (.*)", r"探测未能从 \1 发出"),
    (
        r"answers of (\d+) senders were not used, more than one round reads: (.*)",
        r"\1 个设备的应答超出一轮的读取量，未采用：\2",
    ),
    (r"answered from outside the links and subnets asked, not used: (.*)", r"来自所问网段之外的应答，未采用：\1"),
    (r"answers no probe; it announced itself \(Hello\)", "不应答探测，只自行通告（Hello）"),
    (r"silent to WS-Discovery, answers ONVIF over TCP", "不应答 WS-Discovery，但 TCP 上有 ONVIF 应答"),
    (r"XAddr names another host: (.*)", r"XAddr 写的是另一台主机：\1"),
    (r"XAddr unusable \(.*?\): (.*)", r"XAddr 无法使用：\1"),
    (r"no usable XAddr, port and path are the usual ones", "没有可用的 XAddr，按常用端口和路径"),
    (r"XAddr names port (\d+), at which no camera is asked: .*", r"XAddr 写的端口 \1 不是摄像机会用的，未采用"),
)


def note(text: str, lang: str) -> str:
    """What discovery noted; one that this version does not know stays as it is."""
    return (expanded(_NOTES, text) if lang == "zh" else "") or text
