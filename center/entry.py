"""canteen-center as it is called. Where the center's own packages are missing, one line says what to install."""

import sys

from contract import __version__
from contract.answering import INTERRUPTED, ended, tell
from contract.command_line import wanted_lang
from contract.language import saying


def main() -> int:
    if sys.argv[1:] == ["--version"]:
        return ended("canteen-center", _version, wanted_lang(None))
    try:
        from center.cli import main as run
    except KeyboardInterrupt:  # it takes a second
        return INTERRUPTED
    except ModuleNotFoundError as error:
        if str(error.name).partition(".")[0] in ("center", "contract"):
            raise
        zh = f"未安装 {error.name}：请执行 pip install 'canteen-agent[center]'"
        en = f"{error.name} is not installed: pip install 'canteen-agent[center]'"
        tell(f"canteen-center: {saying(wanted_lang(None))(zh, en)}")
        return 2
    return run()


def _version() -> int:
    sys.stdout.write(f"canteen-center {__version__}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
