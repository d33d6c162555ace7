"""What asking, moving and deciding must read alike."""

import pytest

from agent.ask.ptz.commands import Motors
from agent.model import (
    Camera,
    Capabilities,
    FocusMove,
    Profile,
    Resolution,
    Seen,
    Span,
    main_profile,
    own_profiles,
)


def profile(token: str, width: int = 0, *, encoding: str = "H264", source: str = "v0", ptz: str = "") -> Profile:
    size = Resolution(width=width, height=width) if width else None
    return Profile(token=token, media="media", source=source, encoder="e", encoding=encoding, resolution=size, ptz=ptz)


@pytest.mark.parametrize(
    ("profiles", "main"),
    [
        ([], None),
        ([profile("sub", 640), profile("main", 1920)], "main"),
        ([profile("jpeg", 3840, encoding="JPEG"), profile("main", 1920)], "main"),
        ([profile("jpeg", 3840, encoding="JPEG")], "jpeg"),
        ([profile("silent"), profile("sub", 640)], "silent"),
        ([profile("junk", 4_000_000), profile("main", 1920)], "main"),
    ],
)
def test_the_main_profile(profiles: list[Profile], main: str | None) -> None:
    """The largest moving picture, unless the first one listed is silent about its size; junk is no size."""
    found = main_profile(profiles)
    assert (found.token if found else None) == main


def test_what_is_moved_is_what_is_judged() -> None:
    """A camera is moved by the main one of the profiles that bind its head, JPEG passed over as anywhere else."""
    listed = (profile("jpeg", 3840, encoding="JPEG", ptz="p"), profile("h264", 1920, ptz="p"), profile("other", 2560))
    motors = Motors(Camera(slot="s", address="127.0.0.1"), Capabilities(profiles=Seen(value=listed)))
    assert motors.profile
    assert motors.profile.token == "h264"


def test_the_profiles_of_a_channel() -> None:
    """A channel is a source or a profile; a slot that names none shows all."""
    one, two = profile("a", source="v0"), profile("b", source="v1")
    assert own_profiles((one, two), "") == (one, two)
    assert own_profiles((one, two), "v1") == own_profiles((one, two), "b") == (two,)
    assert own_profiles((one, two), "c") == ()


def test_a_range_that_moves() -> None:
    """Min = Max is a range in name only, an open end is none to stop at; a focus moves where any of its ranges does."""
    point, open_ended = Span(low=0.5, high=0.5), Span(low=None, high=0.0)
    assert (point.moves, open_ended.moves, Span(low=0, high=1).moves) == (False, True, True)
    assert not FocusMove(source="v0", absolute=point).moves
    assert FocusMove(source="v0", absolute=point, continuous=open_ended).moves
