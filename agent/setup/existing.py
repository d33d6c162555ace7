"""agent.yaml as a person left it, and what setup has to know of it."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from agent import settings
from agent.command_line import DEFAULT_CONFIG
from agent.model import Credentials
from agent.settings import entries, secret
from contract import shipped, strict_yaml
from contract.plain import read_plain
from contract.problems import Unfit, unreadable


class Existing(Struct, frozen=True, kw_only=True):
    """`text`: as it stands. `logins`: those of its logins whose passwords can be read."""

    text: str
    file: entries.File
    state_dir: Path
    policy: str
    logins: Mapping[str, Credentials]

    def bound(self) -> dict[str, str]:
        """Address and, where it is named, MAC of each camera -> its slot."""
        names = [(name, one.slot) for one in self.file.cameras for name in (one.address, one.identity.mac) if name]
        return dict(reversed(names))

    def index(self, slot: str) -> int | None:
        return next((number for number, one in enumerate(self.file.cameras) if one.slot == slot), None)


def text_of(config: Path) -> str | None:
    """The file as it stands now; None where there is none."""
    try:
        return read_plain(config).decode("utf-8-sig")
    except FileNotFoundError:
        return None


def read(config: Path) -> Existing | None:
    """The file, or None where there is none yet. Raises ConfigError with all that is wrong with it."""
    try:
        config.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise unreadable(str(config), error) from None
    found = settings.load(config, secrets=False)
    text = text_of(config) or ""
    file = strict_yaml.load(text, entries.File, source=str(config))
    logins = {}
    for name, login in file.credentials.items():
        with suppress(Unfit):
            password = secret.resolve(login.password, folder=config.parent, holder=config, status=config.stat())
            logins[name] = Credentials(login.user, password.reveal())
    return Existing(text=text, file=file, state_dir=found.state_dir, policy=found.policy, logins=logins)


def state_dir(config: Path, existing: Existing | None) -> Path:
    """Where the agent of this file keeps its state; a configuration elsewhere gets a folder beside it."""
    if existing:
        return existing.state_dir
    return Path(entries.STATE_DIR) if config == DEFAULT_CONFIG else config.parent / "state"


def example() -> str:
    """The example that a new agent.yaml begins as: every key with its comment."""
    return (shipped.FOLDER / "agent.example.yaml").read_text(encoding="utf-8")


EXAMPLE_LOGINS = ("kitchen", "recorder")
EXAMPLE_CAMERAS = 2
"""What stands in the example as an example."""
