"""A lock as another machine reads it: pip applies the markers of the Python it runs in, whatever it fetches for.

`python -m scripts.markers 3.13 aarch64 requirements/agent.lock` prints the lines that hold there.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from packaging.markers import Marker


def lines_for(text: str, python: str, machine: str) -> Iterator[str]:
    """The lines of the packages that this Python on Linux needs, hashes with them, markers taken off."""
    environment = {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "platform_machine": machine,
        "sys_platform": "linux",
        "platform_system": "Linux",
        "os_name": "posix",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "extra": "",
    }
    wanted = False
    for line in text.splitlines():
        if re.match("[a-z]", line):
            name, _, marker = line.rstrip(" \\").partition(" ; ")
            wanted = not marker or Marker(marker).evaluate(environment)
            if wanted:
                yield f"{name} \\"
        elif wanted:
            yield line


if __name__ == "__main__":
    print("\n".join(lines_for(Path(sys.argv[3]).read_text(), sys.argv[1], sys.argv[2])))
