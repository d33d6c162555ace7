"""The rules file: every mistake with its line and what to do; no secret in it, none told of it."""

from pathlib import Path

import pytest

from center.cli import main
from center.messages import engine
from center.messages.engine import Pace, Pending, Running, gather, is_quiet, next_reminder, pause_ms
from center.messages.rules import load
from contract.problems import ConfigError

EXAMPLE = Path(__file__).parents[3] / "config" / "messages.example.yaml"
MINUTE = 60_000


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The one that ships, with the secrets that it names."""
    (tmp_path / "secrets").mkdir()
    for name in ("jinshui-robot", "smtp", "platform"):
        file = tmp_path / "secrets" / name
        file.write_text(f"secret-of-{name}\n")
        file.chmod(0o600)
    monkeypatch.setenv("OPERATOR_ROBOT", "secret-of-operator")
    copy = tmp_path / "messages.yaml"
    copy.write_text(EXAMPLE.read_text("utf-8"), "utf-8")
    return copy


def test_the_example_is_right(example: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`check` lists its receivers with what each is told; and no secret."""
    assert main(["messages", "check", str(example)]) == 0
    out = capsys.readouterr().out
    assert "jinshui  wecom  county  410105  camera gateway county" in out
    assert "operator  wecom  operator  *  alarm center undelivered" in out
    assert "secret-of" not in out
    loaded = load(example)
    assert loaded.secrets["file:secrets/smtp"] == "secret-of-smtp"
    assert "secret-of" not in repr(loaded)
    assert loaded.rules.reminders == (3_600_000, 86_400_000)
    assert loaded.rules.quiet_of(loaded.rules.receivers[0]) == (22 * 60, 6 * 60 + 30)


HOOK = 'allow_local: true, webhook: {url: "http://127.0.0.1:1/", secret: "env:S"}'
MISTAKES = [
    ("role: county, HOOK", "role county needs regions"),
    ("role: unit, HOOK", "role unit needs units"),
    ("role: operator", "name one door"),
    ("role: operator, HOOK, wecom: {key: env:S}", "name one door"),
    ("role: unit, units: [U], kinds: [center], HOOK", "center is the platform's own trouble"),
    ("role: operatr, HOOK", "expected one of city, county, operator, province, unit"),
    ("role: county, regions: [4.1E5], HOOK", "not a code such as"),
    ("role: operator, quiet: 22-7, HOOK", "not a time of day"),
    ("role: operator, wecom: {key: hunter2}", "write file:PATH, env:NAME or credential:NAME"),
    ("role: operator, wecom: {key: env:NO_SUCH}", "NO_SUCH is not set"),
    ("role: operator, wecom: {key: credential:gone}", "there is no such file"),
    ("role: operator, wecom: {key: file:gone}", "there is no such file"),
    ("role: operator, wecom: {key: file:open}", "chmod 600"),
    ("role: operator, webhook: {url: 'http://x.cn/?k=hunter2', secret: env:S}", "only https://"),
    ("role: operator, webhook: {url: 'ftp://hunter2', secret: env:S}", "not an address such as"),
    ("role: operator, webhook: {url: 'https://u:hunter2@x/', secret: env:S}", "without user, password"),
    ("role: operator, webhook: {url: 'https://x/', secret: env:S, ca: none.pem}", "there is no such file"),
    ("role: operator, mail: {server: a.cn:25, tls: none, sender: a@b.cn, to: [c@d.cn]}", "without TLS only"),
    ("role: operator, mail: {server: a.cn, sender: a@b.cn, to: [c@d.cn]}", "not HOST:PORT"),
    ("role: operator, mail: {server: a.cn:25, sender: a@b.cn, to: [c d]}", "not a mail address"),
]
"""One receiver, on the second line of a file, and what is said of it."""
FILES = [
    ("receivers: []", 1, "must not be empty"),
    ("recievers: []", 1, "receivers"),
    ("delay: 5\nreceivers:\n- {name: a, role: operator, HOOK}", 1, "the unit is missing"),
    ("receivers:\n- {name: a, role: operator, HOOK}\n- {name: a, role: operator, HOOK}", 3, "stands twice"),
    *((f"receivers:\n- {{name: a, {text}}}", 2, words) for text, words in MISTAKES),
]


