"""No secret leaves this box with what a doctor says: known ones are taken out wherever they stand, and what looks
like one where it is not known.
"""

import base64
import contextlib
import html
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

from agent.doctor.rows import Row
from agent.settings import entries, secret
from contract import strict_yaml
from contract.plain import open_plain
from contract.problems import ConfigError, Unfit, Words
from contract.text import visible

HIDDEN = "***"
LEAST = 4
"""A secret that is shorter is taken out only where it stands alone: else it would be found in every word."""
_URL_LOGIN = re.compile(r"(?<=://)[^/\s@\"']+@")
_QUERY = re.compile(r"(?i)\b((?:pass(?:word|wd)?|pwd|psw|secret|token|auth|sign|key)=)[^&\s\"'<>]+")
_PEM_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL)
_HEADER = re.compile(r"(?i)\b((?:proxy-)?authorization\s*:\s*\w+\s+)[^\r\n\"]+")


class Redactor:
    """`secrets`: those that are known."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for one in secrets if one for form in _forms(one)}
        parts = (_pattern(form) for form in sorted(forms, key=len, reverse=True))  # the whole before its parts
        self._known = re.compile("|".join(parts) or r"(?!)")

    def text(self, text: str) -> str:
        text = self._known.sub(HIDDEN, _PEM_KEY.sub(HIDDEN, text))
        text = _HEADER.sub(rf"\g<1>{HIDDEN}", _QUERY.sub(rf"\g<1>{HIDDEN}", text))
        return _URL_LOGIN.sub(f"{HIDDEN}@", text)

    def row(self, row: Row) -> Row:
        hidden = {name: Words(*map(self.text, getattr(row, name))) for name in ("what", "said", "todo")}
        return Row(area=row.area, result=row.result, **hidden)

    def value(self, value: Any) -> Any:
        """Of what JSON can hold, each text, keys too."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(str(key)): self.value(one) for key, one in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(one) for one in value]
        return value


def _forms(text: str) -> Iterator[str]:
    """As it may stand in JSON, a URL, XML, a log line, or behind Basic."""
    yield from (text, visible(text), html.escape(text), html.escape(text, quote=False))
    yield from (json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1])
    yield from (quote(text), quote(text, safe=""), quote_plus(text))
    content = text.encode("utf-8", "replace")
    yield from (base64.b64encode(content).decode("ascii").rstrip("="), content.hex())


def _pattern(form: str) -> str:
    plain = re.escape(form)
    return plain if len(form) >= LEAST else rf"(?<!\w){plain}(?!\w)"


# ---- which secrets there are ----------------------------------------------------------------------


def known(config: Path) -> set[str]:
    """All that this configuration leads to, as far as we may read it, usable or not."""
    folder = config.absolute().parent
    found = set(_kept(folder / "credentials"))
    if given := os.environ.get("CREDENTIALS_DIRECTORY"):
        found |= set(_kept(Path(given)))
    with contextlib.suppress(ConfigError, Unfit):
        content, status = secret.read(config, strict_yaml.MAX_BYTES)
        document = strict_yaml.find(content, entries.File, source=str(config))
        for section in (entries.BrokerEntry, entries.RecoveryEntry, entries.CredentialEntry):
            for _, fields in document.parts(section):
                if written := fields.get("password"):
                    found |= set(
                        _meant(written, lambda one: secret.resolve(one, folder=folder, holder=config, status=status))
                    )
                    found |= set(_from_file(written, folder))
                    found |= _basic(fields.get("user") or fields.get("username"), found)
        for _, fields in document.parts(entries.TlsEntry):
            if text := fields.get("key"):
                with contextlib.suppress(Unfit):
                    found |= set(_lines(secret.pem_file(text, folder, private=False)))
    return found


def _meant(written: secret.Secret, resolve: Callable[[secret.Secret], secret.Secret]) -> Iterator[str]:
    try:
        if secret.is_in_clear(written):
            yield written.reveal()
        yield resolve(written).reveal()
    except Unfit:
        yield written.reveal()  # one in clear that looks like a reference, at the worst


def _from_file(written: secret.Secret, folder: Path) -> Iterator[str]:
    """Of a file that is refused, because others can read it, what stands in it is a secret all the same."""
    kind, _, name = written.reveal().partition(":")
    if kind == "file":
        yield from _lines(folder / name)


def _basic(user: str | None, passwords: Iterable[str]) -> set[str]:
    """User and password as one text, of which base64 makes something else than of the password."""
    return {f"{user}:{one}" for one in passwords} if user else set()


def _kept(folder: Path) -> Iterator[str]:
    try:
        files = sorted(folder.iterdir())
    except OSError:
        return
    for file in files:
        yield from _lines(file)


def _lines(file: Path) -> Iterator[str]:
    """The lines of a plain file: a password, or a key in PEM. What frames it is no secret."""
    try:
        with open_plain(file) as opened:
            text = opened.read(64_000).decode("utf-8", "replace")
    except OSError:
        return
    if "-----BEGIN CERTIFICATE-----" in text and "PRIVATE KEY" not in text:
        return
    yield from (line for line in (one.strip() for one in text.splitlines()) if line and not line.startswith("-----"))
