"""Pages of templates: everything that is put in is escaped, and what turns the reading direction is taken out.

Only here is Jinja known.
"""

import hashlib
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse

from center.show import minute, word
from contract.text import lasted, printable

HOME = Path(__file__).parent
STYLE = (HOME / "style.css").read_bytes()
STYLE_URL = f"/style.css?v={hashlib.sha256(STYLE).hexdigest()[:12]}"
"""Another text is another address, so a browser may keep it for ever."""


def _put(value: Any) -> Any:
    """Texts come from cameras, files and people: no control characters, no marks that turn the direction round."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


_pages = Environment(
    loader=FileSystemLoader(HOME / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    finalize=_put,
    trim_blocks=True,
    lstrip_blocks=True,
)
_pages.globals |= {"style": STYLE_URL, "word": word, "lasted": lasted, "minute": minute}


def page(template: str, status: int = 200, **context: Any) -> HTMLResponse:
    return HTMLResponse(_pages.get_template(template).render(context), status)
