"""The pages for those who use no mouse, or hear them read out: axe-core in Chromium on each kind of page, and the job
of each role done with Tab, Enter and the arrow keys alone; on a desk and on a phone.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from center.web.app import ROUTES
from tests.center.web.served import PASSWORD, Served
from tests.support import axe
from tests.support.chromium import Chromium, Missing
from tests.support.waiting import until

WIDTHS = (1280, 390)
KINDS = {
    "/login": ["/login", "/login?lang=en"],
    "/link/{token}": ["/link/x"],
    "/places/{code}": ["/places/41", "/places/41?lang=en", "/places/4101", "/places/410105", "/places/410105?q=none"],
    "/now/{code}": ["/now/41", "/now/41?state=never_seen&sort=-lasting", "/now/4103"],
    "/units/{unit:path}": ["/units/U1", "/units/U3?lang=en"],
    "/sheets/{unit:path}": ["/sheets/U1", "/sheets/U1?period=month"],
    "/stops/{unit:path}": ["/stops/U1", "/stops/U3"],
    "/requests/{code}": ["/requests/41"],
    "/checks/{code}": ["/checks/41"],
    "/positions/{position:path}": ["/positions/P1", "/positions/P6"],
    "/definitions": ["/definitions"],
}
"""Route -> pages of it that differ."""
SEEN_BY = {"/login": "", "/login?lang=en": "", "/link/x": "", "/stops/U1": "school1"}
"""Page -> who sees it, "" for nobody; all others the province."""
REFUSED = ["/places/no-such", "/places/41?sort=x"]
NO_PAGES = {"/", "/logout", "/style.css"}
"""They lead on, or are none."""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    try:
        browser = Chromium()
    except Missing as missing:
        pytest.skip(str(missing))
    with browser:
        yield browser


def enter(chromium: Chromium, served: Served, name: str, path: str) -> None:
    """`name`: of an account that is logged in, "" for nobody."""
    site = f"http://127.0.0.1:{served.port}"
    token = served.browser(name).cookies[served.site.cookie] if name else "nobody"
    chromium.cookie(site, served.site.cookie, token)
    chromium.open(site + path)


def test_every_kind_of_page_is_looked_at() -> None:
    """A new route says which pages it has, or that it has none."""
    assert {route.path for route in ROUTES if not route.path.startswith("/api/")} == set(KINDS) | NO_PAGES


@pytest.mark.parametrize("width", WIDTHS)
def test_axe_finds_nothing_serious(chromium: Chromium, served: Served, width: int) -> None:
    """On each kind of page: names, contrast, structure, what a screen reader needs."""
    try:
        script = axe.script()
    except axe.Missing as missing:
        pytest.skip(str(missing))
    chromium.look(width)
    found = {}
    for path in [*(path for paths in KINDS.values() for path in paths), *REFUSED]:
        enter(chromium, served, SEEN_BY.get(path, "sheng"), path)
        chromium.run(script)
        found[path] = chromium.run(axe.RUN)
    assert {path: its["serious"] for path, its in found.items() if its["serious"]} == {}
    assert all(its["passed"] > 10 for its in found.values()), "axe looked at nothing"


def test_axe_sees_what_is_wrong(chromium: Chromium, served: Served) -> None:
    """The judge of the test before knows a field without a name."""
    try:
        script = axe.script()
    except axe.Missing as missing:
        pytest.skip(str(missing))
    enter(chromium, served, "", "/login")
    chromium.run(
        "document.querySelector('input[name=name]').closest('label').replaceWith(document.createElement('input'))"
    )
    chromium.run(script)
    assert [one["id"] for one in chromium.run(axe.RUN)["serious"]] == ["label"]


# ---- the keyboard alone -------------------------------------------------------------------------

FOCUS = """(() => {
    const all = [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary")]
        .filter(one => one.checkVisibility());
    const one = document.activeElement, box = one.getBoundingClientRect(), style = getComputedStyle(one);
    const inside = box.width > 0 && box.height > 0 && box.bottom > 0 && box.top < innerHeight
        && box.right > 0 && box.left < innerWidth;
    return {at: all.indexOf(one), of: all.length, what: one.outerHTML.slice(0, 120), inside: inside,
        ring: style.outlineStyle != "none" && parseFloat(style.outlineWidth) >= 2};
})()"""
"""Where the focus is among all that can have it, in the order of the text, and whether it is seen."""


TO_THE_BEGIN = "document.body.tabIndex = -1; document.body.focus(); document.body.removeAttribute('tabindex')"
"""From where a field of the page has the focus already."""


def stops(chromium: Chromium) -> Iterator[dict[str, Any]]:
    """Where Tab leads, from the begin of the page to its last stop: a field of several parts is one."""
    before, pressed = -1, 0
    while True:
        chromium.press("Tab")
        pressed += 1
        told = chromium.run(FOCUS)
        if told["at"] != before:
            yield told
        before = told["at"]
        if before == told["of"] - 1:
            return
        assert pressed < 2 * told["of"] + 20, f"no way on from {told['what']}"


@pytest.mark.parametrize("width", WIDTHS)
def test_tab_goes_through_every_page_in_its_order(chromium: Chromium, served: Served, width: int) -> None:
    """Each link, button and field once, in the order of the text, with a ring around it and on the screen; the first
    one leads over the head to what the page is about.
    """
    chromium.look(width)
    for path in (paths[0] for paths in KINDS.values()):
        name = SEEN_BY.get(path, "sheng")
        enter(chromium, served, name, path)
        chromium.run(TO_THE_BEGIN)
        seen = list(stops(chromium))
        assert [one["at"] for one in seen] == list(range(seen[0]["of"])), (path, seen)
        unseen = [one["what"] for one in seen if not (one["inside"] and one["ring"])]
        assert unseen == [], path
        if name:
            enter(chromium, served, name, path)
            chromium.press("Tab")
            chromium.press("Enter")
            assert chromium.run("document.activeElement.id") == "main", path


def reach(chromium: Chromium, selector: str) -> None:
    """By Tab alone."""
    for _ in range(500):
        if chromium.run(f"document.activeElement.matches({json.dumps(selector)})"):
            return
        chromium.press("Tab")
    raise AssertionError(f"Tab does not lead to {selector}")


def follow(chromium: Chromium, selector: str) -> str:
    """To it, and Enter. The path that it leads to."""
    reach(chromium, selector)
    chromium.loading(lambda: chromium.press("Enter"))
    return str(chromium.run("location.pathname + location.search"))


def login(chromium: Chromium, served: Served, name: str) -> str:
    """From the login page, whose first field has the focus: the browser gives it with the first frame it draws."""
    enter(chromium, served, "", "/")
    until(lambda: chromium.run("document.activeElement.name") == "name", "the focus in the first field")
    chromium.write(name)
    chromium.press("Tab")
    chromium.write(PASSWORD)
    chromium.loading(lambda: chromium.press("Enter"))
    return str(chromium.run("location.pathname"))


@pytest.mark.parametrize("width", WIDTHS)
def test_each_role_does_its_job_with_the_keyboard_alone(chromium: Chromium, served: Served, width: int) -> None:
    """From the login on: the province down to a camera and to what a figure means; a county finds a canteen and the
    number to call; a school turns its sheet to the day before; an engineer filters and reads a camera's spans.
    """
    chromium.look(width)
    assert login(chromium, served, "sheng") == "/places/41"
    assert follow(chromium, "td a[href^='/places/4101']") == "/places/4101"
    assert follow(chromium, "td a[href^='/places/410105']") == "/places/410105"
    assert follow(chromium, "td a[href^='/units/U1']") == "/units/U1"
    assert follow(chromium, "td a[href^='/positions/P1']") == "/positions/P1"
    assert follow(chromium, ".tools a[href^='/definitions']") == "/definitions"
    assert follow(chromium, ".tools button") == "/login"

    assert login(chromium, served, "jinshui") == "/places/410105"
    reach(chromium, "input[name=q]")
    chromium.write("第一实验")
    chromium.loading(lambda: chromium.press("Enter"))
    assert chromium.run("document.querySelectorAll('tbody tr').length") == 1
    reach(chromium, "td a[href='tel:037165500000']")

    assert login(chromium, served, "school1") == "/units/U1"
    assert follow(chromium, "a[href^='/sheets/U1']") == "/sheets/U1"
    reach(chromium, "input[type=date]")
    day = chromium.run("document.activeElement.value")
    while chromium.run("document.activeElement.value") == day:  # year, month or day, as the browser orders them
        chromium.press("ArrowDown")
    turned = chromium.run("document.activeElement.value")
    assert follow(chromium, "main form button") == f"/sheets/U1?day={turned}"

    assert login(chromium, served, "fixer") == "/now/4101"
    assert follow(chromium, ".switch a[href*='state=unknown']") == "/now/4101?state=unknown"
    assert follow(chromium, "td a[href^='/units/']").startswith("/units/")
    assert follow(chromium, "td a[href^='/positions/']").startswith("/positions/")
    reach(chromium, "details:not([open]) summary")
    chromium.press("Enter")
    assert chromium.run("document.activeElement.closest('details').open")
