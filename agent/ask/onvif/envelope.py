"""Child only: SOAP replies opened, the one file that imports lxml; faults turned into a Reason.

A reply is untrusted bytes: no entity, no DTD, no network, no huge tree; names match by their local part alone, since
prefixes are missing or wrong in the field.
"""

import re
import threading
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache

from lxml import etree

from agent.ask.attempt import Trouble
from agent.ask.net.http import NOT_HERE, reason_of
from agent.ask.onvif.mending import mended
from contract.text import tidy
from contract.vocabulary import Reason

Node = etree._Element

_START = re.compile(r"<(?:[\w.-]+:)?Envelope\b")
_END = re.compile(r"</(?:[\w.-]+:)?Envelope\s*>")
_DTD = re.compile(r"<!\s*(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_MAX_NESTING = 3
_own = threading.local()
_MAX_PREFIX = 80


class Unclear(Trouble):
    """Neither yes nor no: nothing intelligible, or our way of speaking was not understood. Another way may be."""

    def __init__(self, detail: str) -> None:
        super().__init__(Reason.MALFORMED, detail)


class NotHere(Trouble):
    """Nothing speaks this service at this path: another path may (HTTP 404 and kin without SOAP)."""

    def __init__(self, detail: str) -> None:
        super().__init__(Reason.MALFORMED, detail)


# ---- opening ------------------------------------------------------------------------------------


def read(status: int, body: bytes, operation: str) -> Node:
    """The `<operation>Response` element of a reply with this HTTP status.

    Raises Trouble: REFUSED, UNSUPPORTED, BUSY or MALFORMED for a fault (which comes with HTTP 200, 400 and 500 alike),
    HOSTILE for a DTD, MALFORMED for all that is no complete SOAP, NotHere when it is the wrong path.
    """
    text = _decoded(body)
    if reason_of(status) is Reason.BUSY:
        raise Trouble(Reason.BUSY, f"HTTP {status}")
    content = _content(text)
    if content is not None and local(content) == "Fault":
        raise _trouble(status, content)
    if reason_of(status) is Reason.REFUSED:
        raise Trouble(Reason.REFUSED, tidy(f"HTTP {status} {text}"))
    if content is None and status in NOT_HERE:
        raise NotHere(f"HTTP {status}")
    if content is None or not 200 <= status < 300:
        raise Unclear(f"HTTP {status} " + ("without SOAP" if text.strip() else "with an empty body"))
    if local(content) != f"{operation}Response":
        raise Trouble(Reason.MALFORMED, tidy(f"{local(content)} in answer to {operation}"))
    return content


def _decoded(body: bytes) -> str:
    """Text as UTF-8, else GB 18030 whatever is declared, without NULs (so UTF-16 hides nothing either)."""
    body = body.replace(b"\0", b"").removeprefix(b"\xef\xbb\xbf")
    for encoding in ("utf-8", "gb18030"):
        try:
            return body.decode(encoding)
        except UnicodeDecodeError:
            continue
    return body.decode("utf-8", "replace")


def _content(text: str) -> Node | None:
    """The element inside the Body; None when this is no SOAP. Raises Trouble(HOSTILE, MALFORMED)."""
    start = _START.search(text)
    if not start:
        return None
    if "<!" in text and _DTD.search(text):
        raise Trouble(Reason.HOSTILE, "DOCTYPE in the answer")
    near = text.find("Envelope", start.end())  # finding a word is many times faster than the pattern
    end = _END.search(text, max(start.end(), near - _MAX_PREFIX)) if near >= 0 else None
    if not end:
        raise Trouble(Reason.MALFORMED, "answer ends before its envelope does")
    root = _parsed(text[start.start() : end.end()])
    body = kid(root, "Body") if root is not None and local(root) == "Envelope" else None
    return next(elements(body), None) if body is not None else None


def _parsed(text: str) -> Node | None:
    """As it stands, then mended, then forgiving: what only forgiveness could read and is empty then, proves nothing."""
    with suppress(etree.XMLSyntaxError):
        return etree.fromstring(text.encode(), _strict())
    data, parser = mended(text).encode(), _parser(recover=True)
    with suppress(etree.XMLSyntaxError):
        return etree.fromstring(data, _strict())
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise Trouble(Reason.MALFORMED, tidy(f"XML: {error.msg}")) from None
    harmless = all(entry.domain == etree.ErrorDomains.NAMESPACE for entry in parser.error_log)
    if root is None or (not harmless and not _says_something(root)):
        raise Trouble(Reason.MALFORMED, "XML broken beyond reading")
    for node in root.iter(etree.Element):
        if ":" in node.tag.rpartition("}")[2]:
            with suppress(ValueError):  # nothing, or no name, is left of it
                node.tag = local_part(node.tag)  # a prefix never declared is no part of the name
    return root


def _strict() -> etree.XMLParser:
    """One for each thread: making it costs a third of reading a reply, and two threads would wait for each other."""
    parser: etree.XMLParser | None = getattr(_own, "parser", None)
    if parser is None:
        parser = _own.parser = _parser(recover=False)
    return parser


def _parser(*, recover: bool) -> etree.XMLParser:
    return etree.XMLParser(
        encoding="utf-8",
        recover=recover,
        resolve_entities=False,
        no_network=True,
        huge_tree=False,
        load_dtd=False,
        remove_comments=True,
        remove_pis=True,
    )


def _says_something(root: Node) -> bool:
    body = kid(root, "Body")
    return body is not None and any((node.text or "").strip() or node.attrib for node in body.iter(etree.Element))


# ---- faults -------------------------------------------------------------------------------------

_LOGIN = re.compile(r"authori[sz]|authenti|unauth|password|log ?in\b|locked", re.IGNORECASE)
_SAYS_NO = re.compile(r"not support|unsupported|\bno [\w ]{0,30}support", re.IGNORECASE)
_LACKS = frozenset({"ActionNotSupported", "OptionalActionNotImplemented", "NoSuchService", "NoImagingForSource"})
"""Subcodes by which a device says that it has no such thing (ONVIF Core, generic faults; Imaging, GetMoveOptions).

Their kin end in NotSupported (AudioOutputNotSupported, PTZNotSupported). ter:Action alone ("Action failed") is not
among them: a device with a speaker may fail too; only a text that names the lack makes it one ("No audio output
support").
"""
_LOGIN_CODES = frozenset({"NotAuthorized", "FailedAuthentication", "InvalidSecurityToken", "OperationProhibited"})
_OUR_DIALECT = frozenset({"VersionMismatch", "MustUnderstand", "DataEncodingUnknown"})


def _trouble(status: int, fault: Node) -> Trouble:
    """What a fault says. Only a device's own "I have no such thing" is UNSUPPORTED; in doubt it could not be asked."""
    codes = {local_part(text) for text in _codes(fault)}
    words = " ".join(_words(fault))
    detail = tidy(f"fault {' '.join(sorted(codes))}: {words}")
    if codes & _LOGIN_CODES or reason_of(status) is Reason.REFUSED or _LOGIN.search(words):
        return Trouble(Reason.REFUSED, detail)
    if codes & _OUR_DIALECT:
        return Unclear(detail)
    if codes & _LACKS or any(code.endswith("NotSupported") for code in codes) or _SAYS_NO.search(words):
        return Trouble(Reason.UNSUPPORTED, detail)
    return Trouble(Reason.MALFORMED, detail)


def _codes(fault: Node) -> Iterator[str]:
    """SOAP 1.2 Value elements of code and nested subcodes; SOAP 1.1 faultcode."""
    for node in fault.iter(etree.Element):
        if local(node) in ("Value", "faultcode") and node.text:
            yield tidy(node.text, 80)


def _words(fault: Node) -> Iterator[str]:
    for node in fault.iter(etree.Element):
        if local(node) in ("Text", "faultstring", "Detail", "detail") and (node.text or "").strip():
            yield tidy(node.text or "")


# ---- walking ------------------------------------------------------------------------------------


@lru_cache(maxsize=1024)
def local_part(name: str) -> str:
    return name.rpartition("}")[2].rpartition(":")[2]


@lru_cache(maxsize=1024)
def _anywhere(name: str) -> str:
    """That name in whatever namespace, as lxml wants it."""
    return f"{{*}}{name}"


def local(node: Node) -> str:
    """The local name; an undeclared prefix is cut off too."""
    return local_part(node.tag) if isinstance(node.tag, str) else ""


def elements(node: Node) -> Iterator[Node]:
    return node.iterchildren(etree.Element)


def kids(node: Node, name: str, nesting: int = _MAX_NESTING) -> Iterator[Node]:
    """Children of that name, in any order, also inside (nested) Extension elements."""
    for child in node.iterchildren(_anywhere(name), "{*}Extension"):
        if child.tag.endswith(name):
            yield child
        elif nesting and local(child) == "Extension":
            yield from kids(child, name, nesting - 1)


def kid(node: Node, *path: str) -> Node | None:
    """The first element along the path, or None; a child itself goes before one inside an Extension."""
    found = node
    for name in path:
        near = next(found.iterchildren(_anywhere(name)), None)
        if near is None and (near := next(kids(found, name), None)) is None:
            return None
        found = near
    return found


def text(node: Node, *path: str) -> str:
    """The tidied text along the path, "" when there is none."""
    found = kid(node, *path)
    return tidy(found.text or "", 512) if found is not None else ""


def attribute(node: Node, name: str) -> str:
    """The tidied attribute, whatever its prefix; "" when there is none."""
    value = node.get(name)
    if value is None:
        value = next((str(value) for key, value in node.attrib.items() if local_part(str(key)) == name), "")
    return tidy(value)
