"""One configuration from four places, each value with the place it is from."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from kg.config import Config, default_home, read_config
from kg.errors import ConfigError
from kg.store import Limits


def settings(home: Path, toml: str | None = None, environment: Mapping[str, str] | None = None, **flags: Any) -> Any:
    """Read with a home whose kg.toml holds ``toml``."""
    if toml is not None:
        (home / "kg.toml").write_text(toml, encoding="utf-8")
    return read_config({"home": home, **flags}, environment or {})


def test_defaults_stand_where_nothing_is_set(tmp_path: Path) -> None:
    config, origin = settings(tmp_path)
    assert (config.seconds, config.workers, config.servers, config.log_format) == (10.0, 8, 2, "console")
    assert config.base == "https://w3id.org/osai-kg/"
    assert config.public_url is None
    assert origin == {**dict.fromkeys(Config.model_fields, "default"), "home": "--home"}


def test_the_home_has_a_default_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    config, origin = read_config({}, {})
    assert config.home == default_home()
    assert config.home.is_absolute()
    assert origin["home"] == "default"


@pytest.mark.parametrize(
    ("toml", "environment", "flag", "value", "where"),
    [
        (None, {}, None, 10.0, "default"),
        ("seconds = 1", {}, None, 1.0, "kg.toml"),
        ("seconds = 1", {"KG_SECONDS": "2"}, None, 2.0, "KG_SECONDS"),
        ("seconds = 1", {"KG_SECONDS": "2"}, 3, 3.0, "--seconds"),
        (None, {"KG_SECONDS": "2"}, 3, 3.0, "--seconds"),
        ("seconds = 1", {}, 3, 3.0, "--seconds"),
        ("seconds = 1", {"KG_SECONDS": ""}, None, 1.0, "kg.toml"),  # an empty variable sets nothing
    ],
)
def test_flags_come_before_the_environment_before_the_file_before_defaults(
    tmp_path: Path, toml: str | None, environment: Mapping[str, str], flag: int | None, value: float, where: str
) -> None:
    config, origin = settings(tmp_path, toml, environment, seconds=flag)
    assert config.seconds == value
    assert origin["seconds"].endswith(where)


def test_each_setting_has_its_own_place(tmp_path: Path) -> None:
    config, origin = settings(tmp_path, "workers = 7\nqueue = 8", {"KG_QUEUE": "9"}, answer_bytes=2048)
    assert (config.workers, config.queue, config.answer_bytes) == (7, 9, 2048)
    assert origin["workers"] == str(tmp_path / "kg.toml")
    assert (origin["queue"], origin["answer_bytes"]) == ("KG_QUEUE", "--answer-bytes")


def test_the_environment_may_name_the_home_and_its_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "kg.toml").write_text("workers = 3")
    config, origin = read_config({}, {"KG_HOME": str(tmp_path)})
    assert (config.home, origin["home"]) == (tmp_path, "KG_HOME")
    assert config.workers == 3


def test_the_file_of_the_home_that_a_flag_names_is_read_and_no_other(tmp_path: Path) -> None:
    for name, workers in (("flag", 5), ("variable", 6)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "kg.toml").write_text(f"workers = {workers}")
    config, origin = read_config({"home": tmp_path / "flag"}, {"KG_HOME": str(tmp_path / "variable")})
    assert (config.workers, origin["home"]) == (5, "--home")


def test_variables_that_are_no_settings_are_left_alone(tmp_path: Path) -> None:
    environment = {"KG_SHARED": "x", "KG_SERVICE": "{}", "KG_": "x", "SECONDS": "9", "XKG_SECONDS": "9", "PATH": "/bin"}
    config, origin = settings(tmp_path, None, environment)
    assert config.seconds == 10.0
    assert set(origin.values()) == {"default", "--home"}


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("second = 1", "kg.toml: there is no setting 'second'; did you mean seconds?"),
        ("worker = 1", "kg.toml: there is no setting 'worker'; did you mean workers?"),
        ("colour = 1", "kg.toml: there is no setting 'colour'"),
        ("[serve]\nport = 1", "kg.toml: there is no setting 'serve'"),
        ('home = "/elsewhere"', "home cannot be set in the file that it locates; use KG_HOME or --home"),
        ("seconds = 1\nbase", "kg.toml: Expected '=' after a key in a key/value pair (at end of document)"),
        ("seconds = 1\nseconds = 2\n", "kg.toml: Cannot overwrite a value (at line 2"),
    ],
)
def test_a_file_that_does_not_fit_is_named_with_what_is_wrong(tmp_path: Path, toml: str, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        settings(tmp_path, toml)
    assert said in str(refused.value)
    assert str(tmp_path / "kg.toml") in str(refused.value)


def test_a_file_that_is_not_utf_8_is_named(tmp_path: Path) -> None:
    (tmp_path / "kg.toml").write_bytes(b'base = "\xff"')
    with pytest.raises(ConfigError, match=r"kg\.toml: 'utf-8' codec"):
        settings(tmp_path)


def test_a_flag_that_is_no_setting_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--worker: there is no setting 'worker'; did you mean workers"):
        settings(tmp_path, worker=1)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("seconds", "0", "greater than 0"),
        ("seconds", "3601", "less than or equal to 3600"),
        ("seconds", "nan", "seconds"),
        ("seconds", "soon", "number"),
        ("answer_bytes", "10", "greater than or equal to 1024"),
        ("query_bytes", "1e9", "integer"),
        ("memory", "1048576", "greater than or equal to 67108864"),
        ("workers", "0", "greater than or equal to 1"),
        ("workers", "1.5", "integer"),
        ("workers", "257", "less than or equal to 256"),
        ("queue", "-1", "greater than or equal to 1"),
        ("servers", "65", "less than or equal to 64"),
        ("log_format", "xml", "'console' or 'json'"),
        ("base", "nonsense", "must be an absolute http or https address"),
        ("base", "https://example.org", "write 'https://example.org/'"),
        ("base", "https://[/", "is no address"),
    ],
)
def test_a_bad_value_names_the_setting_the_place_and_the_value(
    tmp_path: Path, name: str, value: str, said: str
) -> None:
    variable = f"KG_{name.upper()}"
    with pytest.raises(ConfigError) as refused:
        settings(tmp_path, None, {variable: value})
    message = str(refused.value)
    assert message.startswith(f"setting {name} from {variable}: ")
    assert said in message
    assert value in message
    assert "Value error" not in message
    with pytest.raises(ConfigError, match=f"setting {name} from --{name.replace('_', '-')}: "):
        settings(tmp_path, None, {}, **{name: value})


def test_a_bad_value_in_the_file_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"setting workers from .*kg\.toml: .*integer.*\(got \[1\]\)"):
        settings(tmp_path, "workers = [1]")


def test_a_bad_value_that_is_overruled_does_no_harm(tmp_path: Path) -> None:
    assert settings(tmp_path, "seconds = 0", {"KG_SECONDS": "5"})[0].seconds == 5


def test_a_configuration_is_frozen_and_knows_no_other_setting() -> None:
    config = Config(home=Path("x"))
    with pytest.raises(ValidationError):
        config.seconds = 5
    with pytest.raises(ValidationError):
        Config(home=Path("x"), colour="red")  # type: ignore[call-arg]  # refused at run time too


def test_nothing_is_read_behind_the_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KG_SECONDS", "3")
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("KG_SECONDS=4\n")
    assert Config(home=tmp_path).seconds == 10.0
    assert read_config({"home": tmp_path}, {})[0].seconds == 10.0
    assert read_config({"home": tmp_path})[0].seconds == 3.0


def test_the_limits_of_a_query_are_those_of_the_settings() -> None:
    config = Config(home=Path("x"), seconds=2, answer_bytes=2000, memory=2**27)
    assert config.limits == Limits(seconds=2, bytes=2000, memory=2**27)


def test_services_are_listed_in_the_file_the_environment_or_by_flags(tmp_path: Path) -> None:
    one, two = "https://one.example/sparql", "http://127.0.0.1:3030/two?default=1"
    assert settings(tmp_path)[0].services == ()
    assert settings(tmp_path, f'services = ["{one}", "{two}", "{one}"]')[0].services == (one, two)
    config, origin = settings(tmp_path, None, {"KG_SERVICES": f" {one}\n{two}"})
    assert (config.services, origin["services"]) == ((one, two), "KG_SERVICES")
    assert settings(tmp_path, None, {"KG_SERVICES": one}, services=(two,))[0].services == (two,)


@pytest.mark.parametrize(
    "iri",
    [
        "ftp://one.example/", "file:///etc/passwd", "one.example/sparql", "https:///sparql", "?x",
        "https://user:word@[::1]/", "https://one.example/#part", "https://one.example/a>b", "http://[::1/sparql",
    ],
)  # fmt: skip
def test_what_is_no_plain_address_is_not_listed(tmp_path: Path, iri: str) -> None:
    with pytest.raises(ConfigError, match="services"):
        settings(tmp_path, None, {"KG_SERVICES": iri})


def test_every_setting_says_what_it_is() -> None:
    assert [name for name, field in Config.model_fields.items() if not field.description] == []


@given(st.dictionaries(st.sampled_from(sorted(Config.model_fields)) | st.text(max_size=8), st.text(max_size=8)))
def test_no_environment_ends_in_another_error_than_ours(environment: dict[str, str]) -> None:
    with contextlib.suppress(ConfigError):
        read_config({"home": "nowhere"}, {f"KG_{name.upper()}": value for name, value in environment.items()})
