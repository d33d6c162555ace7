from collections import Counter
from pathlib import Path

import pytest

from contract.regions import load_regions
from contract.strict_yaml import ConfigError


def test_rows_of_henan() -> None:
    """17 cities (省辖市), the Jiyuan zone (济源示范区) and 10 counties governed by the province (省直管县（市）)."""
    regions = load_regions("henan")
    assert Counter(row.kind for row in regions.rows) == {"city": 17, "zone": 1, "county": 10}
    assert [row.code for row in regions.rows[:17]] == [f"41{n:02d}" for n in range(1, 18)]
    names = " ".join(row.zh[:2] for row in regions.rows[17:])
    assert names == "济源 巩义 兰考 汝州 滑县 长垣 邓州 永城 固始 鹿邑 新蔡"


def test_topic_city() -> None:
    """A city is its own topic segment; what the province governs directly shares 4190."""
    for row in load_regions("henan").rows:
        assert row.city == (row.code if row.kind == "city" else "4190")
        assert len(row.code) == (4 if row.kind == "city" else 6)


def test_a_code_may_not_appear_twice(tmp_path: Path) -> None:
    """Two rows with one code would count a place twice."""
    row = '  - {code: "4101", city: "4101", kind: city, zh: 郑州市, en: Zhengzhou}\n'
    file = tmp_path / "twice.yaml"
    file.write_text(f'code: "41"\nzh: 河南省\nen: Henan\nrows:\n{row}{row}', encoding="utf-8")
    with pytest.raises(ConfigError, match="codes appear twice: 4101"):
        load_regions(str(file))
