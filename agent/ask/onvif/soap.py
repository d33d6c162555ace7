"""Child only: ONVIF requests built and signed by onvif-zeep over WSDL documents parsed once; the one file with zeep."""

import logging
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple, cast

from agent.ask.onvif import wsdl
from agent.model import Credentials

_SERVICES = {"device": "devicemgmt", "media": "media", "ptz": "ptz", "imaging": "imaging"}
"""Our names -> the names of onvif.SERVICES."""
OPERATIONS = {
    "device": ("GetServices", "GetCapabilities", "GetDeviceInformation", "GetNetworkInterfaces"),
    "media": (
        "GetProfiles",
        "GetVideoSources",
        "GetVideoEncoderConfigurationOptions",
        "GetStreamUri",
        "GetSnapshotUri",
        "GetAudioSources",
        "GetAudioOutputs",
        "GetAudioDecoderConfigurations",
        "GetAudioDecoderConfigurationOptions",
    ),
    "ptz": ("GetNodes", "GetConfigurations", "GetConfigurationOptions", "GetStatus"),
    "imaging": ("GetMoveOptions",),
}
"""What can be built; of the WSDL only this much is read. More in a process that called `also`."""
_HAND_MADE = {
    "media2": "http://www.onvif.org/ver20/media/wsdl",  # onvif-zeep carries no WSDL of it
    "deviceio": "http://www.onvif.org/ver10/deviceIO/wsdl",  # one argument-less question is not worth its WSDL
}
_ENVELOPE = (
    '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>'
    '<{operation} xmlns="{namespace}">{arguments}</{operation}></s:Body></s:Envelope>'
)
_EMPTY = b'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body/></s:Envelope>'
_STAND_INS = {
    "requests": ("Response", "Session"),
    "requests.structures": ("CaseInsensitiveDict",),
    "requests_file": ("FileAdapter",),
    "requests_toolbelt": (),
    "requests_toolbelt.multipart": (),
    "requests_toolbelt.multipart.decoder": ("MultipartDecoder",),
    "email.message": ("Message",),
    "importlib.metadata": ("PackageNotFoundError", "version"),
}
_REFUSED = ("httpx", "packaging", "packaging.version")


class Message(NamedTuple):
    """A request ready to be posted, and the headers that go with it."""

    body: bytes
    headers: Mapping[str, str]
    start: int = 0
    """Where in an unsigned body its Header belongs: behind the Envelope's start tag."""


class Dialect(StrEnum):
    """How a request is worded: SOAP 1.2, the same without `action=` and SOAPAction, or SOAP 1.1."""

    SOAP12 = "1.2"
    NO_ACTION = "1.2 without action"
    SOAP11 = "1.1"


_NAMESPACE_11, _NAMESPACE_12 = b"http://schemas.xmlsoap.org/soap/envelope/", b"http://www.w3.org/2003/05/soap-envelope"


def spoken(message: Message, dialect: Dialect) -> Message:
    """The message in that dialect (SOAP 1.1, 6.1.1; SOAP 1.2 part 2, 6.5.3)."""
    if dialect is Dialect.SOAP12:
        return message
    if dialect is Dialect.NO_ACTION:
        return message._replace(headers={"Content-Type": "application/soap+xml; charset=utf-8"})
    headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": message.headers["SOAPAction"]}
    return Message(message.body.replace(_NAMESPACE_12, _NAMESPACE_11), headers)


MAX_BUILT = 256
_built: dict[tuple[str, str, str], Message] = {}
"""Unsigned requests: cameras of a make name their profiles alike, so most questions recur."""


def build(service: str, operation: str, arguments: Mapping[str, Any], token: "Signature | None" = None) -> Message:
    """The request for an operation of device, media, ptz, imaging (any arguments), media2 or deviceio (flat ones).

    `token`: what `digest_token` made, or None for an unsigned request.
    """
    key = (service, operation, repr(arguments))
    unsigned = _built.get(key) or _unsigned(service, operation, arguments)
    if len(_built) < MAX_BUILT:
        _built[key] = unsigned
    if token is None:
        return unsigned
    body, start = unsigned.body, unsigned.start
    return Message(b"".join((body[:start], token.header(), body[start:])), unsigned.headers)


def _unsigned(service: str, operation: str, arguments: Mapping[str, Any]) -> Message:
    """Zeep's own headers are left: the WSDL of some media operations garbles their action."""
    if service in _HAND_MADE:
        body = _hand_made(_HAND_MADE[service], operation, arguments)
    else:
        body = getattr(_library().services[service], operation)(dict(arguments))
    action = f"{_library().namespaces[service]}/{operation}"
    content_type = f'application/soap+xml; charset=utf-8; action="{action}"'
    start = body.index(b">", body.index(b"Envelope")) + 1
    return Message(body, {"Content-Type": content_type, "SOAPAction": f'"{action}"'}, start)


class _Capture:
    """Stands where zeep expects its transport, and hands back what zeep would have sent."""

    def post_xml(self, _address: str, envelope: Any, _headers: Mapping[str, str]) -> Any:
        return _library().to_bytes(envelope)


