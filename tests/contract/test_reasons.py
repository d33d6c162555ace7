import pytest

from contract.messages import Verdict
from contract.reasons import Finding, explain
from contract.vocabulary import Clause, Level, Reason, Standing


def verdict(clause: Clause, **fields: object) -> Verdict:
    return Verdict(**({"clause": clause, "standing": Standing.NOT_MET, "level": Level.E2} | fields))  # type: ignore[arg-type]


def test_a_low_setting_says_where_to_raise_it() -> None:
    """The electrician reads what is set, what is required and where in the camera's web page to change it."""
    low = verdict(Clause.RESOLUTION_1080P, measured="1280x720", required="1920x1080", reason=Finding.CONFIGURED_LOWER)
    assert explain(low, "zh") == (
        "已配置：1280×720，要求不低于1920×1080。"
        "主码流设置偏低，而设备支持更高：在摄像机网页 配置→视音频→视频 中把主码流分辨率改为1080P或更高。"
    )
    assert explain(low, "en").startswith("configured: 1280×720, required: 1920×1080. The main stream is set too low")


@pytest.mark.parametrize(
    ("measured", "unit", "zh", "en"),
    [
        (355.5, "deg", "355.5°", "355.5°"),
        (360.0, "deg", "360°", "360°"),
        (349.99, "deg", "349.9°", "349.9°"),
        ("unbounded", "deg", "无限位", "unbounded"),
        (921600, "px", "921600像素", "921600 px"),
    ],
)
def test_figures_carry_their_unit(measured: float | str, unit: str, zh: str, en: str) -> None:
    """Whole numbers without a fraction, words translated, units as a reader writes them."""
    found = verdict(Clause.ROTATION_360, measured=measured, required=350, unit=unit)
    assert f"：{zh}，" in explain(found, "zh")
    assert f": {en}, " in explain(found, "en")


def test_zoom_that_is_met_warns_of_digital_zoom() -> None:
    """A declared zoom may be digital, and the reader is told."""
    met = verdict(Clause.ZOOM, standing=Standing.MET)
    assert "数字变焦" in explain(met, "zh")
    assert explain(met, "en") == "ONVIF cannot tell optical from digital zoom."


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("word", [*Reason, *Finding])
def test_every_word_is_explained(word: str, lang: str) -> None:
    """No verdict is left with a bare code word."""
    said = explain(verdict(Clause.FOCUS, reason=word), lang)
    assert said
    assert word not in said


def test_a_word_of_a_later_version_is_shown_as_it_is() -> None:
    """An unknown reason is passed on, not hidden."""
    assert explain(verdict(Clause.FOCUS, reason="NEW_WORD"), "zh") == "NEW_WORD"
