"""The letter as DOCX, in the form of GB/T 9704: 22 lines of 28 characters. Only here is python-docx known.

The same letter gives the same bytes. The fonts are named and not embedded: what a reader lacks, his program replaces.
"""

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from center.bulletin.annexes import Annex
from center.bulletin.letter import Letter, Paragraph
from contract.problems import Told

SONG, FANG, HEI, KAI, FOOT = "方正小标宋简体", "仿宋_GB2312", "黑体", "楷体_GB2312", "宋体"
LINE_PT = 28.95
"""22 lines fill a page of 225 mm; with 29 there are 21."""
CLOSER = -5
"""Twentieths of a point between characters: 28 of 16 pt fill 156 mm."""
MARGINS = {"top": 34.58, "bottom": 32.58, "left": 28.0, "right": 26.0}
"""mm. GB/T 9704 says 37 and 35 to the glyphs' edge; GB/T 33476.2 gives these for word processors."""
MOST = 200
"""Rows of an annex on paper; the workbook has all of them."""
ZIP_TIME = (1980, 1, 1, 0, 0, 0)


class Look(NamedTuple):
    """`size`: in pt; `indent`: first line, in characters; `hang`: the left edge, in characters; `side`: of the line."""

    font: str = FANG
    size: float = 16
    side: str = "both"
    indent: int = 0
    hang: int = 0
    right: int = 0
    before: int = 0
    """Empty lines above it."""
    line: float = LINE_PT


LOOKS = {
    "number": Look(side="center"),
    "title": Look(SONG, 22, "center", before=2),
    "state": Look(KAI, side="center"),
    "to": Look(side="left", before=1),
    "body": Look(indent=2),
    "heading": Look(HEI, indent=2),
    "annexes": Look(side="left", indent=2, before=1),
    "annex": Look(side="left", hang=5),
    "signature": Look(side="right", right=4, before=2),
    "date": Look(side="right", right=4),
    "annex number": Look(HEI, side="left"),
    "annex title": Look(SONG, 22, "center", line=44),
    "note": Look(size=10.5, side="left", line=18),
}
TOGETHER = frozenset({"heading", "annexes", "annex", "signature"})
"""Kept on the page of what follows, so that no heading and no signature stands alone (7.3.5.5)."""


class NoLibrary(Told):
    """python-docx is not installed."""

    def __init__(self) -> None:
        install = "pip install 'canteen-agent[bulletin]'"
        super().__init__(f"python-docx is not installed: {install}", f"未安装 python-docx：{install}")


def available() -> bool:
    """Whether a DOCX can be written here."""
    try:
        import docx  # noqa: F401
    except ImportError:
        return False
    return True


def write(out: Path, letter: Letter) -> None:
    """Raises NoLibrary, OSError."""
    if not available():
        raise NoLibrary
    from docx import Document

    document = Document()
    _properties(document, letter)
    _page(document, document.sections[0])
    _chinese(document)
    last = max(n for n, one in enumerate(letter.paragraphs) if one.style == "body")
    for number, one in enumerate(letter.paragraphs):
        _paragraph(document, one, keep=one.style in TOGETHER or number == last)
    _annexes(document, letter.annexes)
    raw = io.BytesIO()
    document.save(raw)
    out.write_bytes(_fixed(raw))


def _fixed(raw: io.BytesIO) -> bytes:
    """With one time for every part."""
    told = io.BytesIO()
    with zipfile.ZipFile(raw) as parts, zipfile.ZipFile(told, "w", zipfile.ZIP_DEFLATED) as packed:
        for name in parts.namelist():
            about = zipfile.ZipInfo(name, ZIP_TIME)
            about.compress_type = zipfile.ZIP_DEFLATED
            packed.writestr(about, parts.read(name))
    return told.getvalue()


def _properties(document: Any, letter: Letter) -> None:
    said = document.core_properties
    said.title, said.subject, said.category = letter.title, letter.state, "代拟稿"
    said.comments = "代拟稿：供发文机关审核；文号、署名、成文日期待填"
    said.author = said.last_modified_by = ""
    said.language, said.revision = "zh-CN", 1
    said.created = said.modified = letter.until.replace(tzinfo=None)


def _chinese(document: Any) -> None:
    """Lines are broken by the rules of that language."""
    for lang in document.styles.element.iter(_qn("w:lang")):
        lang.set(_qn("w:eastAsia"), "zh-CN")


# ---- pages --------------------------------------------------------------------------------------


def _page(document: Any, section: Any, *, landscape: bool = False) -> None:
    """A4 with the page's number below: odd ones right, even ones left, a dash on either side."""
    from docx.enum.section import WD_ORIENT
    from docx.shared import Mm

    width, height = (297, 210) if landscape else (210, 297)
    section.page_width, section.page_height = Mm(width), Mm(height)
    section.orientation = WD_ORIENT.LANDSCAPE if landscape else WD_ORIENT.PORTRAIT
    # A page that lies is turned by its binding edge, which becomes its upper one.
    edges = {"top": 28.0, "bottom": 26.0, "left": 35.0, "right": 37.0} if landscape else MARGINS
    for side, mm in edges.items():
        setattr(section, f"{side}_margin", Mm(mm))
    section.footer_distance = Mm(14 if landscape else 21)
    if landscape:
        return  # the numbers go on
    document.settings.odd_and_even_pages_header_footer = True
    for footer, side in ((section.footer, "right"), (section.even_page_footer, "left")):
        _number_of_page(footer.paragraphs[0], side)


