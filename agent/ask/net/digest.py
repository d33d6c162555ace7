"""Digest and Basic logins, for HTTP and RTSP alike: read the challenges, pick exactly one, answer it.

Pure. Sockets, and how often a login may be tried, must not be known here.
"""

import base64
import hashlib
import os
import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from agent.ask.attempt import Trouble
from agent.model import Credentials
from contract.text import tidy
from contract.vocabulary import Reason

_WORD = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"
_PIECE = re.compile(rf'({_WORD})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*)(?!"))|({_WORD})')
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SPANS = {"s": 1.0, "秒": 1.0, "m": 60.0, "分": 60.0, "h": 3600.0, "小": 3600.0}
_FORGIVES = re.compile(
    r"(?:lock|again|retry|wait|锁|重试)[^.;。；\n]{0,60}?(?<!\d)(\d{1,5})\s*(s(?:ec|econd)?s?\b|m(?:in|inute)?s?\b|h(?:our)?s?\b|秒|分|小时)",
    re.IGNORECASE,
)
_UNLOCKS = re.compile(r"unlockTime>\s*(\d{1,6})")
"""Hikvision's own element: seconds."""
_ATTEMPTS = re.compile(r"(?<!\d)(\d{1,4})\s+(?:more\s+)?attempt", re.IGNORECASE)


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()  # the protocol's choice (RFC 2617), not ours


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


_HASHES: dict[str, Callable[[bytes], str]] = {"sha-256": _sha256, "md5": _md5}
"""Strongest first (RFC 7616, 3.7)."""


class Challenge(NamedTuple):
    """One challenge. Values are latin-1 text as the camera wrote them between the quotes."""

    scheme: str
    params: dict[str, str]

    @property
    def stale(self) -> bool:
        """The nonce was too old, user and password may be right (RFC 7616, 3.3)."""
        return self.params.get("stale", "").lower() == "true"

    @property
    def algorithm(self) -> str:
        return self.params.get("algorithm", "MD5")

    @property
    def hash_name(self) -> str:
        return self.algorithm.lower().removesuffix("-sess")

    @property
    def qop(self) -> str:
        """auth, auth-int, "" (none offered: RFC 2069) or "?" (only others)."""
        offered = [word.strip().lower() for word in self.params.get("qop", "").split(",") if word.strip()]
        return next((word for word in ("auth", "auth-int") if word in offered), "?" if offered else "")

    def usable(self) -> bool:
        """Whether we can answer it, and without sending control characters back."""
        if any(_CONTROL.search(value) for value in self.params.values()):
            return False
        if self.scheme == "basic":
            return True
        known = self.hash_name in _HASHES and self.qop != "?"
        return self.scheme == "digest" and known and "nonce" in self.params and "realm" in self.params


def challenges(headers: Iterable[str]) -> tuple[Challenge, ...]:
    """All challenges of the WWW-Authenticate headers of one reply, in order; one header may hold several."""
    found: list[Challenge] = []
    for header in headers:
        for key, quoted, bare, scheme in _PIECE.findall(header):
            if scheme:
                found.append(Challenge(scheme.lower(), {}))
            elif found:
                found[-1].params.setdefault(key.lower(), quoted or bare)
    return tuple(found)


def choose(headers: Iterable[str], *, allow_basic: bool) -> Challenge:
    """The one challenge to answer: Digest SHA-256, Digest MD5, then Basic where the camera's settings allow it.

    Two challenges are never mixed: a response made of both is a wrong one and costs a login (requests does so).
    Raises Trouble(REFUSED) when none may be answered.
    """
    offered = challenges(headers)
    usable = [one for one in offered if one.usable()]
    for name in _HASHES:
        for one in usable:
            if one.scheme == "digest" and one.hash_name == name:
                return one
    basic = next((one for one in usable if one.scheme == "basic"), None)
    if basic and allow_basic:
        return basic
    if basic:
        raise Trouble(Reason.REFUSED, "only Basic offered")
    names = " ".join(one.scheme for one in offered)
    raise Trouble(Reason.REFUSED, tidy(f"no login offered that we know: {names}" if names else "no login offered", 80))


def authorization(
    challenge: Challenge,
    credentials: Credentials,
    method: str,
    uri: str,
    body: bytes = b"",
    *,
    cnonce: str = "",
    count: int = 1,
) -> str:
    """The value of the Authorization header (RFC 2617, RFC 7616, RFC 7617), as latin-1 text.

    `uri` exactly as in the request line. `count` = how often this nonce has been used, this time included; `cnonce` is
    random unless given.
    """
    user, password = credentials.user.encode(), credentials.reveal().encode()
    if challenge.scheme == "basic":
        return "Basic " + base64.b64encode(user + b":" + password).decode()
    digest, params, qop = _HASHES[challenge.hash_name], challenge.params, challenge.qop
    cnonce = cnonce or os.urandom(8).hex()
    sess = challenge.algorithm.lower().endswith("-sess")
    nonce, realm = params["nonce"].encode("latin-1"), params["realm"].encode("latin-1")
    ha1 = digest(b":".join((user, realm, password)))
    if sess:
        ha1 = digest(b":".join((ha1.encode(), nonce, cnonce.encode())))
    ha2 = digest(f"{method}:{uri}".encode() + (f":{digest(body)}".encode() if qop == "auth-int" else b""))
    middle = f":{count:08x}:{cnonce}:{qop}:" if qop else ":"
    response = digest(ha1.encode() + b":" + nonce + f"{middle}{ha2}".encode())
    fields = {"username": _quotable(user), "realm": params["realm"], "nonce": params["nonce"], "uri": uri}
    text = ", ".join(f'{key}="{value}"' for key, value in (fields | {"response": response}).items())
    if "algorithm" in params:
        text += f", algorithm={challenge.algorithm}"
    if qop or sess:
        text += f', cnonce="{cnonce}"'
    if qop:
        text += f", qop={qop}, nc={count:08x}"
    if "opaque" in params:
        text += f', opaque="{params["opaque"]}"'
    return "Digest " + text


def attempts_left(text: str) -> int | None:
    """How many attempts a refusing camera says are left ("You still have 29 attempt(s)", Dahua)."""
    match = _ATTEMPTS.search(text)
    return int(match[1]) if match else None


def forgives_s(text: str, retry_after: str = "") -> float | None:
    """After how many seconds a refusing camera says that it takes logins again; None = it does not say.

    `retry_after`: the header of that name, in seconds (RFC 9110, 10.2.3).
    """
    if retry_after.isdecimal() and len(retry_after) < 7:
        return float(retry_after)
    if unlocks := _UNLOCKS.search(text):
        return float(unlocks[1]) or None
    said = _FORGIVES.search(text)
    return int(said[1]) * _SPANS[said[2][0].lower()] if said else None


def _quotable(user: bytes) -> str:
    return user.decode("latin-1").replace("\\", "\\\\").replace('"', '\\"')
