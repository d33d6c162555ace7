"""In which language people are spoken to: Chinese or English."""

import os
from collections.abc import Callable
from typing import Literal

LANGUAGES = ("zh", "en")
Say = Callable[[str, str], str]
"""(Chinese, English) -> the one that is wanted."""


def default_lang() -> Literal["zh", "en"]:
    """Chinese, unless the locale says English."""
    locale = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or ""
    return "en" if locale.startswith("en") else "zh"


def saying(lang: str) -> Say:
    return lambda zh, en: en if lang == "en" else zh
