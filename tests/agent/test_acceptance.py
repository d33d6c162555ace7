import json
import os
import pty
import re
import shutil
import subprocess
from base64 import b64decode, b64encode
from datetime import datetime
from html import escape
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import pytest
from msgspec import structs
from PIL import Image

from agent.acceptance import Heading, Inspection, page
from agent.acceptance.proofs import basis
from agent.acceptance.report import SHANGHAI, Report
from agent.decide.judge import judge
from agent.model import (
    UNASKED,
    Camera,
    Capabilities,
    ClockReading,
    Device,
    EncoderOptions,
    Evidence,
    Look,
    Movement,
    NotSeen,
    Picture,
    Profile,
    Resolution,
    Seen,
    Service,
    Stream,
    StreamUri,
    Talk,
)
from contract.policy import load_policy
from contract.reasons import Finding
from contract.vocabulary import Availability, Clause, Reason, Standing, name
from scripts.stage import tool
from simulator.addresses import random_loopback
from simulator.canteen import CameraSpec, Canteen
from tests.evil import Server
from tests.support.waiting import PATIENCE_S

POLICY = load_policy("henan-2021-45")
HOSTILE = (
    "<script>alert(1)</script>",
    "</td></tr></table>",
    '"><img src=http://198.51.100.7/x>',
    "&lt;b&gt;",
    "\u202egnp.exe\u2066",
    "{{7*7}}$title",
    "]]>-->",
    "长" * 180,
    "W" * 180,
)
LISTS = ("GetServices", "GetCapabilities")
HD, FULL_HD = Resolution(width=1280, height=720), Resolution(width=1920, height=1080)
JPEG = b64decode(
    "/9j/4AAQSkZJRgABAQEASABIAAD/2wBDAP//////////////////////////////////////////////////////////////////////////////"
    "////////wAALCAABAAEBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAAA//EABQQAQAAAAAAAAAAAAAAAAAAAAD/2gAIAQEAAD8AN//Z"
)
"""One pixel."""


# ---- cameras ------------------------------------------------------------------------------------


def inspection(slot: str = "cook-1", text: str = "烹饪间", **fields: object) -> Inspection:
    """A 720p camera without head, imaging or sound that could do 1080p; `text` stands wherever it can say anything."""
    profile = Profile(token=text, media="media", encoder="e", encoding="H264", resolution=HD)
    services = ("device", "media")
    capabilities = Capabilities(
        device=Seen(value=Device(manufacturer=text, model=text, firmware=text, serial=text, hardware=text, mac=text)),
        services=Seen(value=tuple(Service(name=n, port=80, path="/", claimed_by=LISTS) for n in services)),
        profiles=Seen(value=(profile,)),
        encoder_options=Seen(
            value=(EncoderOptions(token="e", media="media", encoding="H264", resolutions=(HD, FULL_HD)),)
        ),
        audio_outputs=NotSeen(reason=Reason.UNSUPPORTED, detail=text),
        stream_uri=Seen(value=StreamUri(profile="p", port=554, path="/1", foreign_host="10.9.8.7")),
        notes=(f"XAddr names another host: {text}", "clock_skew +3600 s", text),
    )
    look = Look(
        at=1,
        took_s=0.1,
        tcp=Seen(value=(80, 554)),
        clock=Seen(value=ClockReading(skew_s=3600.0)),
        stream=Seen(value=Stream(path="/user=admin&password=geheim", media=("video H264",), codec="H264")),
    )
    picture = Seen(value=Picture(source="main", width=1280, height=720, codec="h264"))
    evidence = Evidence(slot=slot, look=look, capabilities=capabilities, picture=picture)
    evidence = structs.replace(evidence, **fields)
    camera = Camera(slot=slot, name=text, zone=text, address="192.168.1.64", channel="")
    return Inspection(camera, evidence, judge(evidence, POLICY))


