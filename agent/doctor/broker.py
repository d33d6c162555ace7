"""The way to each address of the broker, step by step: name, connection, TLS, certificates against the clock.

Nobody is logged in here; what our own certificate says is read from its file.
"""

import ipaddress
import socket
import ssl
import threading
import time
from pathlib import Path

from agent.doctor import certificate
from agent.doctor.rows import Area, Result, Row, Tell
from agent.settings import Broker
from agent.tell import failures, preflight
from agent.tell.failures import ADVICE, Failure, Kind
from agent.tell.preflight import Endpoint
from contract.problems import Words, both, why

STEP_S = 5.0
LADDER_S = 20.0
"""For all steps at one address: a name may have many addresses, and a name server that is silent takes its time."""
SOON_DAYS = 14
"""A certificate that ends so soon should have been renewed."""
_DAY_S = 86_400


def endpoint(broker: Broker) -> Endpoint:
    return Endpoint(host=broker.host, port=broker.port, ca=broker.ca, cert=broker.cert, key=broker.key)


def is_this_box(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def failed(where: str, failure: Failure) -> Row:
    """A step that failed, with the advice that `status` gives for it."""
    en, zh = ADVICE[failure.kind]["en"].partition(": "), ADVICE[failure.kind]["zh"].partition("：")
    return Row(
        area=Area.BROKER,
        what=both(where),
        result=Result.WRONG,
        said=Words(f"{failure.kind}: {en[0]} ({failure.detail})", f"{failure.kind}：{zh[0]}（{failure.detail}）"),
        todo=Words(en[2], zh[2]),
    )


class Way:
    """One address of the broker. `ended`: its steps are done; `stands`: all of them worked."""

    def __init__(self, to: Endpoint, account: str) -> None:
        self.endpoint, self._account = to, account
        self.ended = threading.Event()
        self.stands = False

    def climb(self, tell: Tell) -> None:
        """The first step that fails is the last one told."""
        try:
            self.stands = self._climb(tell)
        finally:
            self.ended.set()

    def _climb(self, tell: Tell) -> bool:
        to = self.endpoint
        try:
            context = to.context()
        except OSError as error:
            said = f"a file of tls cannot be used: {failures.said(error)}"
            tell(failed(to.where, Failure(Kind.TLS, said)))
            return False
        if to.cert:
            tell(_own(to.where, Path(to.cert), self._account))
        try:
            found = socket.getaddrinfo(to.host, to.port, 0, socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            tell(failed(to.where, failures.of(error)))
            return False
        addresses = ", ".join(dict.fromkeys(str(place[0]) for *_, place in found))
        if addresses != to.host:
            tell(_fine(to.where, Words(f"its name is known: {addresses}", f"域名解析：{addresses}")))
        began = time.monotonic()
        try:
            plain = socket.create_connection((to.host, to.port), STEP_S)
        except OSError as error:
            tell(failed(to.where, failures.of(error)))
            return False
        took = f"{1000 * (time.monotonic() - began):.0f} ms"
        tell(_fine(to.where, Words(f"accepts connections ({took})", f"接受连接（{took}）")))
        with plain:
            return self._speak(plain, context, tell)

    def _speak(self, plain: socket.socket, context: ssl.SSLContext | None, tell: Tell) -> bool:
        to, met = self.endpoint, list[Row]()
        failure = preflight.spoken_to(plain, context, to.host, lambda secured: met.extend(_theirs(to.where, secured)))
        if failure:
            tell(failed(to.where, failure))
            return False
        if not context and not is_this_box(to.host):
            said = Words("the line is not encrypted: anybody on the way can read it", "未加密：途中任何人都能读取")
            todo = Words("write tls: {ca: PATH} for a port with TLS", "请改用 TLS 端口，并填写 tls: {ca: 路径}")
            tell(_row(to.where, Result.WARNING, said, todo))
        for row in met:
            tell(row)
        return True


def _theirs(where: str, secured: ssl.SSLSocket) -> list[Row]:
    """TLS was spoken, and the certificate of the other side is good by our clock."""
    shown = secured.getpeercert() or {}
    version = secured.version() or "TLS"
    until_s = float(ssl.cert_time_to_seconds(str(shown["notAfter"])))
    name = Words("the broker's certificate", "服务器证书")
    todo = Words("tell the center", "请告知中心")
    return [_fine(where, Words(f"{version}, by the authority named in tls.ca", f"{version}，由 tls.ca 的机构签发")),
            _lasting(where, name, until_s, todo)]  # fmt: skip


def _own(where: str, file: Path, account: str) -> Row:
    """Our own certificate: whether it is ours, and how long it lasts."""
    what = Words("our certificate", "本网关证书")
    renew = Words("have it issued anew by the center", "请由中心重新签发")
    try:
        ours = certificate.read(file.read_text("utf-8", "replace"))
    except OSError as error:
        said = Words(f"{what.en} cannot be read: {why(error).en}", f"{what.zh}无法读取：{why(error).zh}")
        return _row(where, Result.UNCHECKED, said)
    except ValueError:
        said = Words(f"how long {what.en} lasts cannot be read", f"看不出{what.zh}的有效期")
        return _row(where, Result.UNCHECKED, said)
    if ours.begin_s > time.time():
        said = Words(
            f"by the box's clock {what.en} is valid only from {_date(ours.begin_s)} on",
            f"按本机时间，{what.zh}要到 {_date(ours.begin_s)} 才生效",
        )
        return _row(where, Result.WRONG, said, Words("check the box's clock (NTP) first", "请先检查本机时钟（NTP）"))
    if ours.name != account:
        said = Words(
            f"{what.en} is for {ours.name!r}, the account is {account!r}",
            f"{what.zh}属于 {ours.name!r}，账号是 {account!r}",
        )
        todo = Words("gateway.id, city and certificate must belong together", "gateway.id、city 与证书须一致")
        return _row(where, Result.WARNING, said, todo)
    return _lasting(where, what, ours.end_s, renew)


def _lasting(where: str, what: Words, until_s: float, todo: Words) -> Row:
    left_s, date = until_s - time.time(), _date(until_s)
    if left_s <= 0:
        return _row(where, Result.WRONG, Words(f"{what.en} has expired on {date}", f"{what.zh}已于 {date} 过期"), todo)
    said = Words(f"{what.en} is valid until {date}", f"{what.zh}有效期至 {date}")
    if left_s < SOON_DAYS * _DAY_S:
        return _row(where, Result.WARNING, said, todo)
    return _fine(where, said)


def _date(utc_s: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(utc_s))


def _fine(where: str, said: Words) -> Row:
    return _row(where, Result.FINE, said)


def _row(where: str, result: Result, said: Words, todo: Words = Words("", "")) -> Row:  # noqa: B008
    return Row(area=Area.BROKER, what=both(where), result=result, said=said, todo=todo)
