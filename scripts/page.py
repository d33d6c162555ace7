"""The commands of docs/installing.zh-CN.md, as a person would type them."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "installing.zh-CN.md"
_BLOCK = re.compile(r"^```sh\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
_HERE = re.compile(r"<<'(\w+)'$")


def commands(page: str) -> list[str]:
    """Every command of every ```sh block in order; one with a text behind it (here document) is one with all of it."""
    found: list[str] = []
    for block in _BLOCK.findall(page):
        lines = iter(block.splitlines())
        for line in lines:
            command = [line]
            if here := _HERE.search(line):
                for text in lines:
                    command.append(text)
                    if text == here[1]:
                        break
            found.append("\n".join(command))
    return found


def configuration(page: str) -> str:
    """The agent.yaml that the page has written."""
    (command,) = (one for one in commands(page) if "tee /etc/canteen-agent/agent.yaml" in one)
    return "\n".join(command.split("\n")[1:-1]) + "\n"
