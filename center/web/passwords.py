"""Passwords and tokens: what is kept of them, and how they are compared. Only here is argon2 known."""

import hashlib
import hmac
import secrets
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from contract.problems import Told

LEAST, MOST = 10, 200
"""Characters of a password."""
_hasher = PasswordHasher()  # argon2id with the parameters of RFC 9106 for little memory: 64 MB
_at_once = BoundedSemaphore(2)
_NOBODY = _hasher.hash(secrets.token_urlsafe(16))
"""Compared where there is no such account, so that the answer takes as long."""


class Weak(Told):
    """A password that is not taken."""


def hashed(password: str, name: str) -> str:
    """argon2id. Raises Weak."""
    if not LEAST <= len(password) <= MOST or not password.isprintable():
        raise Weak(
            f"a password has {LEAST} to {MOST} characters on one line",
            f"口令应为一行，{LEAST} 至 {MOST} 个字符",
        )
    if name.casefold() in password.casefold() or len(set(password)) < 4:
        raise Weak(
            "a password that holds the name of the account, or of three different characters, is guessed at once",
            "口令不得包含账号名，也不得只由三种以内的字符组成",
        )
    return _hasher.hash(password)


def same(kept: str, password: str) -> bool:
    """Takes as long for an account without a password, or none at all (`kept` "")."""
    with _at_once:
        try:
            return _hasher.verify(kept or _NOBODY, password[: MOST + 1]) and bool(kept)
        except (VerificationError, InvalidHashError):
            return False


def token() -> str:
    """Of a session, a link, a form: 256 bits by chance."""
    return secrets.token_urlsafe(32)


def digest(told: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(told.encode("utf-8", "replace")).hexdigest()


def seal(told: str) -> str:
    """What the forms of whoever holds this token carry: nobody else can make it."""
    return hmac.new(told.encode("utf-8", "replace"), b"form", hashlib.sha256).hexdigest()


def sealed(told: str, sent: str) -> bool:
    return hmac.compare_digest(seal(told), sent.encode("ascii", "replace").decode())
