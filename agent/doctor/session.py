"""What the broker says to our account: let in or not, topics, size, and whether the center is there.

An account is one client id to the broker, and its newest session ends the one before. So where the agent runs nobody
logs in: what its own line met is told. Where it does not, one session at a time is made, without a will, and nothing is
published.
"""

import queue
import time
from collections.abc import Callable, Sequence

import msgspec

from agent.doctor.broker import LADDER_S, Way, failed
from agent.doctor.rows import NOTHING, Area, Result, Row, Tell
from agent.settings import Settings
from agent.status import UplinkStatus
from agent.tell.failures import Failed, Failure, Kind
from agent.tell.line import BULKY, Account, Line, Message, TooNew
from contract import topics
from contract.messages import BROKEN_JSON, Ack, CenterState
from contract.problems import Words, both

GRANT_S = 5.0
KEPT_S = 2.0
"""What the broker keeps for us arrives with the answer to the subscription, as a rule."""
SESSIONS_S = LADDER_S + 60.0
WHAT = Words("account", "账号")


def told_by(uplink: UplinkStatus) -> list[Row]:
    """What the running agent knows of its line."""
    if uplink.problem in list(Kind):
        return [failed("", Failure(Kind(uplink.problem), uplink.detail))]
    if not uplink.connected:
        return [_row(Result.WARNING, Words(uplink.detail, f"还没有连上：{uplink.detail}"), _AGAIN)]
    stands = _row(Result.FINE, Words(f"the agent's line stands: {uplink.detail}", f"线路正常：{uplink.detail}"))
    if uplink.pending:
        waiting = Words(f"{uplink.pending} events are not acknowledged", f"有 {uplink.pending} 个事件尚未确认")
        return [stands, _row(Result.WARNING, waiting, _AGAIN, what=_CENTER)]
    return [stands, _row(Result.FINE, Words("it has acknowledged all events", "已确认全部事件"), what=_CENTER)]


_AGAIN = Words("look again in a minute; if it stays so, ask the center", "一分钟后再看；若仍如此，请询问中心")


def log_in(ways: Sequence[Way], settings: Settings, may: Callable[[], bool], tell: Tell) -> None:
    """At each address that can be reached, one after the other; `may` is asked right before each."""
    for way in ways:
        way.ended.wait(LADDER_S)
        if not way.stands:
            continue
        if not may():
            said = Words("not tried: the agent has just been started", "未检查：程序刚刚启动")
            tell(_row(Result.UNCHECKED, said))
            return
        _Session(way, settings).tell(tell)