def gone(slot: str = "gate-1") -> Inspection:
    missing = NotSeen(reason=Reason.UNREACHABLE, detail="Connection refused at port 554")
    look = Look(at=1, took_s=5.0, tcp=missing, clock=missing, stream=missing)
    told = Capabilities(device=missing, services=missing, profiles=missing, nodes=missing, audio_outputs=missing)
    return inspection(slot, "收货口", look=look, capabilities=told, picture=UNASKED)


def moved(slot: str = "dome-1") -> Inspection:
    return inspection(
        slot,
        "备餐间",
        picture=Seen(value=Picture(source="main", width=1280, height=720, codec="h264", faults=("blur", "new_code"))),
        movement=Movement(restored=False, faults=("runs_on",)),
        talk=Talk(half_duplex=True, vendor="isapi"),
    )


def report(*inspections: Inspection, lang: str = "zh", pictures: dict[str, bytes] | None = None) -> str:
    heading = Heading(
        gateway="zz-no7-school",
        policy=POLICY,
        version="canteen-agent 0.1.0",
        at=datetime(2026, 11, 2, 9, 5, tzinfo=SHANGHAI),
        took_s=12.4,
        clock_synced=True,
    )
    return page(inspections, heading, lang=lang, pictures=pictures)


# ---- reading pages ------------------------------------------------------------------------------


class Reader(HTMLParser):
    """Every element with its attributes and the text in it; `broken` when an end does not match its start."""

    VOID = ("meta", "img")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.broken: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None], list[str]]] = []
        self._within: list[list[str]] = []
        self.feed(text)
        self.close()
        self.broken += self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs), []))
        if tag not in self.VOID:
            self.open.append(tag)
            self._within.append(self.elements[-1][2])

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open[-1] != tag:
            self.broken.append(f"</{tag}> within {self.open}")
            return
        self.open.pop()
        self._within.pop()

    def handle_data(self, data: str) -> None:
        for texts in self._within:
            texts.append(data)

    def texts(self, tag: str, **wanted: str) -> list[str]:
        """Text of every such element."""
        return ["".join(texts) for t, a, texts in self.elements if t == tag and wanted.items() <= a.items()]

    @property
    def tags(self) -> set[str]:
        return {tag for tag, _, _ in self.elements}


ALLOWED = {"html", "head", "meta", "title", "style", "body", "main", "section", "div", "h1", "h2", "h3", "h4", "p"}
ALLOWED |= {"table", "thead", "tbody", "tr", "th", "td", "dl", "dt", "dd", "ul", "li", "a", "b", "bdi", "small", "span"}


def tasks(page_: str) -> dict[str, list[str]]:
    """What to do -> where, from the list on the page."""
    rows = re.findall(r'<tr id="task-\d+">(.*?)</tr>', page_)
    read = [Reader(row) for row in rows]
    return {one.texts("td")[1]: one.texts("li") for one in read}


# ---- structure ----------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("text", HOSTILE)
def test_text_of_a_camera_stays_text(text: str, lang: str) -> None:
    """Whatever a camera is called or calls itself, the page keeps its elements, balanced, and links nowhere."""
    plain, hostile = (Reader(report(inspection(text=t), lang=lang)) for t in ("name", text))
    assert not hostile.broken
    assert hostile.tags <= ALLOWED
    assert [tag for tag, _, _ in hostile.elements] == [tag for tag, _, _ in plain.elements]
    assert all("//" not in (value or "") for _, attributes, _ in hostile.elements for value in attributes.values())
    shown = "".join(hostile.texts("body"))
    assert all(character.isprintable() for character in shown), "bidi and control characters are gone"


