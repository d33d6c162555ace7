"""axe-core, from PyPI's axe-playwright-python: the script alone, nothing of that package is imported."""

from importlib.util import find_spec
from pathlib import Path

RUN = """
axe.run(document).then(told => ({
    serious: told.violations.filter(one => ["serious", "critical"].includes(one.impact)).map(one => (
        {id: one.id, why: one.help, where: one.nodes.slice(0, 3).map(node => node.html + " " + node.failureSummary)})),
    passed: told.passes.length,
}))
"""
"""What it finds in a page that `script` was run in."""


class Missing(Exception):
    """It cannot be had here; the text says why."""


def script() -> str:
    """Raises Missing."""
    spec = find_spec("axe_playwright_python")
    found = Path(spec.submodule_search_locations[0], "axe.min.js") if spec and spec.submodule_search_locations else None
    if found is None or not found.is_file():
        raise Missing("no axe-core: ./scripts/test installs it (PyPI: axe-playwright-python)")
    return found.read_text("utf-8")