class Signature:
    """A UsernameToken with PasswordDigest (WSS 1.1), Created in the camera's time: box plus `skew_s` seconds.

    Created ends in Z: Hikvision refuses +00:00. The library writes one whole Header; of each further one it draws the
    nonce and computes the digest, and only those three texts are put in their places: writing the same elements anew
    for each request was a quarter of what asking a camera costs.
    """

    def __init__(self, credentials: Credentials, skew_s: float) -> None:
        self._skew = timedelta(seconds=skew_s)
        self._token = _library().token(
            credentials.user, credentials.reveal(), dt_diff=self._skew, use_digest=True, zulu_timestamp=True
        )
        self._around = self._written()

    def header(self) -> bytes:
        """A Header with a new nonce, which declares all its own prefixes."""
        self._token.created = datetime.now(UTC) + self._skew
        digest, nonce, created = (element.text.encode() for element in self._token._create_password_digest())
        before, between, behind, end = self._around
        return b"".join((before, digest, between, nonce, behind, created, end))

    def _written(self) -> tuple[bytes, ...]:
        """What stands around digest, nonce and Created in a Header that the library has written."""
        envelope = _library().parse(_EMPTY, None)
        self._token.apply(envelope, {})
        texts = [_library().to_bytes(envelope[0]).partition(b"?>")[2].lstrip()]
        for name in ("Password", "Nonce", "Created"):
            element = next(one for one in envelope.iter() if one.tag.endswith(f"}}{name}"))
            texts[-1:] = texts[-1].split(f">{element.text}<".encode(), 1)
            texts[-2] += b">"
            texts[-1] = b"<" + texts[-1]
        return tuple(texts)


def _hand_made(namespace: str, operation: str, arguments: Mapping[str, Any]) -> bytes:
    inner = "".join(f"<{name}>{_escaped(str(value))}</{name}>" for name, value in arguments.items())
    return _ENVELOPE.format(operation=operation, namespace=namespace, arguments=inner).encode()


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


# ---- the library --------------------------------------------------------------------------------


class _Library(NamedTuple):
    services: dict[str, Any]
    namespaces: dict[str, str]
    token: Any
    to_bytes: Any
    parse: Any


def also(operations: Mapping[str, tuple[str, ...]]) -> None:
    """Have further operations built too, in this process; what was loaded before is loaded anew when it is needed."""
    for service, names in operations.items():
        OPERATIONS[service] = tuple(dict.fromkeys((*OPERATIONS[service], *names)))
    _library.cache_clear()


def load() -> None:
    """Import the library and parse the WSDL now, before threads need them. Raises Trouble(AGENT_FAULT)."""
    _library()


@cache
def _library() -> _Library:
    with _lean(), _undisturbed():
        import onvif
        import zeep
        from onvif.client import UsernameDigestTokenDtDiff
        from zeep.loader import parse_xml
        from zeep.wsdl import Document
        from zeep.wsdl.utils import etree_to_string

        folder = wsdl.folder(Path(onvif.__file__).parents[1])
        about = {name: onvif.SERVICES[theirs] for name, theirs in _SERVICES.items()}
        files = wsdl.Files(folder, {one["wsdl"]: OPERATIONS[name] for name, one in about.items()})
        document = Document(str(folder / files.ROOT), files, settings=zeep.Settings(strict=False))
        for definition in document._definitions.values():  # zeep publishes the root's own bindings alone
            document.bindings.update(definition.bindings)
        client = zeep.Client(document, transport=_Capture(), settings=zeep.Settings(strict=False, raw_response=True))
        services = {
            name: onvif.ONVIFService(
                f"{name}:",  # the address is the sender's business
                None,
                None,
                str(folder / one["wsdl"]),
                zeep_client=client,
                binding_name=f"{{{one['ns']}}}{one['binding']}",
            )
            for name, one in about.items()
        }
        namespaces = {name: one["ns"] for name, one in about.items()} | _HAND_MADE
        return _Library(services, namespaces, UsernameDigestTokenDtDiff, etree_to_string, parse_xml)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Importing onvif calls logging.basicConfig, and its camera class forgets the proxies of the environment."""
    root = logging.getLogger()
    handlers, level, environment = root.handlers[:], root.level, dict(os.environ)
    try:
        yield
    finally:
        root.handlers[:], root.level = handlers, level
        os.environ.update(environment)


@contextmanager
def _lean() -> Iterator[None]:
    """What only zeep's own transport and its version number need is not loaded while zeep is imported.

    All of it would take 10 MB and 72 ms more (decision 9); and what is not loaded follows no redirect, asks no proxy
    and unpacks nothing.
    """
    absent: dict[str, ModuleType | None] = {name: ModuleType(name) for name in _STAND_INS if name not in sys.modules}
    for name, module in absent.items():
        vars(module).update({kind: type(kind, (str,), {}) for kind in _STAND_INS[name]})
    absent |= {name: None for name in _REFUSED if name not in sys.modules}  # None: importing it fails
    sys.modules.update(cast("dict[str, ModuleType]", absent))
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]