@pytest.mark.parametrize("text", ["<script>", "</td>", '"><img src=x>', "&lt;b&gt;"])
def test_a_hostile_name_is_shown_as_it_is(text: str) -> None:
    """Escaping loses nothing: a person reads the very characters that the camera sent."""
    read = Reader(report(inspection(text=text)))
    assert read.texts("h3") == [f"1. {text} 192.168.1.64"]
    assert escape(text) in report(inspection(text=text))


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_clause_of_every_camera_is_on_the_page(lang: str) -> None:
    """Each camera has its section, each clause its row with standing and level, in the order of the clauses."""
    cast = [inspection(), gone(), moved()]
    sections = re.findall(r"<section.*?</section>", report(*cast, lang=lang))
    assert len(sections) == len(cast)
    for section, one in zip(sections, cast, strict=True):
        rows = re.findall(r"<tr><th scope=\"row\">(.*?)</tr>", section)
        for row, clause, verdict in zip(rows, Clause, one.verdicts, strict=True):
            shown = "".join(Reader(f"<tr><th>{row}</tr>").texts("tr"))
            assert shown.startswith(name(clause, lang))
            offline = clause is Clause.ONLINE and verdict.standing is Standing.NOT_MET
            assert name(Availability.OFFLINE if offline else verdict.standing, lang) in shown
            assert f"{verdict.level} {name(verdict.level, lang)}" in shown


