"""From the lists to messages: one for a cause, with others of it, at its time, and its end; over restarts as well."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from center.cli import main
from center.store import Store
from tests.center.messages.world import BOXES, DAY, HOUR, MINUTE, NOON, RULES, World, acts, cases


@pytest.fixture
def world(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("S", "secret")
    made = World(url, tmp_path)
    yield made
    made.close()


def test_all_in_order_tells_nothing(world: World) -> None:
    """Nobody hears that nothing is wrong."""
    assert world.go(10 * MINUTE) == []


def test_a_dark_gateway_is_one_message_and_never_offline(world: World) -> None:
    """Its two cameras are not told; the county and its school hear that they are unknown."""
    world.dark.add(BOXES[0])
    told = world.go(10 * MINUTE)
    assert acts(told) == [("one", "first"), ("school", "first")]
    assert "未知（不是离线）" in told[0].text
    assert "第0小学食堂 zz-0000：网关失联" in told[0].subject
    assert "王芳 0371-65500000" in told[0].text
    assert [(one["kind"], one["region"], one["members"]) for one in cases(told[0])] == [("gateway", "410105", 1)]


def test_a_blip_is_not_told(world: World) -> None:
    """What is back within the delay is no message, and its end is none."""
    world.dark.add(BOXES[0])
    assert world.go(4 * MINUTE) == []
    world.dark.clear()
    assert world.go(10 * MINUTE) == []


def test_a_county_that_went_dark_together_is_one_message(world: World) -> None:
    """County, city and the school of one of them hear of it once; who falls silent a little later joins it."""
    world.dark.update(BOXES[:4])
    told = world.go(8 * MINUTE)
    assert acts(told) == [("city", "first"), ("one", "first"), ("school", "first")]
    assert [(one["kind"], one["members"]) for one in cases(told[1])] == [("county", 4)]
    assert "4 个网关同时失联" in told[1].subject
    assert "第3小学食堂" in told[1].text
    assert "第0小学食堂" in told[2].text
    assert "第1小学" not in told[2].text + told[2].body, "a school hears of no other school"
    world.dark.add(BOXES[4])
    assert world.go(10 * MINUTE) == []
    world.dark.clear()
    over = world.go(2 * MINUTE)
    assert acts(over) == [("city", "recovery"), ("one", "recovery"), ("school", "recovery")]
    assert cases(over[0])[0]["members"] == 5


def test_offline_cameras_of_a_unit_are_one_message(world: World) -> None:
    """With place and cause of each; a gateway that falls silent makes them unknown, which is no recovery."""
    world.told(BOXES[1], "k1", "offline", "REFUSED")
    world.go(MINUTE)
    world.told(BOXES[1], "k2", "offline", "UNREACHABLE")
    told = world.go(6 * MINUTE)
    assert acts(told) == [("one", "first")]
    assert "2 路摄像机离线" in told[0].subject
    assert "烹饪间k1 拒绝登录" in told[0].text
    world.dark.add(BOXES[1])
    assert acts(world.go(10 * MINUTE)) == [("one", "first")]
    assert world.go(50 * MINUTE, 5 * MINUTE) == [], "nothing is reminded of that is unknown"
    world.dark.clear()
    assert acts(world.go(2 * MINUTE)) == [("one", "recovery"), ("one", "reminder")]
    for slot in ("k1", "k2"):
        world.told(BOXES[1], slot, "online")
    assert acts(world.go(2 * MINUTE)) == [("one", "recovery")]


def test_reminders_after_an_hour_and_a_day_then_the_end(world: World) -> None:
    """Counted from the first message; then none."""
    world.dark.add(BOXES[7])
    first = world.go(5 * MINUTE)
    assert acts(first) == [("two", "first")]
    assert world.go(59 * MINUTE, 5 * MINUTE) == []
    assert acts(world.go(MINUTE)) == [("two", "reminder")]
    assert acts(world.go(DAY, HOUR)) == [("two", "reminder")]
    assert world.go(3 * DAY, 6 * HOUR) == []
    world.dark.clear()
    over = world.go(MINUTE)
    assert acts(over) == [("two", "recovery")]
    assert "已恢复" in over[0].text


def test_reminders_that_fell_due_while_nobody_worked_are_one(world: World) -> None:
    """A process that was away for two days reminds once."""
    world.dark.add(BOXES[7])
    world.go(5 * MINUTE)
    assert acts(world.go(2 * DAY, 2 * DAY)) == [("two", "reminder")]


def test_quiet_hours_keep_messages_and_forget_what_was_over(url: str, tmp_path: Path, monkeypatch) -> None:
    """None is sent in them; what still stands is told when they end, what passed in them is not."""
    monkeypatch.setenv("S", "secret")
    world = World(url, tmp_path, "quiet: 22:00-07:00\nurgent: [center]\n" + RULES, NOON + 10 * HOUR)
    world.dark.update((BOXES[0], BOXES[7]))
    assert world.go(HOUR) == []
    world.dark.remove(BOXES[7])
    assert world.go(7 * HOUR + 59 * MINUTE, 7 * MINUTE) == []
    assert acts(world.go(MINUTE)) == [("one", "first"), ("school", "first")]
    world.close()


def test_the_platforms_own_outage_is_told_to_the_operator_alone(world: World) -> None:
    """No gateway is judged while the center hears nothing, nor before it has heard for long enough again."""
    world.down = True
    told = world.go(50 * MINUTE, 5 * MINUTE)
    assert acts(told) == [("operator", "first")]
    assert "平台自身故障" in told[0].subject
    world.up_again()
    assert acts(world.go(10 * MINUTE)) == [("operator", "recovery")]
    world.dark.add(BOXES[7])
    world.go(6 * MINUTE)
    world.down = True
    silence = world.go(2 * HOUR, 5 * MINUTE)
    assert {post.receiver for post in silence} == {"operator"}, "nor is anybody reminded of what is not known now"
    world.dark.clear()
    world.dark.add(BOXES[0])
    world.up_again()
    assert acts(world.go(2 * MINUTE)) == [("operator", "recovery"), ("two", "recovery")]
    assert acts(world.go(10 * MINUTE)) == [("one", "first"), ("school", "first")]


def test_acknowledged_means_no_reminders_until_it_was_to_be_mended(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its end is told; where it is not mended by then, it is reminded of once."""
    world.dark.add(BOXES[7])
    world.go(5 * MINUTE)
    with world.store.write() as tx:
        tx.acknowledge_case(1, "王芳", "停电", world.now, world.now + 5 * HOUR)
    assert world.go(5 * HOUR - MINUTE, 20 * MINUTE) == []
    assert acts(world.go(10 * MINUTE)) == [("two", "reminder")]
    assert world.go(2 * DAY, 6 * HOUR) == []
    world.dark.clear()
    assert acts(world.go(MINUTE)) == [("two", "recovery")]
    words = ("messages", "acknowledge", "1", "--database", world.database, "--by", "x")
    assert main([*words, "--lang", "en"]) == 2
    assert "no such case, or it is over" in capsys.readouterr().err


