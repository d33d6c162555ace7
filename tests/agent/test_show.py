"""What `status` shows of a picture."""

import pytest

from agent.show import picture_words
from agent.status import FaultStatus, PictureStatus

AT_MS = 1_800_000_000_000  # 2027-01-15 16:00 in Shanghai


@pytest.mark.parametrize(
    ("picture", "zh", "en"),
    [
        (PictureStatus(), "-", "-"),
        (PictureStatus(sound=True, seen_ms=AT_MS), "[green]完好[/]", "[green]sound[/]"),
        (
            PictureStatus(
                sound=False,
                faults=(FaultStatus(fault="blur", since_ms=AT_MS), FaultStatus(fault="ptz", since_ms=AT_MS + 60_000)),
            ),
            "[yellow]模糊 01-15 16:00 起，云台失控 01-15 16:01 起[/]",
            "[yellow]blurred since 01-15 16:00, PTZ out of control since 01-15 16:01[/]",
        ),
    ],
)
def test_each_fault_stands_with_its_beginning(picture: PictureStatus, zh: str, en: str) -> None:
    """Sound, or every fault that lasts with the Shanghai time it began; "-" while too few visits showed a picture."""
    assert (picture_words(picture, "zh"), picture_words(picture, "en")) == (zh, en)
