"""SOAP 1.2 as a camera speaks it: requests taken apart, envelopes and faults put together.

Pure; it must not know any ONVIF operation, nor who is let in.
"""

from math import isfinite, nan
from typing import NamedTuple
from xml.etree import ElementTree
from xml.sax.saxutils import escape, quoteattr

from simulator.auth import Token

NAMESPACES = {
    "device": "http://www.onvif.org/ver10/device/wsdl",
    "media": "http://www.onvif.org/ver10/media/wsdl",
    "media2": "http://www.onvif.org/ver20/media/wsdl",
    "ptz": "http://www.onvif.org/ver20/ptz/wsdl",
    "imaging": "http://www.onvif.org/ver20/imaging/wsdl",
    "deviceio": "http://www.onvif.org/ver10/deviceIO/wsdl",
}
PREFIXES = {"device": "tds", "media": "trt", "media2": "tr2", "ptz": "tptz", "imaging": "timg", "deviceio": "tmd"}
SERVICES = {namespace: service for service, namespace in NAMESPACES.items()}

_SOAP = "{http://www.w3.org/2003/05/soap-envelope}"
_WSSE = "{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd}"
_WSU = "{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd}"
TT_DECLARED = ' xmlns:tt="http://www.onvif.org/ver10/schema"'
_DECLARED = (
    ' xmlns:env="http://www.w3.org/2003/05/soap-envelope" xmlns:ter="http://www.onvif.org/ver10/error"'
    + TT_DECLARED
    + "".join(f' xmlns:{PREFIXES[service]}="{namespace}"' for service, namespace in NAMESPACES.items())
)


class Ask(NamedTuple):
    """A request. `texts`: every text value below the operation; `values`: the same by local name; `token`: who asks.

    `tree`: the operation's element, for what names alone do not tell (the x of a pan is not the x of a zoom).
    """

    operation: str
    namespace: str
    texts: tuple[str, ...]
    values: dict[str, str]
    token: Token | None
    tree: ElementTree.Element

    def vector(self, path: str) -> dict[str, str] | None:
        """Attributes of the element at a path of local names, such as "Velocity/PanTilt"; None where there is none."""
        found = self.tree.find("/".join(f"{{*}}{name}" for name in path.split("/")))
        return None if found is None else dict(found.attrib)

    def number(self, path: str) -> float | None:
        """The figure at a path of local names, None where there is none. Raises Refused when it is no figure."""
        text = self.tree.findtext("/".join(f"{{*}}{name}" for name in path.split("/")))
        return None if text is None else figure(text)

    @property
    def service(self) -> str:
        return SERVICES.get(self.namespace, self.namespace)


class Refused(Exception):
    """The camera answers with a fault: SOAP code and subcodes, such as "Sender ter:InvalidArgVal ter:NoProfile"."""

    def __init__(self, codes: str, text: str = "") -> None:
        super().__init__(codes)
        self.codes = codes
        self.text = text or codes.rpartition(":")[2]


def figure(text: str) -> float:
    """A finite number as sent. Raises Refused."""
    try:
        value = float(text)
    except ValueError:
        value = nan
    if not isfinite(value):
        raise Refused("Sender ter:InvalidArgVal", f"{text[:20]!r} is no number")
    return value


def parse(body: bytes) -> Ask | None:
    """The request in a SOAP 1.2 envelope; None when the body holds none."""
    try:
        root = ElementTree.fromstring(body)
    except ElementTree.ParseError:
        return None
    found = root.find(f"{_SOAP}Body")
    if found is None or not len(found):
        return None
    operation = found[0]
    namespace, _, name = operation.tag[1:].partition("}")
    values = {e.tag.rpartition("}")[2]: e.text.strip() for e in operation.iter() if e.text and e.text.strip()}
    values |= {key: value for e in operation.iter() for key, value in e.attrib.items()}
    texts = tuple(e.text.strip() for e in operation.iter() if e.text and e.text.strip())
    return Ask(name, namespace, texts, values, _token(root), operation)


def _token(root: ElementTree.Element) -> Token | None:
    found = root.find(f"{_SOAP}Header/{_WSSE}Security/{_WSSE}UsernameToken")
    if found is None:
        return None
    password = found.find(f"{_WSSE}Password")
    return Token(
        user=found.findtext(f"{_WSSE}Username", ""),
        password="" if password is None else password.text or "",
        type="" if password is None else password.get("Type", ""),
        nonce=found.findtext(f"{_WSSE}Nonce", ""),
        created=found.findtext(f"{_WSU}Created", ""),
    )


def el(name: str, *children: str, **attributes: object) -> str:
    """An element of already built children (text must come through `text`); attributes that are None are left out."""
    shown = "".join(f" {key}={quoteattr(str(value))}" for key, value in attributes.items() if value is not None)
    return f"<{name}{shown}>{''.join(children)}</{name}>"


def text(value: object) -> str:
    """Escaped text content; booleans in XML's spelling."""
    return escape(str(value).lower() if isinstance(value, bool) else str(value))


def leaf(name: str, value: object) -> str:
    return el(name, text(value))


def envelope(body: str) -> str:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<env:Envelope{_DECLARED}><env:Body>{body}</env:Body></env:Envelope>'
    )


def fault(codes: str, reason: str) -> str:
    """A SOAP 1.2 fault; `codes` = "Sender ter:A ter:B": the code, then subcodes one inside the other."""
    code, *subcodes = codes.split()
    nested = ""
    for subcode in reversed(subcodes):
        nested = el("env:Subcode", leaf("env:Value", subcode), nested)
    words = f'<env:Text xml:lang="en">{text(reason)}</env:Text>'
    return envelope(el("env:Fault", el("env:Code", leaf("env:Value", f"env:{code}"), nested), el("env:Reason", words)))


def reversed_order(envelope_text: str) -> str:
    """The same envelope, the children of every structure below the reply in reverse order."""
    for service, namespace in NAMESPACES.items():
        ElementTree.register_namespace(PREFIXES[service], namespace)
    ElementTree.register_namespace("tt", "http://www.onvif.org/ver10/schema")
    root = ElementTree.fromstring(envelope_text)
    for reply in root.iterfind(f"{_SOAP}Body/*"):
        for item in reply:
            for parent in item.iter():
                parent[:] = parent[::-1]
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode")
