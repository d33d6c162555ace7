"""A camera that speaks HTTPS alone: its certificate is shown, and no login sent before that is confirmed."""

import io
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from agent import settings
from agent.setup.dialogue import Dialogue
from agent.setup.keeping import Logins
from agent.setup.opening import Opening
from agent.setup.plan import Keeper, Plan, Position
from agent.setup.trying import Trials
from tests import evil
from tests.agent.setup.house import PASSWORD, House, house, spec

FRONT = 8443


def pump(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError):
        while data := one.recv(65536):
            other.sendall(data)
    for end in (one, other):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@contextmanager
def front(address: str, behind: int, certificate: Path) -> Iterator[None]:
    """TLS at port FRONT of the address, in front of the plain port `behind`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.load_cert_chain(certificate)

    def serve(raw: socket.socket) -> None:
        with (
            suppress(OSError),
            context.wrap_socket(raw, server_side=True) as secured,
            socket.create_connection((address, behind)) as plain,
        ):
            back = threading.Thread(target=pump, args=(plain, secured), daemon=True)
            back.start()
            pump(secured, plain)
            back.join()

    def accept(listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server((address, FRONT)) as listener:
        threading.Thread(target=accept, args=(listener,), daemon=True).start()
        yield
        listener.shutdown(socket.SHUT_RDWR)


def answers(built: House, more: str) -> str:
    file = built.answers("stove")
    file.write_text(file.read_text().replace("login: kitchen}", f"login: kitchen, onvif_port: {FRONT}{more}}}"))
    return str(file)


@pytest.fixture
def pinned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[House, str]]:
    """A house whose only camera speaks HTTPS at FRONT, and the pin of its certificate."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "own"))
    certificate = evil.certificate(tmp_path)
    with house(tmp_path, spec("stove")) as built:
        unit = built.canteen.camera("stove")
        with front(unit.address, unit.onvif_port, certificate):
            yield built, evil.pin(certificate)


def test_a_pin_is_shown_first_and_then_minded(pinned: tuple[House, str], capsys: pytest.CaptureFixture[str]) -> None:
    """Without it the fingerprint is told and no login sent; a wrong one is refused; the right one is written down."""
    built, pin = pinned
    assert built.setup(str(built.bundle), "--answers", answers(built, "")) == 2
    assert f"it speaks HTTPS only; compare its certificate, then add onvif_port: {FRONT}, tls_pin: {pin}" in (
        capsys.readouterr().err
    )
    assert built.logins("stove") == 0
    assert built.setup(str(built.bundle), "--answers", answers(built, f", tls_pin: {'ab' * 32}")) == 2
    assert "certificate is not the pinned one" in capsys.readouterr().err
    assert built.logins("stove") == 0
    assert not built.config.exists()
    assert built.setup(str(built.bundle), "--answers", answers(built, f", tls_pin: {pin}")) == 0
    (camera,) = settings.load(built.config).cameras
    assert (camera.tls, camera.tls_pin, camera.ports.onvif) == ("pin", pin, FRONT)
    assert built.refused("stove") == 0


def test_a_person_confirms_the_fingerprint(
    pinned: tuple[House, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is shown before the password goes out; a no leaves the camera out."""
    built, pin = pinned
    place = Position(slot="setup", address=built.canteen.camera("stove").address, onvif_port=FRONT)
    built.state.mkdir()
    for answer in ("n", "y"):
        keeper = Keeper(built.state, Plan(config=str(built.config)))
        logins = Logins(built.etc, {}, {}, at_once=True)
        opening = Opening(Dialogue("zh"), Trials(built.state, "zh"), keeper, logins)
        monkeypatch.setattr("sys.stdin", io.StringIO(f"1\nadmin\n{PASSWORD}\n{answer}\n"))
        opened = opening.opened(place)
        said = capsys.readouterr().out
        assert pin in "".join(said.split())
        if answer == "n":
            assert opened is None
            assert built.logins("stove") == 0
    assert opened
    assert opened[0].tls_pin == pin
    assert "✓ 可以打开" in said
    assert built.refused("stove") == 0
