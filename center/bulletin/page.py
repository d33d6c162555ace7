"""The letter as a page to read and to print: one HTML file with nothing from elsewhere in it, and no script. Pure."""

from collections.abc import Iterator
from html import escape

from center.bulletin.annexes import Annex
from center.bulletin.letter import Letter, Paragraph

STYLE = """
@page { size: A4; margin: 37mm 26mm 35mm 28mm; }
@page annex { size: A4 landscape; margin: 28mm 37mm 26mm 35mm; }
body { font: 16pt/28.95pt "仿宋_GB2312", FangSong, STFangsong, serif; letter-spacing: -.25pt; }
body { margin: 0; }
p { margin: 0; text-align: justify; line-break: strict; overflow-wrap: anywhere; orphans: 1; widows: 1; }
h1, .number, .state { text-align: center; margin: 0; }
h1 { font: 22pt/36pt "方正小标宋简体", STSong, serif; margin-top: 28.95pt; }
h2 { font: 16pt/28.95pt "黑体", SimHei, sans-serif; margin: 0; text-indent: 2em; break-after: avoid; }
.state, b { font-family: "楷体_GB2312", KaiTi, STKaiti, serif; font-weight: normal; }
.to { margin-top: 28.95pt; }
.body { text-indent: 2em; }
.body:has(+ .annexes) { break-after: avoid; break-inside: avoid; }
.annexes { margin: 28.95pt 0 0 2em; break-after: avoid; }
.annex { margin-left: 5em; break-after: avoid; }
.signature { margin: 57.9pt 4em 0 0; text-align: right; break-after: avoid; }
.date { margin-right: 4em; text-align: right; }
section { page: annex; break-before: page; }
section h2 { text-indent: 0; }
table { border-collapse: collapse; table-layout: fixed; width: 100%; min-width: 160mm; }
table { font-size: 9pt; line-height: 13pt; letter-spacing: 0; }
thead { display: table-header-group; }
tr { break-inside: avoid; }
th, td { border: .5pt solid; padding: 1pt 2pt; overflow-wrap: anywhere; text-align: left; }
th { font-family: "黑体", SimHei, sans-serif; font-weight: normal; }
th, .c { text-align: center; }
small { font-size: 10.5pt; line-height: 18pt; }
@media screen {
  body { margin: 0 auto; max-width: 156mm; padding: 1rem; }
  section { overflow-x: auto; margin-top: 2rem; }
}
@media screen and (max-width: 600px) {
  body { font-size: 12pt; line-height: 1.7; }
  h1 { font-size: 16pt; line-height: 1.5; }
}
"""
POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def page(letter: Letter) -> str:
    return "".join(_parts(letter))


def _parts(letter: Letter) -> Iterator[str]:
    yield '<!DOCTYPE html>\n<html lang="zh-CN">\n<head>\n<meta charset="utf-8">\n'
    yield f"<title>{escape(letter.title)}</title>\n"
    yield f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    yield f"<style>{STYLE}</style>\n</head>\n<body>\n"
    yield from map(_paragraph, letter.paragraphs)
    yield from map(_annex, letter.annexes)
    yield "</body>\n</html>\n"


def _paragraph(one: Paragraph) -> str:
    text = escape(one.text).replace("\n", "<br>")
    if one.style == "title":
        return f"<h1>{text}</h1>\n"
    if one.style == "heading":
        return f"<h2>{text}</h2>\n"
    lead = f"<b>{escape(one.lead)}</b>" if one.lead else ""
    return f'<p class="{one.style}">{lead}{text}</p>\n'


def _annex(annex: Annex) -> str:
    wide = "".join(f'<col style="width:{width / sum(annex.widths):.2%}">' for width in annex.widths)
    heads = "".join(f"<th scope=col>{escape(head)}</th>" for head in annex.heads)
    rows = "".join(f"<tr>{''.join(_cells(annex, row))}</tr>\n" for row in annex.rows)
    return (
        f"<section>\n<h2>附件{annex.number}</h2>\n<h1>{escape(annex.title)}</h1>\n"
        f"<table>\n<colgroup>{wide}</colgroup>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n"
        f"<p><small>{escape(annex.note)}</small></p>\n</section>\n"
    )


def _cells(annex: Annex, row: tuple[str | int, ...]) -> Iterator[str]:
    for index, value in enumerate(row):
        yield f"<td{' class=c' if index in annex.centred else ''}>{escape(str(value))}</td>"
