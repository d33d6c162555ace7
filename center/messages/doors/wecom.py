"""企业微信群机器人: a markdown message of at most 4096 bytes, at most 20 in a minute; the answer's errcode decides.

As documented at developer.work.weixin.qq.com (path 91770). The key stands in the address: it is never logged.
"""

import json
from urllib.parse import quote

from center.messages.doors.door import Delivered, Failed, Message, Outcome, Refused
from center.messages.doors.reaching import Target, Unreached
from center.messages.doors.webhook import unreached

MOST_BYTES = 4096
PER_MINUTE = 19
"""One less than is allowed: its minute is not ours."""
TOO_FAST = frozenset({45009, 130101})
TOO_FAST_S = 60.0
NEVER = frozenset({93000, 93004, 93017, 40008, 40058, 44004, 45002})
"""A key that is none, a robot that is no more, a message of a wrong form: the same at the next try."""
_WIDE = str.maketrans("<>[]()*_`#\\", "＜＞［］（）＊＿｀＃＼")
"""What markdown and @ would read in a name; written wide, it is only read by people."""


def escaped(text: str) -> str:
    return text.translate(_WIDE)


def content(message: Message) -> str:
    """Head, lines, and a mark where it may have come before: the robot knows no ids, a person sees it."""
    again = f"（第 {message.uncertain + 1} 次发送，可能重复 / may be a repeat）\n" if message.uncertain else ""
    lines = [line if line.startswith("https://") else escaped(line) for line in message.text.split("\n")]
    return cut(f"{again}**{escaped(message.subject)}**\n" + "\n".join(lines))


def cut(text: str) -> str:
    raw = text.encode()
    return text if len(raw) <= MOST_BYTES else raw[: MOST_BYTES - 3].decode(errors="ignore") + "…"


class RobotDoor:
    per_minute = PER_MINUTE

    def __init__(self, target: Target, key: str) -> None:
        self._target, self._key = target, key

    def send(self, message: Message) -> Outcome:
        document = {"msgtype": "markdown", "markdown": {"content": content(message)}}
        body = json.dumps(document, ensure_ascii=False).encode()
        headers = {"Content-Type": "application/json; charset=utf-8"}
        try:
            answer = self._target.post(body, headers, "key=" + quote(self._key, safe=""))
        except Unreached as trouble:
            return unreached(trouble)
        if answer.status != 200:
            said = f"http_status {answer.status}"
            return Refused(said) if 300 <= answer.status < 400 else Failed(said, wait_s=answer.retry_after_s)
        try:
            told = json.loads(answer.body)
            errcode = int(told["errcode"])
        except (ValueError, KeyError, TypeError, RecursionError):
            return Failed("garbage", uncertain=True)
        if errcode == 0:
            return Delivered("errcode 0")
        if errcode in NEVER:
            return Refused(f"errcode {errcode}")
        return Failed(f"errcode {errcode}", wait_s=TOO_FAST_S if errcode in TOO_FAST else 0.0)
