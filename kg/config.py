"""One frozen configuration: defaults < ``kg.toml`` in the home < ``KG_*`` environment < flags of the command line.

Read at the top (``kg.cli``, ``kg.web.create_app``) and handed down as values. Nothing below reads the environment.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import platformdirs
from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from kg.errors import ConfigError, nearest
from kg.model import DEFAULT_BASE, check_base
from kg.store import Limits

_NO_IRI = re.compile(r"[\x00-\x20<>\"{}|^`\\]")


def default_home() -> Path:
    """Give the directory for snapshots and releases where neither flag nor KG_HOME names one."""
    return Path(platformdirs.user_data_dir("osai-kg", appauthor=False))


class Config(BaseSettings):
    """Every setting of the project. ``kg config`` prints the effective values and where each came from."""

    model_config = SettingsConfigDict(env_prefix="KG_", frozen=True, extra="forbid")

    home: Path = Field(default_factory=default_home, description="directory of snapshots and releases")
    base: str = Field(
        default=DEFAULT_BASE, description="base IRI of all data; a release keeps the one it was built with"
    )
    public_url: str | None = Field(
        default=None,
        description="address under which the service is reached from outside, when a proxy stands before it",
    )
    seconds: float = Field(default=10.0, gt=0, le=3600, description="wall time one query may take")
    answer_bytes: int = Field(default=50_000_000, ge=1024, description="size one answer may have")
    query_bytes: int = Field(default=1_000_000, ge=1024, description="size one request body may have")
    upload_bytes: int = Field(default=50_000_000, ge=1024, description="size an update or a graph sent here may have")
    write_deadline: float = Field(default=30.0, gt=0, le=3600, description="wall time one write may take")
    memory: int = Field(
        default=1_073_741_824,
        ge=64 * 2**20,
        description="memory one query may use beyond the loaded data, in bytes",
    )
    workers: int = Field(default=8, ge=1, le=256, description="query processes")
    queue: int = Field(default=256, ge=1, le=4096, description="requests that may wait for a query process")
    client_queue: int = Field(default=192, ge=1, le=4096, description="how many of those may be one client's")
    servers: int = Field(default=2, ge=1, le=64, description="HTTP processes")
    cache_bytes: int = Field(
        default=64 * 2**20, ge=0, description="memory for finished answers in each HTTP process, in bytes; 0 keeps none"
    )
    remote_kept: float = Field(
        default=60.0, ge=0, le=86_400, description="how long an answer of another engine's store is kept; 0 keeps none"
    )
    proxies: str = Field(
        default="",
        description="addresses of proxies whose X-Forwarded-For is believed, with commas between them",
    )
    services: tuple[str, ...] = Field(
        default=(), description="IRIs of the endpoints that SERVICE may call, with spaces between them"
    )
    private: bool = Field(default=False, description="whether every answer asks for a token with the right to read")
    log_format: Literal["console", "json"] = Field(
        default="console", description="console for people, json for programs"
    )

    @field_validator("base")
    @classmethod
    def _base(cls, value: str) -> str:
        try:
            return check_base(value)
        except ConfigError as error:
            raise ValueError(str(error)) from error  # so that it is told with the place it stands in

    @field_validator("services", mode="before")
    @classmethod
    def _services(cls, value: object) -> object:
        return tuple(value.split()) if isinstance(value, str) else value

    @field_validator("services")
    @classmethod
    def _endpoints(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for iri in value:
            url = urlsplit(iri)
            if url.scheme not in ("http", "https") or not url.hostname or _NO_IRI.search(iri):
                raise ValueError(f"the IRI of an endpoint begins with http:// or https://; {iri!r} is none")
            if "@" in url.netloc or url.fragment:
                raise ValueError(f"<{iri}> holds a user, a password or a fragment; list the plain address")
        return tuple(dict.fromkeys(value))

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take what ``read_config`` merged, and nothing behind its back."""
        del settings_cls, env_settings, dotenv_settings, file_secret_settings
        return (init_settings,)

    @property
    def proxy_addresses(self) -> frozenset[str]:
        """The proxies whose word on the address of a client counts."""
        return frozenset(filter(None, (address.strip() for address in self.proxies.split(","))))

    @property
    def write_limits(self) -> Limits:
        """What one write may use. What a graph is parsed to may be several times what was sent."""
        return Limits(seconds=self.write_deadline, bytes=8 * self.upload_bytes, memory=self.memory)

    @property
    def limits(self) -> Limits:
        """What one query may use."""
        return Limits(seconds=self.seconds, bytes=self.answer_bytes, memory=self.memory)


def read_config(
    flags: Mapping[str, Any] | None = None, environment: Mapping[str, str] | None = None
) -> tuple[Config, dict[str, str]]:
    """Merge defaults, file, environment and flags; give the configuration and where each value came from.

    ``flags`` whose value is None were not given. Raises ConfigError that names the setting and the place it stands in.
    """
    environment = os.environ if environment is None else environment
    given = {name: value for name, value in (flags or {}).items() if value is not None}
    values: dict[str, Any] = {}
    origin = dict.fromkeys(Config.model_fields, "default")

    def take(name: str, value: object, where: str) -> None:
        if name not in Config.model_fields:
            raise ConfigError(f"{where}: there is no setting {name!r}{nearest(name, Config.model_fields)}")
        values[name], origin[name] = value, where

    def home_of() -> Path:
        return Path(given.get("home") or environment.get("KG_HOME") or default_home())

    file = home_of() / "kg.toml"
    if file.is_file():
        try:
            settings = tomllib.loads(file.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{file}: {error}") from error
        for name, value in settings.items():
            if name == "home":
                raise ConfigError(f"{file}: home cannot be set in the file that it locates; use KG_HOME or --home")
            take(name, value, str(file))
    for variable, text in environment.items():
        name = variable.removeprefix("KG_").lower()
        if variable.startswith("KG_") and name in Config.model_fields and text != "":
            take(name, text, variable)
    for name, value in given.items():
        take(name, value, f"--{name.replace('_', '-')}")
    try:
        return Config(**values), origin
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else "?"
        said = str(first["msg"]).removeprefix("Value error, ")
        raise ConfigError(f"setting {name} from {origin.get(name, '?')}: {said} (got {first['input']!r})") from error
