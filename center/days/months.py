"""A month as it is laid: frozen where it is final, else as the facts have it now, in a folder that is kept or not."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from center.days.build import build
from center.days.final import Final, newest
from center.intervals import Span
from center.placing import alone, folder, make_folder, placed
from center.rate import Rules
from center.store import Store
from contract.problems import Told


class Month(NamedTuple):
    """`span`: in UTC ms; a running month ends now."""

    name: str
    span: Span
    rules: Rules
    policy: str
    """The sha256 of its text."""


class Laid(NamedTuple):
    """`now`: as it would be laid now, None where only the frozen one is at hand."""

    folder: Path
    final: Final | None
    now: Path | None


class GivenUp(Told):
    """A month whose facts were given up, and that is not final there."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"the facts of {name} were given up: its final figures are in the folder that retention was given (--days)",
            f"{name} 的原始记录已删除：定稿在 retention 所用的文件夹中，请以 --days 指定",
        )


class OtherPolicy(Told):
    """A month that was frozen under another policy."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name} is final under another policy: name that one (--policy)",
            f"{name} 按另一办法定稿：请以 --policy 指定该办法",
        )


@contextmanager
def laid(store: Store, days: Path | None, month: Month) -> Iterator[Laid]:
    """`days`: a folder with one for each month, or None: laid for this once. Raises GivenUp, OtherPolicy, Unplaced."""
    gone = _given_up(store, month)
    if days is None:
        with TemporaryDirectory(prefix="canteen-days-") as home:
            if gone:
                raise GivenUp(month.name)
            build(store, Path(home), month.span, month.rules)
            yield Laid(Path(home), None, Path(home))
        return
    folder(days, "--days")
    with ExitStack() as held:
        if not gone:
            held.enter_context(worked_in(days, "--days", month.name))
        final = newest(days / month.name)
        if final and final.policy != month.policy:
            raise OtherPolicy(month.name)
        now = None if gone else days / month.name / "now"
        if now:
            with placed(days, "--days"):
                build(store, now, month.span, month.rules)
        if final:
            yield Laid(days / month.name / f"final-{final.number}", final, now)
        elif now:
            yield Laid(now, None, now)
        else:
            raise GivenUp(month.name)


def _given_up(store: Store, month: Month) -> bool:
    with store.read() as reader:
        return month.span[0] < reader.kept_from()


@contextmanager
def worked_in(days: Path, option: str, name: str) -> Iterator[Path]:
    """The folder of a month, made where it is not there, for one command at a time. Raises Unplaced."""
    make_folder(days, option)
    with ExitStack() as held:
        with placed(days, option):
            (days / name).mkdir(exist_ok=True)
            held.enter_context(alone(days / name))
        yield days / name
