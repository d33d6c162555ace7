"""The letter as PDF, by LibreOffice where it is installed: no window, a profile of its own, for a bounded time.

Its fonts are those that the machine has; a PDF names what it was set with, and is not the same bytes twice.
"""

import os
import shutil
import signal
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from contract.problems import Told

PROGRAMS = ("soffice", "libreoffice")
WITHIN_S = 180


class NoPdf(Told):
    """LibreOffice is not there, or made no PDF."""


def program() -> str:
    """Raises NoPdf with what to install."""
    for name in PROGRAMS:
        if found := shutil.which(name):
            return found
    raise NoPdf(
        "--pdf needs LibreOffice (Debian: apt install libreoffice-writer-nogui, and Chinese fonts); without --pdf the"
        " bulletin has a DOCX and a page, which print as well",
        "--pdf 需要 LibreOffice（Debian：apt install libreoffice-writer-nogui，并安装中文字体）；"
        "不加 --pdf 也会生成 DOCX 和网页，均可打印",
    )


def write(out: Path, document: Path, within_s: float = WITHIN_S) -> None:
    """`out`: whole or not at all. Raises NoPdf, OSError."""
    with TemporaryDirectory(prefix="canteen-pdf-") as home:
        own = Path(home, "letter.docx")
        shutil.copyfile(document, own)
        words = [program(), f"-env:UserInstallation={Path(home, 'profile').as_uri()}", "--headless", "--norestore"]
        said = _run([*words, "--convert-to", "pdf:writer_pdf_Export", "--outdir", home, str(own)], home, within_s)
        made = own.with_suffix(".pdf")
        if not made.exists() or not made.read_bytes().startswith(b"%PDF-"):
            raise NoPdf(f"LibreOffice made no PDF: {said}", f"LibreOffice 未生成 PDF：{said}")
        shutil.copyfile(made, out)


def _run(words: list[str], home: str, within_s: float) -> str:
    """The last line that it printed. It and what it started end at the latest after `within_s`."""
    environment = {**os.environ, "HOME": home}
    child = subprocess.Popen(
        words,
        cwd=home,
        env=environment,
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        said, _ = child.communicate(timeout=within_s)
    except subprocess.TimeoutExpired as error:
        raise NoPdf(
            f"LibreOffice was not ready within {within_s:g} s", f"LibreOffice 在 {within_s:g} 秒内未完成"
        ) from error
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
    return said.decode(errors="replace").strip().rpartition("\n")[2]
