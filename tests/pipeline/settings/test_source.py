"""The settings of a source."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.settings.base import explain
from pipeline.settings.source import SourceSettings


@pytest.mark.parametrize(
    "setting",
    [
        {"time_zone": "Asia/Seoul"},
        {"time_zone": "America/Argentina/Buenos_Aires"},
        {"encoding": "cp949"},
        {"encoding": "UTF-16"},
        {"delimiter": "\t"},
        {"delimiter": " "},
        {"decimal": ",", "delimiter": ";"},
        {"decimal": ",", "delimiter": ","},
        {"time_format": "%d/%m/%Y"},
        {"time_format": "ms"},
        {"nulls": ["", "-"]},
        {"nulls": []},
        {"period": "quarter"},
    ],
)
def test_a_reader_has_settings(setting: dict[str, Any]) -> None:
    settings = SourceSettings(**setting)
    for name, value in setting.items():
        stated = getattr(settings, name)
        assert (list(stated) if isinstance(stated, tuple) else stated) == value


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"time_zone": "Asia/Soul"}, "time_zone: expected an IANA time zone; did you mean Asia/S"),
        ({"time_zone": "KST+9 "}, "time_zone: expected an IANA time zone"),
        ({"time_zone": "../UTC"}, "time_zone: expected an IANA time zone"),
        ({"encoding": "cp94"}, "encoding: expected an encoding of Python"),
        ({"encoding": "base64"}, "encoding: expected an encoding of Python"),
        ({"delimiter": ";;"}, "delimiter: String should have at most 1 character"),
        ({"delimiter": '"'}, "delimiter: expected one character"),
        ({"delimiter": "\n"}, "delimiter: expected one character"),
        ({"decimal": ".", "delimiter": "."}, "decimal and delimiter are the same"),
        ({"decimal": ";"}, "decimal: Input should be '.' or ','"),
        ({"time_format": "dd/mm/yyyy"}, "time_format: expected a format of strptime"),
        ({"period": "minute"}, "period: Input should be 'hour', 'day', 'week'"),
    ],
)
def test_a_wrong_setting_is_explained(setting: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as refused:
        SourceSettings(**setting)
    assert message in explain(refused.value, SourceSettings)