@pytest.mark.parametrize(("text", "line", "words"), FILES)
def test_every_mistake_has_its_line_and_a_mend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, line: int, words: str
) -> None:
    """And repeats nothing that may be a secret."""
    monkeypatch.setenv("S", "secret")
    (tmp_path / "open").write_text("hunter2")
    (tmp_path / "open").chmod(0o644)
    file = tmp_path / "r.yaml"
    file.write_text(text.replace("HOOK", HOOK))
    with pytest.raises(ConfigError) as caught:
        load(file)
    told = str(caught.value)
    assert f"r.yaml:{line}: " in told
    assert words in told
    assert "hunter2" not in told + caught.value.text("zh")


def test_a_file_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Named with what is wrong; misuse."""
    assert main(["messages", "check", str(tmp_path / "none.yaml"), "--lang", "en"]) == 2
    assert "there is no such file" in capsys.readouterr().err


# ---- the engine ---------------------------------------------------------------------------------

PACE = Pace(5 * MINUTE, 10 * MINUTE, 3, (3_600_000, 86_400_000), 5 * MINUTE)


def pending(*minutes: int) -> list[Pending]:
    return [Pending(f"g{number}", minute * MINUTE) for number, minute in enumerate(minutes)]


@pytest.mark.parametrize(
    ("kind", "since", "now", "sizes"),
    [
        ("gateway", (0,), 4, []),
        ("gateway", (0,), 5, [1]),
        ("gateway", (0, 1), 6, [1, 1]),
        ("gateway", (0, 1, 2), 5, [3]),
        ("gateway", (0, 1, 11), 6, [1, 1]),
        ("gateway", (0, 20, 21, 22), 25, [1, 3]),
        ("camera", (0, 4), 5, [2]),
        ("alarm", (0,), 0, [1]),
        ("undelivered", (0, 0), 0, [1, 1]),
        ("center", (0, 0, 0), 5, [3]),
    ],
)
def test_what_is_told_together(kind: str, since: tuple[int, ...], now: int, sizes: list[int]) -> None:
    """From the third gateway of a county on within the window it is one; two are two."""
    made = gather(kind, pending(*since), [], now * MINUTE, PACE)
    assert [len(one.members) for one in made] == sizes
    assert all(one.together is (kind == "gateway" and len(one.members) > 1) for one in made)


def test_who_falls_silent_within_the_window_joins_a_case_that_was_told() -> None:
    made = gather("gateway", pending(3, 9, 11), [Running(7, 0)], 10 * MINUTE, PACE)
    assert [(one.case, len(one.members)) for one in made] == [(7, 2)]


def test_times() -> None:
    """Reminders are counted from the first message; quiet hours may go over midnight; pauses grow, and are bounded."""
    assert next_reminder(0, 0, PACE) == 3_600_000
    assert next_reminder(0, 3_600_000, PACE) == 86_400_000
    assert next_reminder(0, 86_400_000, PACE) == 0
    night, noon = (22 * 60, 6 * 60), (12 * 60, 13 * 60)
    at = {hour: (hour - 8) * 3_600_000 for hour in (8, 12, 13, 22, 23, 28, 30)}
    assert [hour for hour, ms in at.items() if is_quiet(night, ms)] == [22, 23, 28]
    assert [hour for hour, ms in at.items() if is_quiet(noon, ms)] == [12]
    assert not is_quiet(None, at[12])
    pauses = [pause_ms(tries, 0) for tries in range(1, engine.TRIES)]
    assert pauses == sorted(pauses)
    assert pause_ms(1, 90) == 90_000
    assert pause_ms(1, 1e9) == pause_ms(engine.TRIES, 0)
