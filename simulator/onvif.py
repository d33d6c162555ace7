"""One SOAP question in, one answer out: who may ask, which service answers, in which style it refuses.

No socket here; HTTP is the caller's.
"""

from typing import NamedTuple

from simulator import soap
from simulator.auth import LET_IN, NOBODY, Login
from simulator.persona import Persona, Quirk
from simulator.replay import at_home
from simulator.services import device, deviceio, imaging, media, media2, ptz
from simulator.soap import Ask, Refused
from simulator.unit import Unit

_TABLES = {
    "device": device.OPERATIONS,
    "media": media.OPERATIONS,
    "media2": media2.OPERATIONS,
    "ptz": ptz.OPERATIONS,
    "imaging": imaging.OPERATIONS,
    "deviceio": deviceio.OPERATIONS,
}


class Answer(NamedTuple):
    """`close`: hang up instead of answering. `challenges`: WWW-Authenticate values."""

    status: int
    body: bytes = b""
    content_type: str = "application/soap+xml; charset=utf-8"
    challenges: tuple[str, ...] = ()
    close: bool = False


def answer(unit: Unit, path: str, body: bytes, authorization: str) -> Answer:
    """The camera's reply to a POST."""
    ask = soap.parse(body)
    if ask is None:
        return Answer(400, b"<html><body>Bad Request</body></html>", "text/html")
    if unit.capture:
        unit.note(ask.service, ask.operation)
        status, text = unit.capture.answer(ask)
        return Answer(status, at_home(text, unit.address, unit.onvif_port, unit.rtsp_port).encode())
    login = _login(unit, ask, authorization)
    unit.note(ask.service, ask.operation, authenticated=login.accepted and login.shown, shown=login.shown)
    if not login.accepted:
        return _refuse_login(unit, login)
    return _serve(unit, device.the(unit), path, ask)


def _login(unit: Unit, ask: Ask, authorization: str) -> Login:
    mode = unit.auth.soap
    if mode == "none" or not _needs_login(unit, ask):
        return LET_IN._replace(shown=False)
    shown = NOBODY
    if mode in {"wsse", "both"}:
        shown = unit.door.token(ask.token, unit.now())
    if mode in {"http_digest", "both"} and not shown.shown:
        shown = unit.door.header(authorization, "POST", "digest")
    return shown


def _needs_login(unit: Unit, ask: Ask) -> bool:
    if ask.service != "device" or ask.operation not in device.PRE_AUTH:
        return True
    quirk = Quirk.CLOCK_NEEDS_LOGIN if ask.operation == "GetSystemDateAndTime" else Quirk.SERVICES_NEED_LOGIN
    return unit.has(quirk)


def _refuse_login(unit: Unit, login: Login) -> Answer:
    body = soap.fault("Sender ter:NotAuthorized", login.text).encode()
    if unit.auth.soap in {"http_digest", "both"}:
        challenges = tuple(unit.door.challenges("digest"))
        if unit.auth.refusal == "401":
            return Answer(401, b"<html><body>Unauthorized</body></html>", "text/html", challenges)
        return Answer(401, body, challenges=challenges)
    if unit.auth.refusal == "401":
        return Answer(401)
    return Answer(int(unit.auth.refusal.rpartition("-")[2]), body)


def _serve(unit: Unit, persona: Persona, path: str, ask: Ask) -> Answer:
    paths = {persona.path(name): name for name in (*persona.services, *persona.capabilities)}
    place = path.partition("?")[0]
    if place not in paths:
        return Answer(404, b"<html><body>Not Found</body></html>", "text/html")
    refusal = persona.refuses.get(f"{ask.service}.{ask.operation}") or persona.refuses.get(f"{ask.service}.*")
    if refusal == "empty-500":
        return Answer(500)
    if refusal == "close":
        return Answer(0, close=True)
    try:
        if refusal:
            raise Refused(refusal)
        text = _ask(unit, persona, paths[place], ask)
    except Refused as refused:
        return Answer(persona.fault_status, soap.fault(refused.codes, refused.text).encode())
    return Answer(200, _styled(unit, ask, text))


def _ask(unit: Unit, persona: Persona, at: str, ask: Ask) -> str:
    known = {*persona.services, *persona.capabilities}
    operation = _TABLES.get(ask.service, {}).get(ask.operation) if ask.service in known else None
    if at == "deviceio" and ask.service == "media":
        operation = deviceio.IN_MEDIA_NAMESPACE.get(ask.operation, operation)
    if operation is None:
        raise Refused("Receiver ter:ActionNotSupported", "Optional Action Not Implemented")
    return soap.envelope(soap.el(f"{soap.PREFIXES[ask.service]}:{ask.operation}Response", operation(unit, ask)))


def _styled(unit: Unit, ask: Ask, text: str) -> bytes:
    if unit.has(Quirk.OUT_OF_ORDER):
        text = soap.reversed_order(text)
    if unit.has(Quirk.UNDECLARED_PREFIX) and ask.operation in {"GetServices", "GetCapabilities"}:
        text = text.replace(soap.TT_DECLARED, "")
    return text.encode("gb18030" if unit.has(Quirk.GBK_NAMES) else "utf-8")