def test_a_gateway_that_left_the_registry_is_not_said_to_be_well(world: World) -> None:
    """Its end says that it is followed no more."""
    world.dark.add(BOXES[7])
    world.go(5 * MINUTE)
    sheet = world_file(world, f"gateway,city,revoked_at\n{BOXES[7]},4101,2026-11-01 12:06\n")
    assert main(["registry", "import", sheet, "--database", world.database]) == 0
    over = world.go(5 * MINUTE)
    assert acts(over) == [("two", "recovery")]
    assert "已不在登记表中" in over[0].text
    assert "已恢复，历时" not in over[0].text


def world_file(world: World, text: str) -> str:
    file = Path(world.database.partition("?")[0] if "://" not in world.database else "/tmp").parent / "gateways.csv"
    file.write_text(text, "utf-8")
    return str(file)


def test_many_causes_at_one_time_are_one_message_for_a_receiver(world: World) -> None:
    """Four units with offline cameras are one message that names them; each is a case of its own."""
    for box in BOXES[:4]:
        world.told(box, "k1", "offline", "REFUSED")
    told = [post for post in world.go(6 * MINUTE) if post.receiver == "one"]
    assert len(told) == 1
    assert len(cases(told[0])) == 4
    for box in BOXES[:2]:
        world.told(box, "k1", "online")
    assert [len(cases(post)) for post in world.go(MINUTE) if post.receiver == "one"] == [1, 1]


