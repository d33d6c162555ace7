"""How a program ends towards who started it: what it says is written, or one line says why not, with an exit code.

Every `main` goes through `ended`.
"""

import errno
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TextIO, TypeVar

from contract import logs
from contract.problems import ConfigError, Language, Told, Words, why
from contract.text import visible

T = TypeVar("T")
MISUSE, INTERRUPTED = 2, 130
_UNFIT = {errno.ENAMETOOLONG, errno.EACCES, errno.ELOOP, errno.ENOTDIR}
"""A path that leads nowhere, whoever asks for it however often."""
_UNWRITTEN = Words("the output cannot be written: {}", "无法输出：{}")


def ended(
    program: str,
    act: Callable[[], Any],
    lang: Language,
    *,
    unusable: int = MISUSE,
    unread: int = 1,
    bare: bool = False,
) -> int:
    """The exit code of `act`, which returns it; what a person must mend is told.

    `unusable`: for a ConfigError; `bare`: its lines begin with the file. `unread`: for output that its reader cut off.
    """
    kept = sys.stdout, sys.stderr
    _prepare()
    try:
        try:
            return int(act())
        finally:
            _flush()
    except ConfigError as error:
        tell(error.text(lang) if bare else f"{program}: {error.text(lang)}", logs.ERROR)
        return unusable
    except Told as error:
        tell(f"{program}: {error.text(lang)}", logs.ERROR)
        return MISUSE
    except BrokenPipeError:
        unwritten()
        return unread
    except OSError as error:
        broken = unwritten()
        if not broken and not (error.filename and error.errno in _UNFIT):
            raise
        words = why(broken or error).text(lang)
        said = _UNWRITTEN.text(lang).format(words) if broken else f"{os.fsdecode(error.filename)}: {words}"
        tell(f"{program}: {said}", logs.ERROR)
        return MISUSE
    except KeyboardInterrupt:
        return INTERRUPTED
    finally:
        sys.stdout, sys.stderr = kept


def tell(text: str, priority: int = logs.WARNING) -> None:
    """To the person at the terminal, beside what a program reads. Where that cannot be written nobody can be told."""
    if sys.stderr:
        shown = "\n".join(map(visible, text.split("\n")))
        with suppress(OSError):
            sys.stderr.write(logs.marked(shown, priority) if logs.read_by_journal() else f"{shown}\n")
            sys.stderr.flush()


def for_programs(text: str) -> None:
    """Standard output in UTF-8, whatever a terminal shows."""
    sys.stdout.flush()
    try:
        sys.stdout.buffer.write(text.encode())
        sys.stdout.buffer.flush()
    except OSError as error:
        if isinstance(sys.stdout, _Watched):
            sys.stdout.failure = error
        raise


class _Watched:
    """A stream that remembers why it took nothing: argparse minds no error, and a full disk may tell it only once."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.failure: OSError | None = None

    def write(self, text: str) -> int:
        return self._try(lambda: self._stream.write(text))

    def flush(self) -> None:
        self._try(self._stream.flush)

    def _try(self, act: Callable[[], T]) -> T:
        try:
            return act()
        except OSError as error:
            self.failure = error
            raise

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _prepare() -> None:
    """What a terminal cannot show is replaced; what is closed takes everything."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            stream = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
        elif name == "stdout" and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
        setattr(sys, name, stream if isinstance(stream, _Watched) else _Watched(stream))


def _flush() -> None:
    """Raises the OSError of a stream that takes nothing, or took nothing before."""
    for stream in _streams():
        if stream.failure:
            raise stream.failure
        stream.flush()


def unwritten() -> OSError | None:
    """Why a stream takes nothing, if one does; what waits for it is thrown away, or the exit would stumble over it."""
    found = None
    for stream in _streams():
        try:
            stream.flush()
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
        found = stream.failure or found
    return found


def _streams() -> list[_Watched]:
    return [stream for stream in (sys.stdout, sys.stderr) if isinstance(stream, _Watched) and not stream.closed]