class _Session:
    def __init__(self, way: Way, settings: Settings) -> None:
        self._way, self._settings = way, settings
        self._heard: queue.SimpleQueue[Message] = queue.SimpleQueue()
        gateway, city = settings.gateway.id, settings.gateway.city
        self._ack = topics.down(city, gateway, "ack")
        self._states = topics.CENTER_STATE, topics.city_state(city)
        self._topics = [self._ack, topics.down(city, gateway, "cmd"), *self._states]

    def tell(self, tell: Tell) -> None:
        where = self._way.endpoint.where
        try:
            line, newest = self._opened()
        except Failed as error:
            tell(failed(where, error.failure))
            return
        try:
            version = "MQTT 5" if newest else "MQTT 3.1.1"
            tell(_row(Result.FINE, Words(f"the account is let in ({version})", f"账号可以登录（{version}）"), at=where))
            if newest:
                tell(_size(line.limits.packet, where))
            for row in self._heard_of(line):
                tell(row)
        finally:
            line.close(0.0)

    def _opened(self) -> tuple[Line, bool]:
        """Raises Failed."""
        first = self._settings.broker[0]
        password = first.password.reveal if first.password else None
        account = Account(first.username, password, int(self._settings.keepalive))
        for newest in (True, False):
            line = Line(self._way.endpoint, account, None, newest=newest, heard=self._heard.put, moved=lambda: None)
            try:
                line.open()
            except TooNew:
                if not newest:
                    raise
            else:
                return line, newest
        raise Failed(Failure(Kind.MQTT, "no version of MQTT is spoken"))

    def _heard_of(self, line: Line) -> list[Row]:
        where = self._way.endpoint.where
        line.subscribe(self._topics)
        line.subscribed.wait(GRANT_S)
        if line.forbidden:
            return [failed(where, Failure(Kind.ACL, line.forbidden))]
        kept = self._kept(line)
        if line.ended.is_set():
            kind = Kind.DUPLICATE if line.taken_over else Kind.MQTT
            return [failed(where, Failure(kind, line.why))]
        if not line.subscribed.is_set():
            silent = Words("the broker did not answer our subscription", "服务器没有应答订阅")
            return [_row(Result.UNCHECKED, silent, at=where)]
        return [self._permitted(kept), self._center(kept)]

    def _kept(self, line: Line) -> dict[str, bytes]:
        """Topic -> what the broker keeps there."""
        found: dict[str, bytes] = {}
        end = time.monotonic() + KEPT_S
        while not (self._ack in found and found.keys() & set(self._states)) and not line.ended.is_set():
            try:
                message = self._heard.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                break
            found[message.topic] = message.payload
        return found

    def _permitted(self, kept: dict[str, bytes]) -> Row:
        """A broker may grant a foreign topic and deliver nothing: only what arrives is proof."""
        where = self._way.endpoint.where
        if self._ack in kept:
            return _row(Result.FINE, Words("our topics are delivered", "本网关的主题可以收到"), at=where)
        if kept:
            said = Words(
                "the center's topics are delivered, ours are granted: the center has acknowledged nothing yet",
                "中心的主题可以收到；本网关的主题已获准，中心还没有确认过事件",
            )
            return _row(Result.FINE, said, at=where)
        said = Words(
            "our topics are granted; that they are delivered is not proven, as nothing is kept there",
            "订阅已获准；服务器上没有留存的消息，不能证明能够收到",
        )
        return _row(Result.UNCHECKED, said, Words("is the center running?", "请确认中心在运行"), at=where)

    def _center(self, kept: dict[str, bytes]) -> Row:
        said = {topic: _state(kept[topic]) for topic in self._states if topic in kept}
        ack = _decoded(kept[self._ack]) if self._ack in kept else None
        if "down" in said.values():
            down = Words("it says that it is down; events are kept until it is back", "中心已停止；事件先保存在本机")
            return _row(Result.WARNING, down, what=_CENTER)
        if not said:
            return _row(Result.UNCHECKED, Words("nothing was heard of it", "没有收到中心的状态"), what=_CENTER)
        if ack is None:
            return _row(Result.FINE, Words("it is up", "正常"), what=_CENTER)
        acked = Words(f"it is up, and has acknowledged events up to {ack.seq}", f"正常，已确认事件到 {ack.seq}")
        return _row(Result.FINE, acked, what=_CENTER)


_CENTER = Words("the center", "中心")


def _state(payload: bytes) -> str:
    try:
        return msgspec.json.decode(payload, type=CenterState).state
    except BROKEN_JSON:
        return "?"


def _decoded(payload: bytes) -> Ack | None:
    try:
        return msgspec.json.decode(payload, type=Ack)
    except BROKEN_JSON:
        return None


def _size(packet: int, where: str) -> Row:
    if not packet:
        return _row(Result.FINE, Words("the broker names no largest message", "服务器没有限制消息大小"), at=where)
    said = Words(f"messages of up to {packet} bytes are taken", f"消息大小上限 {packet} 字节")
    if packet < BULKY:
        todo = Words("raise message_size_limit at the broker (262144)", "请调高服务器的 message_size_limit（262144）")
        return _row(Result.WARNING, said, todo, at=where)
    return _row(Result.FINE, said, at=where)


def _row(result: Result, said: Words, todo: Words = NOTHING, *, at: str = "", what: Words = WHAT) -> Row:
    return Row(area=Area.BROKER, what=both(at) if at else what, result=result, said=said, todo=todo)