# ---- whatever happens ---------------------------------------------------------------------------

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("dark"), st.sampled_from(BOXES)),
        st.tuples(st.just("back"), st.sampled_from(BOXES)),
        st.tuples(st.just("time"), st.sampled_from([MINUTE, 3 * MINUTE, 7 * MINUTE, HOUR])),
        st.tuples(st.just("restart"), st.none()),
        st.tuples(st.just("county"), st.none()),
    ),
    max_size=14,
)


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(STEPS, st.booleans())
def test_each_cause_has_one_first_message_and_one_end(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, object]], quiet: bool
) -> None:
    """However gateways come and go and the process ends: for each case and receiver first, reminders, end, in order;
    none in quiet hours; what lasts is told; and when all is well for long nobody who was told waits for the end.
    """
    folder = tmp_path_factory.mktemp("world")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("S", "secret")
        rules = ("quiet: 12:02-12:50\n" if quiet else "") + RULES
        world = World(str(folder / "center.db"), folder, rules)
        for act, value in steps:
            if act == "dark":
                world.dark.add(str(value))
            elif act == "county":
                world.dark.update(BOXES[:5])
            elif act == "back":
                world.dark.discard(str(value))
            elif act == "restart":
                world.restart()
            else:
                world.go(int(str(value)), 3 * MINUTE)
        world.go(70 * MINUTE, 5 * MINUTE)
        nobody_is_forgotten(world)
        world.dark.clear()
        world.go(2 * HOUR, 10 * MINUTE)
        check(world)
        world.close()


def nobody_is_forgotten(world: World) -> None:
    """Each gateway that is dark for long stands in a case that its county was told of."""
    told = {(post.receiver, one["id"]) for post in world.posts() for one in cases(post)}
    with world.store.read() as reader:
        held = reader.held("gateway")
    assert set(held) == world.dark
    for cause in held.values():
        receiver = "one" if cause.region == "410105" else "two"
        assert (receiver, cause.case_id) in told, cause


def check(world: World) -> None:
    seen: dict[tuple[str, int], list[str]] = {}
    for post in world.posts():
        minute = (post.created_ms + 8 * HOUR) % DAY // MINUTE
        assert not ("quiet:" in world.quiet and 12 * 60 + 2 <= minute < 12 * 60 + 50), "a message in quiet hours"
        for one in cases(post):
            seen.setdefault((post.receiver, one["id"]), []).append(post.act)
    for key, told in seen.items():
        assert told[0] == "first", key
        assert told[-1] == "recovery", key
        assert told.count("first") == told.count("recovery") == 1, key
        assert set(told[1:-1]) <= {"reminder"}, key
    with world.store.read() as reader:
        assert reader.owed_to() == []
        assert all(case.ended_ms for case in reader.cases_since(0, 1000))


def test_rules_that_name_a_receiver_no_more_send_it_nothing(world: World) -> None:
    """What waited for it is dropped and said so."""
    world.dark.add(BOXES[7])
    world.go(5 * MINUTE)
    lines = [line for line in RULES.splitlines() if "name: two" not in line]
    world.rules("\n".join(lines))
    assert [(post.state, post.said) for post in world.posts()] == [("dropped", "no_receiver")]
    world.dark.clear()
    assert world.go(5 * MINUTE) == []


def test_an_alarm_of_a_gateway_is_told_once_and_has_no_end(world: World) -> None:
    """The same again within a day is the same; the operator hears of it."""
    from center.record import Recorder
    from tests.center.letters import event, events, letter

    def alarm(seq: int) -> None:
        store = Store(world.database)
        told = event(seq, "conflict", 5, slot="k1", identity="m1", addresses=["a", "b"])
        Recorder(store).record([letter("ev", events(told), world.now, BOXES[0])])
        store.close()

    world.go(MINUTE)
    alarm(900)
    told = world.go(2 * MINUTE)
    assert acts(told) == [("operator", "first")]
    assert json.loads(told[0].body)["cases"][0]["detail"] == "conflict"
    alarm(901)
    assert world.go(2 * HOUR, 30 * MINUTE) == []
    assert world.go(2 * DAY, 6 * HOUR) == []
