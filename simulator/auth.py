"""Who is let in: WS-Security UsernameToken digests, HTTP and RTSP Digest (RFC 2617, RFC 7616), lockout.

Pure but for the clock; it must not know which operation is asked or how a refusal is worded on the wire.
"""

import base64
import binascii
import hashlib
import re
import secrets
import time
from collections import deque
from datetime import UTC, datetime
from typing import NamedTuple

from simulator.persona import Auth

_FIELD = re.compile(r'(\w+)=(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))')
_HASHES = {"MD5": "md5", "SHA-256": "sha256"}


class Login(NamedTuple):
    """`shown`: credentials were presented. `accepted`: let in. `text`: what the camera says to the refused."""

    shown: bool
    accepted: bool
    text: str = "Sender not authorized"


class Token(NamedTuple):
    """A UsernameToken as sent: password of type PasswordDigest or PasswordText."""

    user: str
    password: str
    type: str
    nonce: str
    created: str


NOBODY = Login(shown=False, accepted=False)
LET_IN = Login(shown=True, accepted=True)


class Doorman:
    """One camera's accounts. `locked`: refuses everybody (a fault). `password` may be changed while it runs."""

    def __init__(self, rules: Auth, user: str, password: str, realm: str) -> None:
        self.rules = rules
        self.user = user
        self.password = password
        self.realm = realm
        self.locked = False
        self._failures = 0
        self._locked_until = 0.0
        self._nonces: deque[str] = deque(maxlen=256)
        self._tokens_seen: deque[str] = deque(maxlen=1024)

    # -- WS-Security ------------------------------------------------------------------------------

    def token(self, token: Token | None, now: datetime) -> Login:
        """Judge a UsernameToken; `now` is the camera's own clock."""
        if token is None:
            return NOBODY
        return self._verdict(self._token_right(token, now))

    def _token_right(self, token: Token, now: datetime) -> bool:
        if not token.type.endswith("#PasswordDigest") or token.nonce in self._tokens_seen:
            return False
        self._tokens_seen.append(token.nonce)
        if token.user != self.user or not self._fresh(token.created, now):
            return False
        try:
            nonce = base64.b64decode(token.nonce)
        except binascii.Error:
            return False
        digest = hashlib.sha1(nonce + token.created.encode() + self.password.encode()).digest()
        return base64.b64encode(digest).decode() == token.password

    def _fresh(self, created: str, now: datetime) -> bool:
        if self.rules.zulu_only and not created.endswith("Z"):
            return False
        try:
            at = datetime.fromisoformat(created)
        except ValueError:
            return False
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        return abs((at - now).total_seconds()) <= self.rules.created_within_s

    # -- Digest and Basic -------------------------------------------------------------------------

    def challenges(self, scheme: str, *, over_rtsp: bool = False) -> list[str]:
        """WWW-Authenticate values; a new nonce each time. `scheme`: digest or basic. Two algorithms over HTTP alone."""
        if scheme == "basic":
            return [f'Basic realm="{self.realm}"']
        nonce = secrets.token_hex(16)
        self._nonces.append(nonce)
        shape = 'Digest realm="{}", qop="auth", algorithm={}, nonce="{}"'
        algorithms = ["MD5", "SHA-256"] if self.rules.sha256_too and not over_rtsp else ["MD5"]
        return [shape.format(self.realm, algorithm, nonce) for algorithm in algorithms]

    def header(self, value: str, method: str, scheme: str) -> Login:
        """Judge an Authorization header; "" = none was sent. A nonce not ours is stale, no wrong password."""
        if not value:
            return NOBODY
        kind, _, rest = value.partition(" ")
        if kind.lower() != scheme:
            return NOBODY
        if scheme == "basic":
            right = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
            return self._verdict(rest.strip() == right)
        fields = {name.lower(): quoted or bare for name, quoted, bare in _FIELD.findall(rest)}
        if fields.get("nonce") not in self._nonces:
            return NOBODY
        return self._verdict(self._digest_right(fields, method))

    def _digest_right(self, fields: dict[str, str], method: str) -> bool:
        algorithm = _HASHES.get(fields.get("algorithm", "MD5").upper())
        if algorithm is None or fields.get("username") != self.user or fields.get("realm") != self.realm:
            return False

        def h(text: str) -> str:
            return hashlib.new(algorithm, text.encode()).hexdigest()

        middle = [fields["nonce"]]
        if fields.get("qop"):
            middle += [fields.get("nc", ""), fields.get("cnonce", ""), fields["qop"]]
        secret, target = h(f"{self.user}:{self.realm}:{self.password}"), h(f"{method}:{fields.get('uri', '')}")
        return h(":".join([secret, *middle, target])) == fields.get("response")

    # -- lockout ----------------------------------------------------------------------------------

    def _verdict(self, right: bool) -> Login:
        if self.locked or time.monotonic() < self._locked_until:
            return Login(shown=True, accepted=False, text="The account is locked")
        if right:
            self._failures = 0
            return LET_IN
        self._failures += 1
        return Login(shown=True, accepted=False, text=self._refusal())

    def _refusal(self) -> str:
        if not self.rules.lock_after:
            return "Sender not authorized"
        left = self.rules.lock_after - self._failures
        if left <= 0:
            self._failures = 0
            self._locked_until = time.monotonic() + self.rules.lock_s
        if self.rules.counts_down:
            return f"Error: login failed. You still have {max(left, 0)} attempt(s)"
        return "Sender not authorized"

    def forgive(self) -> None:
        """Unlock and forget failures."""
        self.locked, self._failures, self._locked_until = False, 0, 0.0
