"""`canteen-agent doctor`: examine, print, and where wanted put all of it into a file for support."""

import logging
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec

from agent import show
from agent.doctor import bundle, printing
from agent.doctor.examination import examine
from agent.doctor.redaction import Redactor, known
from agent.doctor.rows import exit_code, ordered
from contract.answering import for_programs
from contract.problems import Language

_KEPT = {"zh": "已保存：{}（其中没有密码和密钥）", "en": "kept: {} (no password and no key is in it)"}


@contextmanager
def _unlogged() -> Iterator[None]:
    """What rooms of the agent write into its log is no part of what a person reads here: the rows say it."""
    log, nowhere = logging.getLogger("agent"), logging.NullHandler()
    log.addHandler(nowhere)
    try:
        yield
    finally:
        log.removeHandler(nowhere)


def doctor(config: Path, lang: Language, *, into: Path | None, as_json: bool) -> int:
    """The exit code of `rows.exit_code`. `into`: a file that must not be there yet."""
    with ExitStack() as stack:
        stack.enter_context(_unlogged())
        file = stack.enter_context(bundle.opened(into)) if into else None  # before minutes pass
        redactor = Redactor(known(config))
        found = examine(config, lang)
        rows = ordered(map(redactor.row, found.rows))
        if file:
            bundle.write(file, rows, config=config, now=found.status, redactor=redactor)
    if as_json:
        for_programs(msgspec.json.format(msgspec.json.encode(printing.for_programs(rows)), indent=2).decode() + "\n")
    else:
        sys.stdout.write(printing.for_people(rows, lang) + "\n")
    if into:
        show.say(_KEPT[lang].format(into))
    return exit_code(rows)
