"""The letter as it is printed: LibreOffice sets it, pdftotext says where each word stands.

Without the office's fonts another one stands in for them, with characters as wide; so lines and characters are counted.
"""

import re
import shutil
import subprocess
import time
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from center.bulletin import docx, pdf
from center.bulletin.letter import Letter, Paragraph, letter
from center.cli import main
from tests.center.bulletin.conftest import DIGEST, Made
from tests.center.bulletin.test_letter import HOSTILE, renamed
from tests.center.provinces import MONTH

MM = 72 / 25.4
CHARACTER_PT = 16
"""A closing mark may hang over the right edge by its own width: LibreOffice does it whatever the document says."""
WORD = re.compile(r'<word xMin="([\d.]+)" yMin="([\d.]+)" xMax="([\d.]+)" yMax="([\d.]+)">(.*?)</word>')
FULL = re.compile(r"[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]+")


class Word(NamedTuple):
    """In points from the page's upper left corner."""

    left: float
    top: float
    right: float
    bottom: float
    text: str


@pytest.fixture(scope="module", autouse=True)
def programs() -> None:
    for name, package in (("soffice", "libreoffice-writer-nogui"), ("pdftotext", "poppler-utils")):
        if not shutil.which(name):
            pytest.skip(f"{name} is not installed (Debian: {package})")


def pages(document: Path) -> list[list[Word]]:
    asked = ["pdftotext", "-bbox", str(document), "-"]
    told = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    return [
        [Word(float(left), float(top), float(right), float(bottom), said) for left, top, right, bottom, said in found]
        for found in (WORD.findall(part) for part in re.split(r"<page ", told)[1:])
    ]


def lines(words: list[Word]) -> list[str]:
    """Of one page, from above; the page's number is none."""
    rows: dict[int, list[Word]] = {}
    for word in words:
        middle = (word.top + word.bottom) / 2
        key = next((row for row in rows if abs(row - middle) < 8), round(middle))
        rows.setdefault(key, []).append(word)
    found = ["".join(word.text for word in sorted(rows[row])) for row in sorted(rows)]
    return [line for line in found if not re.fullmatch(r"—\d+—", line)]


@pytest.fixture(scope="module")
def long_letter(province: Made, tmp_path_factory: pytest.TempPathFactory) -> list[list[Word]]:
    """All places fail, and bear names such as nobody should have."""
    told: dict[str, Any] = renamed(province.told, (*HOSTILE, *(f"第{n}号远郊县" for n in range(25))))
    first = next(row["first"] for row in told["rows"] if row["first"])
    for row in (row for row in told["rows"] if not row["kind"]):
        row |= {"verdict": "WOULD_SCORE_ZERO", "first": first}
    folder = tmp_path_factory.mktemp("long")
    docx.write(folder / "a.docx", letter(told, province.policy, DIGEST))
    pdf.write(folder / "a.pdf", folder / "a.docx")
    return pages(folder / "a.pdf")


def test_22_lines_of_28_characters(long_letter: list[list[Word]]) -> None:
    """A full page has 22 lines, a full line 28 characters, none has more; the first page shows the text's begin."""
    body = [words for words in long_letter if words and max(word.right for word in words) < 210 * MM]
    letters = [lines(words) for words in body]
    assert len(letters) >= 3
    assert [len(page) for page in letters[1:-1]] == [22] * len(letters[1:-1])
    assert any("根据全省" in line for line in letters[0])
    whole = [line for page in letters for line in page if FULL.fullmatch(line)]
    assert max(map(len, whole)) == 28


def test_everything_stands_on_the_page(long_letter: list[list[Word]]) -> None:
    """No word leaves its edges, none stands over another: no cell is overfull."""
    for words in long_letter:
        wide = 297 if max(word.right for word in words) > 210 * MM else 210
        edges = (35, 37) if wide == 297 else (28, 26)
        for word in words:
            assert word.left >= edges[0] * MM - 1
            hangs = CHARACTER_PT * word.text.endswith(tuple("，。、：；）"))
            assert word.right <= (wide - edges[1]) * MM + 1 + hangs, word
        for one, other in combinations(words, 2):
            across = min(one.right, other.right) - max(one.left, other.left)
            down = min(one.bottom, other.bottom) - max(one.top, other.top)
            assert across < 1 or down < min(one.bottom - one.top, other.bottom - other.top) / 2, (one, other)


def test_no_signature_stands_alone(province: Made, tmp_path: Path) -> None:
    """However long the text is: the page of the signature has some of the text (7.3.5.5), and the date with it."""
    made = letter(province.told, province.policy, DIGEST)._replace(annexes=())
    for more in range(22):
        docx.write(tmp_path / f"{more}.docx", longer(made, more))
    files = sorted(str(file) for file in tmp_path.glob("*.docx"))
    profile = f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}"
    asked = ["soffice", profile, "--headless", "--convert-to", "pdf", "--outdir", str(tmp_path), *files]
    subprocess.run(asked, check=True, capture_output=True, timeout=180)
    begins = set()
    for more in range(22):
        found = [lines(words) for words in pages(tmp_path / f"{more}.pdf")]
        (its,) = [page for page in found if any("发文机关署名" in line for line in page)]
        at = next(n for n, line in enumerate(its) if "发文机关署名" in line)
        assert "年×月×日" in its[at + 1]
        assert any("原始记录复核" in line or "重新计算" in line for line in its[:at]), (more, its)
        begins.add((len(found), at))
    assert len(begins) > 5, "the lengths must differ where the page ends"


def longer(made: Letter, lines_more: int) -> Letter:
    extra = [Paragraph("body", f"第{n}行") for n in range(lines_more)]
    return made._replace(paragraphs=(*made.paragraphs[:6], *extra, *made.paragraphs[6:]))


def test_bulletin_with_a_pdf(province: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--pdf: beside the document, listed with its hash; the bulletin verifies."""
    out = tmp_path / "b"
    ask = ("bulletin", "--database", province.database, "--month", MONTH, "--out", str(out))
    assert main([*ask, "--pdf"]) == 0
    assert (out / "bulletin.pdf").read_bytes().startswith(b"%PDF-")
    assert "bulletin.pdf" in (out / "SHA256SUMS").read_text("utf-8")
    assert main(["bulletin", "verify", str(out)]) == 0
    assert "互联网" in "".join(word.text for word in pages(out / "bulletin.pdf")[0])


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH with nothing in it."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path / "bin"


def test_without_libreoffice(
    province: Made, tmp_path: Path, elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Told before anything is written, with what to install."""
    ask = ("bulletin", "--database", province.database, "--month", MONTH, "--out", str(tmp_path / "b"))
    assert main([*ask, "--pdf", "--lang", "en"]) == 2
    assert "libreoffice-writer-nogui" in capsys.readouterr().err
    assert not (tmp_path / "b").exists()


def test_a_libreoffice_that_hangs(province: Made, tmp_path: Path, elsewhere: Path) -> None:
    """It is ended, with what it started, and no file is there."""
    program = elsewhere / "soffice"
    program.write_text(f"#!/bin/sh\n/bin/sleep 60 & echo $! > {tmp_path}/child\nwait\n")
    program.chmod(0o755)
    with pytest.raises(pdf.NoPdf, match="not ready within"):
        pdf.write(tmp_path / "a.pdf", province.folder / "bulletin.docx", within_s=1)
    assert not (tmp_path / "a.pdf").exists()
    child = int((tmp_path / "child").read_text())
    deadline = time.monotonic() + 10
    while Path(f"/proc/{child}/stat").exists() and " Z " not in Path(f"/proc/{child}/stat").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.01)
