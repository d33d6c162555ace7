"""Logins under their names: those of agent.yaml, and new ones whose passwords are kept as credentials at once."""

from collections.abc import Container, Mapping
from contextlib import suppress
from pathlib import Path

from msgspec import structs

from agent.model import Credentials, Evidence, Seen
from agent.settings import secret
from agent.settings.secret import write_credential
from agent.setup.plan import Login, Position
from agent.setup.writing import Beside
from contract.problems import Told, Unfit, why


class Logins:
    """`known`: by name, what can be offered; `new`: those of them that agent.yaml does not have yet.

    `beside`: files of passwords that are to be written with agent.yaml.
    """

    def __init__(
        self,
        folder: Path,
        known: Mapping[str, Credentials],
        new: Mapping[str, Login],
        reserved: Container[str] = (),
        *,
        at_once: bool,
    ) -> None:
        """`folder`: of agent.yaml. `new`: kept by a setup that was broken off. `reserved`: names not to be given."""
        self._folder, self._reserved, self._at_once = folder, reserved, at_once
        self.beside: list[Beside] = []
        self.known, self.new = dict(known), dict(new)
        for name, login in new.items():
            with suppress(Unfit):  # gone meanwhile: then it is asked for again
                self.known[name] = Credentials(login.user, kept(folder, login.credential))

    def keep(self, credentials: Credentials, wish: str = "camera") -> str:
        """Its name; the password of a new one is kept, or is to be. `wish`: name for a new one. Raises Told."""
        for name, one in self.known.items():
            if one == credentials:
                return name
        name = self._free(wish, credentials)
        if self._at_once:
            self._write(name, credentials)
        else:
            self.beside.append(Beside(self._folder / "credentials" / name, credentials.reveal().encode(), 0o600))
        self.known[name] = credentials
        self.new[name] = Login(user=credentials.user, credential=name)
        return name

    def _write(self, name: str, credentials: Credentials) -> None:
        try:
            write_credential(name, credentials.reveal(), folder=self._folder)
        except OSError as error:
            place, reason = self._folder / "credentials", why(error)
            raise Told(
                f"the password cannot be kept in {place}: {reason.en}. Mend it, then: canteen-agent setup --resume",
                f"密码无法保存到 {place}：{reason.zh}。处理后执行：canteen-agent setup --resume",
            ) from None

    def _free(self, wish: str, credentials: Credentials) -> str:
        """No name of a login, and no file with another password."""
        number, name = 1, wish
        while name in self.known or name in self._reserved or self._is_another(name, credentials):
            number += 1
            name = f"{wish}-{number}"
        return name

    def _is_another(self, name: str, credentials: Credentials) -> bool:
        file = self._folder / "credentials" / name
        if not file.exists():
            return False
        with suppress(Unfit):
            return kept(self._folder, name) != credentials.reveal()
        return True

    def learnt(self, position: Position, login: str, evidence: Evidence) -> Position:
        """The position with its login, and what the camera has said of itself."""
        told = evidence.capabilities
        rtsp = told.stream_uri.value.port if isinstance(told.stream_uri, Seen) else position.rtsp_port
        what = position.what
        if isinstance(told.device, Seen):
            what = f"{told.device.value.manufacturer} {told.device.value.model}".strip() or what
        return structs.replace(position, login=login, rtsp_port=rtsp, what=what)


def kept(folder: Path, name: str) -> str:
    """The password that is kept as credential:NAME. Raises Unfit."""
    content, _ = secret.read(folder / "credentials" / name, secret.MAX_FILE_BYTES)
    return secret.from_bytes(content, folder / "credentials" / name).reveal()
