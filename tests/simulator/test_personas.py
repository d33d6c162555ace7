"""The shipped data."""

from pathlib import Path

import pytest

import simulator
from contract.strict_yaml import ConfigError
from contract.vocabulary import Clause
from simulator import scenario
from simulator.persona import ends_of, personas, size_of


def test_every_persona_says_what_to_expect_of_every_clause() -> None:
    """A persona without an expectation for a clause could not be judged wrong."""
    for name, persona in personas().items():
        assert set(persona.expect) == set(Clause), name
        assert set(persona.expect_moved) <= set(Clause), name
        assert all(persona.expect[clause] is not standing for clause, standing in persona.expect_moved.items()), name
        assert bool(persona.expect_talk) == (persona.audio.backchannel in {"offered", "always"}), name


def test_every_persona_is_of_one_piece() -> None:
    """Sizes, ranges and refusals of all personas can be read, and tokens are unique."""
    for persona in personas().values():
        tokens = [profile.token for profile in persona.profiles]
        assert len(set(tokens)) == len(tokens)
        for profile in persona.profiles:
            assert all(side % 2 == 0 for size in (profile.size, *profile.options) for side in size_of(size))
        for space in persona.ptz.spaces if persona.ptz else ():
            low, high = map(float, ends_of(space.x))
            assert low <= high
        assert persona.body.zoom >= 1
        for ends in (persona.body.pan, persona.body.tilt):
            low, high = map(float, ends_of(ends))
            assert -180 <= low <= 360
            assert -180 <= high <= 360
        for key in persona.refuses:
            assert key.partition(".")[0] in {"device", "media", "media2", "ptz", "imaging", "deviceio"}


def test_the_demo_scenario_has_six_different_cameras_on_ports_anyone_may_use() -> None:
    """The example runs without root: ports from 1024 up, addresses in 127.0.10.x."""
    path = Path(simulator.__file__).parent / "scenarios" / "demo.yaml"
    specs = scenario.load(path).specs(path.parent)
    assert len({spec.persona for spec in specs}) == 6
    assert all(spec.address.startswith("127.0.10.") for spec in specs)
    assert all(min(spec.onvif_port, spec.rtsp_port) >= 1024 for spec in specs)
    assert all(spec.persona in personas() for spec in specs)


def test_a_scenario_names_everything_that_is_wrong_at_once(tmp_path: Path) -> None:
    """A wrong scenario is refused with each problem and its line."""
    file = tmp_path / "bad.yaml"
    file.write_text(
        "cameras:\n"
        "  - {slot: a, persona: fixed-720p, onvif_prot: 80}\n"
        "  - {slot: b, persona: fixed-720p, rtsp_port: 70000}\n"
        "timeline:\n"
        "  - {at: 20, slot: a, fault: off}\n"
    )
    with pytest.raises(ConfigError) as caught:
        scenario.load(file)
    assert {problem.line for problem in caught.value.problems} == {2, 3, 5}


def test_a_timeline_cannot_name_a_slot_that_no_camera_has(tmp_path: Path) -> None:
    """A stroke against a missing slot is found before anything runs."""
    file = tmp_path / "bad.yaml"
    file.write_text("cameras:\n  - {slot: a, persona: fixed-720p}\ntimeline:\n  - {at: 1s, slot: b, fault: off}\n")
    with pytest.raises(ConfigError, match="b"):
        scenario.load(file)