def _number_of_page(paragraph: Any, side: str) -> None:
    _shaped(paragraph, Look(FOOT, 14, side, right=int(side == "right"), hang=int(side == "left"), line=16))
    _run(paragraph, "— ", FOOT, 14)
    for kind, text in (("begin", ""), ("", "PAGE"), ("end", "")):
        run = _run(paragraph, "", FOOT, 14)
        run._r.append(_element("w:fldChar", {"w:fldCharType": kind}) if kind else _element("w:instrText", {}, text))
    _run(paragraph, " —", FOOT, 14)


def _element(tag: str, attributes: dict[str, str], text: str = "") -> Any:
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    made = OxmlElement(tag)
    for name, value in attributes.items():
        made.set(qn(name), value)
    if text:
        made.text = text
    return made


# ---- paragraphs ---------------------------------------------------------------------------------


def _paragraph(document: Any, one: Paragraph, *, keep: bool) -> None:
    look = LOOKS[one.style]
    for _ in range(look.before):
        _shaped(document.add_paragraph(), look, keep=keep)
    paragraph = document.add_paragraph()
    _shaped(paragraph, look, keep=keep)
    if one.lead:
        _run(paragraph, one.lead, KAI, look.size)
    _run(paragraph, one.text, look.font, look.size)


def _shaped(paragraph: Any, look: Look, *, keep: bool = False) -> None:
    from docx.enum.text import WD_LINE_SPACING
    from docx.shared import Pt

    shape = paragraph.paragraph_format
    shape.line_spacing_rule, shape.line_spacing = WD_LINE_SPACING.EXACTLY, Pt(look.line)
    shape.space_before = shape.space_after = Pt(0)
    shape.widow_control, shape.keep_with_next, shape.keep_together = False, keep, keep
    properties = paragraph._p.get_or_add_pPr()
    # In Word no mark hangs over the edge, so that no line has 29. Its place by the schema is before the spacing.
    properties.find(_qn("w:spacing")).addprevious(_element("w:overflowPunct", {"w:val": "0"}))
    # Characters for Word, twentieths of a point for programs that do not know them.
    step = round(look.size * 20) + CLOSER
    edges = {"firstLine": look.indent, "left": look.hang, "right": look.right}
    told = {f"w:{name}Chars": str(100 * n) for name, n in edges.items() if n}
    told |= {f"w:{name}": str(step * n) for name, n in edges.items() if n}
    if told:
        indent = properties.get_or_add_ind()
        for name, value in told.items():
            indent.set(_qn(name), value)
    properties.get_or_add_jc().set(_qn("w:val"), look.side)


def _qn(name: str) -> str:
    from docx.oxml.ns import qn

    return str(qn(name))


def _run(paragraph: Any, text: str, font: str, size: float) -> Any:
    """Its font for Chinese and for Latin characters; quotation marks are Chinese ones."""
    from docx.shared import Pt

    run = paragraph.add_run(text)
    run.font.size = Pt(size)
    fonts = run._r.get_or_add_rPr().get_or_add_rFonts()
    for name in ("ascii", "hAnsi", "eastAsia", "cs"):
        fonts.set(_qn(f"w:{name}"), font)
    fonts.set(_qn("w:hint"), "eastAsia")
    if size == 16:
        run._r.rPr.sz.addprevious(_element("w:spacing", {"w:val": str(CLOSER)}))  # the schema's order
    return run


# ---- annexes ------------------------------------------------------------------------------------


def _annexes(document: Any, annexes: Sequence[Annex]) -> None:
    from docx.enum.section import WD_SECTION

    for annex in annexes:
        if annex is annexes[0]:
            _page(document, document.add_section(WD_SECTION.NEW_PAGE), landscape=True)
        _paragraph(document, Paragraph("annex number", f"附件{annex.number}"), keep=True)
        if annex is not annexes[0]:
            document.paragraphs[-1].paragraph_format.page_break_before = True
        _paragraph(document, Paragraph("annex title", annex.title), keep=True)
        _table(document, annex)
        left = len(annex.rows) - MOST
        more = f"其余{left}行见 bulletin.xlsx" if left > 0 else ""
        _paragraph(document, Paragraph("note", "；".join(filter(None, (annex.note, more)))), keep=False)


def _table(document: Any, annex: Annex) -> None:
    from docx.shared import Mm

    rows = annex.rows[:MOST]
    table = document.add_table(len(rows) + 1, len(annex.heads), "Table Grid")
    table.autofit = False
    edges = _element("w:tblCellMar", {})
    for side in ("left", "right"):
        edges.append(_element(f"w:{side}", {"w:w": "40", "w:type": "dxa"}))
    table._tbl.tblPr.find(_qn("w:tblLook")).addprevious(edges)  # the schema's order
    for column, width in zip(table.columns, annex.widths, strict=True):
        column.width = Mm(width)
    for number, (line, cells) in enumerate(zip(table._tbl.tr_lst, (annex.heads, *rows), strict=True)):
        properties = line.get_or_add_trPr()
        properties.append(_element("w:cantSplit", {}))
        if number == 0:
            properties.append(_element("w:tblHeader", {}))
        for index, (cell, value) in enumerate(zip(line.tc_lst, cells, strict=True)):
            cell.width = Mm(annex.widths[index])
            _cell(document, cell, str(value), head=number == 0, centred=number == 0 or index in annex.centred)


def _cell(document: Any, cell: Any, text: str, *, head: bool, centred: bool) -> None:
    from docx.text.paragraph import Paragraph as Line

    line = Line(cell.p_lst[0], document)
    font = HEI if head else FANG
    _shaped(line, Look(font, 9, "center" if centred else "left", line=13))
    _run(line, text, font, 9)
