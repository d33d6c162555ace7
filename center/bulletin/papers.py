"""What people read of a bulletin: workbook, letter and page, all of them from bulletin.json and policy.json alone."""

import hashlib
import json
from pathlib import Path

from center.bulletin import docx
from center.bulletin.letter import letter
from center.bulletin.page import page
from center.bulletin.sheet import sheet
from contract.policy import Policy

SHEET, LETTER, PAGE, PDF = "bulletin.xlsx", "bulletin.docx", "bulletin.html", "bulletin.pdf"


def write(folder: Path, bulletin: bytes, policy: Policy) -> tuple[str, ...]:
    """`bulletin`: the text of bulletin.json. Gives the files: the same text gives the same bytes.

    Without python-docx there is no letter. Raises OSError; KeyError, ValueError, TypeError where it is no bulletin.
    """
    told, digest = json.loads(bulletin), hashlib.sha256(bulletin).hexdigest()
    sheet(folder / SHEET, told, policy, digest)
    made = letter(told, policy, digest)
    (folder / PAGE).write_text(page(made), "utf-8")
    if not docx.available():
        return SHEET, PAGE
    docx.write(folder / LETTER, made)
    return SHEET, PAGE, LETTER
