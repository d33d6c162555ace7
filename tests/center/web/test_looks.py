"""The pages in a browser: nothing reaches beyond the screen, nothing of them is refused by their own policy."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from center.store.outside import Draw, Drawn
from center.store.requests import Wish
from tests.center.test_lists import HOUR
from tests.center.web.served import Served
from tests.support.chromium import QUIET, Missing, program

PATIENCE_S, DAY = 240, 86_400_000
PATHS = {
    "province": "/places/41",
    "english": "/places/41?lang=en",
    "county": "/places/410105",
    "now": "/now/41",
    "unit": "/units/U1",
    "camera": "/positions/P1",
    "sheet": "/sheets/U1?period=week",
    "definitions": "/definitions",
    "stops": "/stops/U1",
    "requests": "/requests/41",
    "checks": "/checks/41",
    "check": "/checks/41?seed=s",
}
OF_SCHOOL = {"ask": "/stops/U1", "planned": "/positions/P1"}
"""What a school sees otherwise than the province."""
PROBE = """<!doctype html><meta charset="utf-8"><body style="margin:0"><p id="told"></p><iframe id="f" style="border:0;
width:{width}px;height:2000px"></iframe><script>
const pages = {pages}, told = {{}}, frame = document.getElementById("f");
const names = Object.keys(pages);
function next() {{
  const name = names.shift();
  if (!name) {{ document.getElementById("told").textContent = JSON.stringify(told); return; }}
  frame.onload = () => {{
    const inside = frame.contentDocument, root = inside.documentElement, over = [];
    for (const one of inside.querySelectorAll("body *")) {{
      const box = one.getBoundingClientRect();
      if (box.width && box.right > {width} + 1 && !one.closest("svg, thead")) over.push(one.outerHTML.slice(0, 80));
    }}
    const styled = getComputedStyle(inside.body).maxWidth;
    told[name] = {{wide: root.scrollWidth, over: over, styled: styled, height: root.scrollHeight}};
    next();
  }};
  frame.srcdoc = pages[name];
}}
next();
</script>"""


@pytest.fixture(scope="module")
def browser() -> str:
    try:
        return program()
    except Missing as missing:
        pytest.skip(str(missing))


def run(browser: str, folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    command = [browser, *QUIET, f"--user-data-dir={folder / 'profile'}", "--enable-logging=stderr", *more]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)


def busy(served: Served) -> None:
    """A request that waits, and a draw of which results are due."""
    now = served.site.clock_ms()
    with served.store.write() as tx:
        tx.add_request(Wish("U1", "", now - HOUR, now + HOUR, "planned", "更换" * 20, "school1", now - DAY), "open")
        asked = Draw("s", now - DAY, now + DAY, 2, now - 2 * DAY, "王芳")
        place = ("U1", "郑州市金水区第一实验小学食堂", "410105", "烹饪间")
        tx.add_draw(asked, [Drawn("s", n, "P1", *place, now - n * HOUR, "", "", "", 0) for n in (1, 2)])


def saved(served: Served, folder: Path) -> dict[str, str]:
    """Each page as it was answered, its style sheet beside it under the policy that the server sends."""
    one, school = served.browser("sheng"), served.browser("school1")
    busy(served)
    style = one.get("/style.css").text
    (folder / "style.css").write_text(style, "utf-8")
    pages = {}
    for name, path in (PATHS | OF_SCHOOL).items():
        got = (school if name in OF_SCHOOL else one).get(path)
        assert got.status == 200, path
        policy = (
            got.headers["content-security-policy"].replace("'self'", "file:").replace(" frame-ancestors 'none';", "")
        )
        head = f'<head><meta http-equiv="content-security-policy" content="{policy}">'
        page = re.sub(r'href="/style\.css[^"]*"', f'href="{(folder / "style.css").as_uri()}"', got.text)
        pages[name] = page.replace("<head>", head)
        (folder / f"{name}.html").write_text(pages[name], "utf-8")
    return pages


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_reaches_beyond_the_screen(browser: str, served: Served, tmp_path: Path, width: int) -> None:
    """At a desk and on a phone, under the policy that the pages are sent with, of which nothing is refused.

    CANTEEN_SHOTS names a folder that a picture of each page is put into.
    """
    pages = saved(served, tmp_path)
    filled = PROBE.format(width=width, pages=json.dumps(pages).replace("</", "<\\/"))
    (tmp_path / "probe.html").write_text(filled, "utf-8")
    more = ("--virtual-time-budget=8000", "--window-size=1400,2000", "--allow-file-access-from-files", "--dump-dom")
    done = run(browser, tmp_path, *more, (tmp_path / "probe.html").as_uri())
    told = json.loads(re.findall(r'<p id="told">(.*?)</p>', done.stdout)[0].replace("&amp;", "&"))
    assert set(told) == set(PATHS | OF_SCHOOL)
    for name, said in told.items():
        assert (said["wide"], said["over"]) == (width, []), name
        assert said["styled"] == "1400px", "the style sheet was not read"
    refused = [line for line in done.stderr.splitlines() if "Content Security Policy" in line]
    assert not refused
    if shots := os.environ.get("CANTEEN_SHOTS"):
        for name in told:
            shot = Path(shots) / f"{name}-{width}.png"
            size = f"--window-size={max(width, 500) if width > 500 else width},{min(told[name]['height'], 2400)}"
            run(browser, tmp_path, size, f"--screenshot={shot}", (tmp_path / f"{name}.html").as_uri())


def test_a_school_prints_one_page(browser: str, served: Served, tmp_path: Path) -> None:
    """Its sheet, with room for what was found and a signature."""
    saved(served, tmp_path)
    page = tmp_path / "sheet.pdf"
    run(browser, tmp_path, "--no-pdf-header-footer", f"--print-to-pdf={page}", (tmp_path / "sheet.html").as_uri())
    assert len(re.findall(rb"/Type /Page\b(?!s)", page.read_bytes())) == 1