def test_nothing_is_loaded_and_nothing_runs() -> None:
    """The page is one file: no script, no address but anchors of its own, and a policy that would refuse both."""
    text = report(inspection(), gone(), moved(), pictures={"cook-1": JPEG})
    read = Reader(text)
    references = [a[key] for _, a, _ in read.elements for key in ("src", "href") if key in a]
    assert references
    assert all(one and re.match(r"#(camera|task)-\d+$|data:image/jpeg;base64,", one) for one in references)
    assert not re.search(r"url\(|@import|<script|\son\w+=", text)
    (policy,) = (a["content"] for _, a, _ in read.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def test_links_lead_somewhere() -> None:
    """A task leads to its camera and a camera to its tasks."""
    read = Reader(report(inspection(), gone(), moved()))
    places = {attributes["id"] for _, attributes, _ in read.elements if "id" in attributes}
    links = {str(attributes["href"])[1:] for tag, attributes, _ in read.elements if tag == "a"}
    assert links
    assert links <= places


# ---- what is said -------------------------------------------------------------------------------


def test_a_low_setting_is_told_from_what_to_what_and_where() -> None:
    """The electrician reads the setting, what the camera can do, and where to change it; once for both clauses."""
    said = "主码流分辨率为1280×720，设备支持1920×1080：在摄像机网页 配置→视音频→视频 中改为1080P。"
    assert tasks(report(inspection()))[said] == ["☐ 烹饪间 192.168.1.64200万像素、1080P高清"]
    assert "The main stream runs at 1280×720, the camera can do 1920×1080" in report(inspection(), lang="en")


def test_a_remedy_is_listed_once_with_all_its_cameras() -> None:
    """Work is ordered by what hinders the rest, and the same work at several cameras is one task."""
    found = tasks(report(inspection("a", "甲"), gone("b"), inspection("c", "丙")))
    assert [len(places) for text, places in found.items() if "1920×1080" in text] == [2]
    assert "连接不上" in next(iter(found))
    assert next(iter(found.values())) == ["☐ 收货口 192.168.1.64全部条款"]
    assert "不支持此功能" in list(found)[-1]


def test_counts_are_counts() -> None:
    """The summary counts cameras per clause and standing, and shows no share that could be read as a pass."""
    text = report(inspection("a"), gone("b"), inspection("c"))
    table = text[text.index('class="summary"') : text.index("</table>")]
    rows = [Reader(f"<tr>{row}</tr>").texts("td")[1:] for row in re.findall(r"<tr><th scope.*?>(.*?)</tr>", table)]
    standings = {v.clause: v.standing for v in inspection().verdicts}
    assert standings[Clause.ONLINE] is Standing.MET
    assert rows[-1] == ["2", "1", "0", "0"]
    assert [sum(map(int, row)) for row in rows] == [3] * len(Clause)
    assert "%" not in text[text.index("<main>") : text.index("</section><div")], "down to the last camera"


def test_oddities_are_noted() -> None:
    """Clock, foreign address, picture faults, movement faults and a view not restored stand on the camera's card."""
    text = report(moved())
    for said in ("快 3600 秒", "10.9.8.7", "画面模糊", "new_code", "没有回到原来的位置", "仍在转动", "半双工", "isapi"):
        assert said in text
    assert any("擦拭镜头" in one for one in tasks(text))
    assert "3600" not in report(gone())


def test_a_path_that_may_hold_a_password_is_not_printed() -> None:
    """Stream paths of some cameras carry the login; no page shows one."""
    assert "geheim" not in report(inspection())


def test_pictures_are_in_it_only_when_given() -> None:
    """Without pictures the page says so; with them it says they are confidential; what is no JPEG is left out."""
    without, with_ = report(inspection()), report(inspection(), gone(), pictures={"cook-1": JPEG, "gate-1": b"<svg>"})
    assert "不含监控画面" in without
    assert "<img" not in without
    assert "须妥善保管" in with_
    assert with_.count("<img") == 1
    assert b64encode(JPEG).decode() in with_
    assert "没有取到画面" in with_
    assert "没有取到画面" in report(inspection(), pictures={"cook-1": JPEG * 3000})


def test_a_canteen_without_cameras_has_a_page_too() -> None:
    """No camera is said, not shown as an empty success."""
    text = report()
    assert "配置中没有摄像机" in text
    assert not Reader(text).broken


@pytest.mark.parametrize(
    ("proofs", "said"),
    [
        (("GetNodes: none",), "云台节点 GetNodes：无"),
        (("TCP: answered", "clock: answered"), "端口连接 TCP、时钟查询 clock：有应答"),
        (
            ("GetProfiles: TIMED_OUT no complete answer in time",),
            "视频配置 GetProfiles：应答超时（时限内没有完整应答）",
        ),
        (("media2 profile main: H265 2560x1440",), "视频配置 main（media2）：H265 2560×1440"),
        (
            ("GetConfigurationOptions 0: absolute pan_tilt http://x/SphericalPositionSpaceDegrees -180..180",),
            "云台选项 GetConfigurationOptions 0：水平俯仰，绝对移动，SphericalPositionSpaceDegrees -180 至 180",
        ),
        (("SETUP of the talk track: BUSY 453",), "对讲通道 SETUP：设备忙（453）"),
        (("a proof of a later version: 7",), "a proof of a later version: 7"),
    ],
)
def test_proofs_are_told_in_words(proofs: tuple[str, ...], said: str) -> None:
    """What a verdict rests on is Chinese in a Chinese report; what is not known is shown as it is."""
    assert basis(proofs, "zh") == said
    assert basis(proofs, "en") == "; ".join(proofs)


# ---- the file -----------------------------------------------------------------------------------


def test_a_report_never_overwrites(tmp_path: Path) -> None:
    """A file that is there already stays as it is, whether it was there before asking or came meanwhile."""
    first = Report(tmp_path / "reports", "zz-no7-school")
    assert re.fullmatch(r"inspection-zz-no7-school-\d{8}-\d{4}\.html", first.path.name)
    assert not first.path.exists()
    first.path.write_text("mine")
    with pytest.raises(FileExistsError, match="no report is overwritten"):
        first.write([], POLICY, "zz-no7-school", lang="zh", clock_synced=True)
    assert first.path.read_text() == "mine"


def test_pictures_are_for_the_owner_alone(tmp_path: Path) -> None:
    """A page with pictures is readable by its owner only."""
    one = Report(tmp_path, "192.168.1.64:8000")
    one.write([inspection()], POLICY, "", lang="zh", clock_synced=False, pictures={})
    assert one.path.name.startswith("inspection-192.168.1.64-8000-")
    assert one.path.stat().st_mode & 0o777 == 0o600
    assert "可能不准" in one.path.read_text()


def test_the_command_writes_the_report_beside_its_json(tmp_path: Path) -> None:
    """`inspect --report DIR` leaves standard output to the JSON, makes DIR and says where the page is."""
    with Canteen([CameraSpec(slot="camera", persona="fixed-720p", user="admin", password="pw")]) as canteen:
        camera = canteen.camera("camera")
        (tmp_path / "pw").write_text("pw\n")
        command = [tool("canteen-agent"), "inspect", "--json", "--lang", "zh", "--report", str(tmp_path / "a" / "b")]
        command += ["--address", f"{camera.address}:{camera.onvif_port}", "--rtsp-port", str(camera.rtsp_port)]
        command += ["--username", "admin", "--password-file", str(tmp_path / "pw"), "--timeout", "20"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert len(json.loads(done.stdout)["verdicts"]) == len(Clause)
    (written,) = (tmp_path / "a" / "b").iterdir()
    assert done.stderr == f"{written}\n"
    assert "设备支持1920×1080" in written.read_text()


@pytest.mark.parametrize("with_pictures", [False, True])
def test_pictures_stand_in_the_report_alone_and_only_when_asked_for(tmp_path: Path, *, with_pictures: bool) -> None:
    """`--with-pictures`: one small JPEG inside the page and nowhere else; without it there is none at all."""
    with Canteen([CameraSpec(slot="camera", persona="fixed-720p", user="admin", password="pw")]) as canteen:
        camera = canteen.camera("camera")
        (tmp_path / "pw").write_text("pw\n")
        command = [tool("canteen-agent"), "inspect", "--json", "--lang", "zh", "--report", str(tmp_path / "reports")]
        command += ["--address", f"{camera.address}:{camera.onvif_port}", "--rtsp-port", str(camera.rtsp_port)]
        command += ["--username", "admin", "--password-file", str(tmp_path / "pw"), "--timeout", "20"]
        command += ["--with-pictures"] if with_pictures else []
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    (written,) = (tmp_path / "reports").iterdir()
    found = re.findall(r"data:image/jpeg;base64,([A-Za-z0-9+/=]+)", written.read_text())
    assert len(found) == with_pictures
    for picture in found:
        shown = Image.open(BytesIO(b64decode(picture)))
        shown.load()
        assert shown.size == (480, 270)
    assert ("须妥善保管" in written.read_text()) is with_pictures
    assert b64encode(b"\xff\xd8\xff\xe0").decode()[:5] not in done.stdout
    assert {path.name for path in tmp_path.iterdir()} == {"pw", "reports"}


def test_progress_is_shown_on_a_terminal_alone(tmp_path: Path) -> None:
    """The bar goes to standard error when that is a terminal, and never into what standard output carries."""
    ours, theirs = pty.openpty()
    command = [tool("canteen-agent"), "inspect", "--json", "--lang", "zh", "--address", random_loopback()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, text=True) as process:
        os.close(theirs)
        shown = b"".join(iter(lambda: until_closed(ours), b"")).decode()
        assert process.stdout
        told = process.stdout.read()
    os.close(ours)
    assert json.loads(told)["verdicts"]
    assert "检测摄像机" in shown
    assert "3/3" in shown


def until_closed(terminal: int) -> bytes:
    """What the terminal got; b"" once nobody writes to it any more (Linux says EIO then)."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""


def test_a_place_that_cannot_be_written_is_said_before_any_camera_is_asked(tmp_path: Path) -> None:
    """Exit 2 with the path and the cause, at once, and no camera was spoken to."""
    (tmp_path / "file").write_text("")
    spoken_to: list[object] = []
    with Server(spoken_to.append) as camera:  # none that another test's agent discovers, and asks
        command = [tool("canteen-agent"), "inspect", "--address", f"{camera.address}:{camera.port}"]
        command += ["--lang", "en", "--report", str(tmp_path / "file" / "reports")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert not spoken_to
    assert done.returncode == 2
    assert done.stderr.startswith(f"canteen-agent: cannot write the report: {tmp_path / 'file'}")
    assert "a file stands where its folder should be" in done.stderr


# ---- in a browser -------------------------------------------------------------------------------

PROBE = """<!DOCTYPE html><meta charset="utf-8"><body><p id="told">waiting</p><script>
const frame = document.createElement("iframe");
frame.style = "border: 0; width: 390px; height: 800px";
frame.srcdoc = %s;
frame.onload = () => {
  const page = frame.contentDocument, wide = page.documentElement.scrollWidth, errors = page.images.length &&
    [...page.images].filter(image => !image.naturalWidth).length;
  const over = [...page.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > 390.5).length;
  const lines = page.querySelectorAll("tr").length;
  document.getElementById("told").textContent = JSON.stringify({wide, over, lines, errors});
};
document.body.append(frame);
</script>"""


@pytest.fixture(scope="module")
def browser() -> str:
    found = shutil.which("chromium")
    if not found:
        pytest.skip("Chromium is not installed (Debian: chromium)")
    return found


def rendered(browser: str, folder: Path, page_: str) -> tuple[dict[str, int], list[str]]:
    """What a browser says of the page in a window of 390 px: widths and counts, and the lines of its console."""
    folder.mkdir()
    script = json.dumps(page_).replace("</", "<\\/")
    (folder / "probe.html").write_text(PROBE % script, encoding="utf-8")
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
    command += ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars"]
    command += [f"--user-data-dir={folder / 'profile'}", "--enable-logging=stderr", "--virtual-time-budget=5000"]
    command += ["--window-size=800,900", "--dump-dom", (folder / "probe.html").as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    told = Reader(done.stdout).texts("p", id="told")
    assert told, f"the browser said nothing: {done.stderr[-1000:]}"
    return json.loads(told[0]), [line for line in done.stderr.splitlines() if "CONSOLE" in line]


def test_it_fits_a_phone_and_the_console_is_silent(browser: str, tmp_path: Path) -> None:
    """At 390 px nothing reaches beyond the screen, pictures decode, and the browser complains of nothing."""
    cast = [inspection(), gone(), moved(), *(inspection(f"hostile-{i}", text) for i, text in enumerate(HOSTILE))]
    said, console = rendered(browser, tmp_path / "ours", report(*cast, pictures={"cook-1": JPEG}))
    assert said["lines"] > len(cast) * len(Clause)
    assert (said["wide"], said["over"], said["errors"], console) == (390, 0, 0, [])


def test_the_phone_test_sees_what_is_wrong(browser: str, tmp_path: Path) -> None:
    """The same probe sees a page that is too wide, and one that tries to fetch what its policy forbids."""
    bad = report(inspection()).replace(
        "</main>", '<div style="width:600px">x</div><img src="https://127.0.0.1/x"></main>'
    )
    said, console = rendered(browser, tmp_path / "bad", bad)
    assert said["wide"] > 390
    assert said["over"]
    assert any("Content Security Policy" in line for line in console)


@pytest.mark.parametrize(
    ("picture", "remedy"),
    [
        (NotSeen(reason=Reason.TIMED_OUT, detail="no keyframe in time", finding=Finding.NO_KEYFRAME), "关闭 H.264+"),
        (Seen(value=Picture(source="main", width=1280, height=720, finding=Finding.NO_KEYFRAME)), "关闭 H.264+"),
        (NotSeen(reason=Reason.UNASKED, detail="no decoder here for SVAC", finding=Finding.NO_DECODER), "SVAC"),
        (
            NotSeen(reason=Reason.UNASKED, detail="no decoder here for JPEG", finding=Finding.MJPEG_ONLY),
            "H.264 或 H.265",
        ),
        (NotSeen(reason=Reason.UNSUPPORTED, detail="RTSP 461", finding=Finding.UDP_ONLY), "UDP"),
        (NotSeen(reason=Reason.BUSY, detail="RTSP 453"), "留出一路"),
    ],
)
def test_why_there_is_no_picture_is_work_to_do(picture: Seen[Picture] | NotSeen, remedy: str) -> None:
    """An online camera of which no picture can be had stands in the list of work, once, with what mends it."""
    text = report(inspection("a", picture=picture), inspection("b", picture=picture))
    (work,) = [places for said, places in tasks(text).items() if remedy in said]
    assert len(work) == 2
