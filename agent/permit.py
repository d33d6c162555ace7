"""Permission to send a camera a login, its outcome, and whom to ask for it: what LoginGate and its callers share."""

from collections.abc import Callable, Iterable
from typing import Annotated, Protocol

from msgspec import Meta, Struct
from msgspec.structs import replace

from agent.model import Camera, Credentials

FEW_LEFT = 5
"""Where a camera says that so few attempts are left no other way is tried in the same visit (Dahua starts at 30)."""


class LoginMet(Struct, frozen=True, kw_only=True):
    """How one pair of credentials fared at one camera. `failed`: logins refused; `worked`: one was accepted.

    `attempts_left`: how many the camera said are left before it locks; `forgives_s`: after how many seconds it said
    that it forgives. None = it did not say. A child that a hostile camera took over can report no more than this.
    """

    failed: Annotated[int, Meta(ge=0, le=100)] = 0
    attempts_left: Annotated[int, Meta(ge=0, le=9_999)] | None = None
    forgives_s: Annotated[float, Meta(ge=0, le=10_000_000)] | None = None
    worked: bool = False


class Permit:
    """Permission to send one login during one visit, and what came of it. The first refusal ends the permission."""

    def __init__(self, allowed: bool = True) -> None:
        self.allowed = allowed
        self.met = LoginMet()

    def accepted(self) -> None:
        self.met = replace(self.met, worked=True)

    def refused(self, attempts_left: int | None = None, forgives_s: float | None = None, *, logins: int = 1) -> None:
        """`logins`: how many the camera was shown, as far as it may have counted them."""
        self.allowed = False
        failed = self.met.failed + logins
        self.met = replace(self.met, failed=failed, attempts_left=attempts_left, forgives_s=forgives_s)


def permit(log_in: bool | Permit) -> Permit:
    """The permit itself, or a new one that allows this."""
    return log_in if isinstance(log_in, Permit) else Permit(log_in)


Which = Callable[[Camera], Credentials | None]
"""Which of a camera's logins: see `onvif_login` and `stream_login`."""


def onvif_login(camera: Camera) -> Credentials | None:
    """For ONVIF, snapshots, motors."""
    return camera.credentials


def stream_login(camera: Camera) -> Credentials | None:
    """For RTSP."""
    return camera.stream_credentials


class Door(Protocol):
    """Whom to ask before a login is sent, and to tell afterwards: agent/login_gate.py."""

    def allowed(self, cameras: Iterable[Camera], which: Which) -> frozenset[str]:
        """The slots whose login may be sent now. Each of them must be told by `met` how it went."""

    def met(self, camera: Camera, which: Which, how: LoginMet) -> None:
        """How it went; LoginMet() where no login was asked for or nothing came of it."""
