"""Reads the settings: flag over environment over file over default. The only file that reads the environment.

Gives plain values and imports none of the packages that use them, so that every command starts fast; app.py turns them
into each package's `Options`. What the settings are is in settings.py.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from fireside.runners import declared
from fireside.settings import BY_NAME, ENV_PREFIX, GRPC_WITHOUT_EFFECT, SETTINGS, Setting, Value, show

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fireside.runners.declared import DeclaredAlias, DeclaredRunner

FILE_NAME = "fireside.toml"
CONFIG_ENV = ENV_PREFIX + "CONFIG"
# Variables under our prefix that are not settings: where the file is, and what tests and tools pass to each other.
_OTHER_VARIABLES = (CONFIG_ENV, ENV_PREFIX + "TEST_")
# The gRPC library has variables of its own (GRPC_TRACE, GRPC_VERBOSITY, ...); none of them starts like this.
_OUR_GRPC_VARIABLES = ("GRPC_MAX_", "GRPC_MIN_", "GRPC_KEEPALIVE_")

T = TypeVar("T", bound=Value)
D = TypeVar("D")


class SettingError(Exception):
    """A setting cannot be used: its name, value, what was expected and where it came from. Stops the start."""

    def __init__(self, name: str, value: str, expected: str, source: str) -> None:
        super().__init__(f"{name} = {value!r} ({source}): expected {expected}.")
        self.name = name
        self.value = value
        self.expected = expected
        self.source = source


class UnknownSettingError(SettingError):
    """There is no setting of that name. Its value is not told: it may be a secret of somebody else's."""

    def __init__(self, name: str, expected: str, source: str) -> None:
        super().__init__(name, "", expected, source)
        self.args = (f"{name} ({source}) is not a setting: expected {expected}.",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The settings of a server. Paths are absolute; times are in seconds; what each means is in settings.py."""

    host: str
    port: int
    port_asked: bool
    """Whether somebody named the port: then it is that one or none."""

    allowed_hosts: tuple[str, ...]
    keep_alive: float
    grpc_max_message_length: int
    grpc_max_concurrent_streams: int
    grpc_keepalive_time: float
    grpc_keepalive_timeout: float
    data_dir: Path
    database_url: str
    """Never empty."""

    secret_key: str = field(repr=False)
    """Empty for the one in data_dir."""

    single_user: bool
    tls: str
    """`off` or `auto`; `off` with `tls_cert` set means that certificate."""

    tls_cert: Path | None
    tls_key: Path | None
    default_model: str
    local_model: bool
    models_dir: Path
    llama_idle_stop: float
    llama_threads: int
    llama_slots: int
    llama_context: int
    queue_length: int
    queue_wait: float
    runner_connect_timeout: float
    runner_first_token_timeout: float
    runner_between_tokens_timeout: float
    runner_total_timeout: float
    runner_concurrency: int
    runner_queue_length: int
    runner_queue_wait: float
    runner_retries: int
    runner_fallback: bool
    workers: int
    shutdown_grace: float
    log_level: str
    log_format: str
    worker_token: str = field(repr=False)
    """Empty for none."""

    runners: tuple[DeclaredRunner, ...] = ()
    """Those of the file, then those of the environment; the registry has more."""

    model_aliases: tuple[DeclaredAlias, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict[str, str])
    """Where each setting that is not the default came from: `flag --port`, `environment FIRESIDE_PORT`, `file:3`."""

    notes: tuple[str, ...] = ()
    """What is used differently from how it was set, a sentence each, for the log."""

    @property
    def tls_on(self) -> bool:
        """Whether the server speaks TLS."""
        return self.tls == "auto" or self.tls_cert is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientConfig:
    """The settings of a client. `url` has no path."""

    url: str
    tls_ca: Path | None
    data_dir: Path


def load(flags: Mapping[str, str | None], *, file: Path | None = None) -> Config:
    """Reads the settings of a server. `flags` maps settings to what the command line said; None is not said.

    `file` must exist when given; without it FIRESIDE_CONFIG, ./fireside.toml or the user's own file is read, if there
    is one. Raises SettingError.
    """
    found = _Found.read(flags, file)
    config = _server_config(found)
    if (config.tls_cert is None) != (config.tls_key is None):
        given, missing = ("tls_cert", "tls_key") if config.tls_cert else ("tls_key", "tls_cert")
        raise SettingError(given, show(found.values[given]), f"{missing} to be set as well", found.sources[given])
    if config.tls == "auto" and config.tls_cert is not None:
        raise SettingError("tls", "auto", "either tls = auto or tls_cert and tls_key, not both", found.source("tls"))
    return config


def load_client(flags: Mapping[str, str | None], *, file: Path | None = None) -> ClientConfig:
    """Reads the settings of a client, like `load`. Raises SettingError."""
    found = _Found.read(flags, file)
    url = found.get("url", str)
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path.strip("/"):
        raise SettingError("url", url, "http://host:port or https://host:port", found.source("url"))
    return ClientConfig(url=url.rstrip("/"), tls_ca=found.path("tls_ca"), data_dir=found.data_dir())


def _server_config(found: _Found) -> Config:
    data_dir = found.data_dir()
    return Config(
        host=found.get("host", str),
        port=found.get("port", int),
        port_asked="port" in found.sources,
        allowed_hosts=found.names("allowed_hosts"),
        keep_alive=found.get("keep_alive", float),
        grpc_max_message_length=found.get("grpc_max_message_length", int),
        grpc_max_concurrent_streams=found.get("grpc_max_concurrent_streams", int),
        grpc_keepalive_time=found.get("grpc_keepalive_time", float),
        grpc_keepalive_timeout=found.get("grpc_keepalive_timeout", float),
        data_dir=data_dir,
        database_url=found.get("database_url", str) or _sqlite_url(data_dir / "fireside.db"),
        secret_key=found.get("secret_key", str),
        single_user=found.get("single_user", bool),
        tls=found.get("tls", str),
        tls_cert=found.path("tls_cert"),
        tls_key=found.path("tls_key"),
        default_model=found.get("default_model", str),
        local_model=found.get("local_model", bool),
        models_dir=found.path("models_dir") or data_dir / "models",
        llama_idle_stop=found.get("llama_idle_stop", float),
        llama_threads=found.get("llama_threads", int),
        llama_slots=found.get("llama_slots", int),
        llama_context=found.get("llama_context", int),
        queue_length=found.get("queue_length", int),
        queue_wait=found.get("queue_wait", float),
        runner_connect_timeout=found.get("runner_connect_timeout", float),
        runner_first_token_timeout=found.get("runner_first_token_timeout", float),
        runner_between_tokens_timeout=found.get("runner_between_tokens_timeout", float),
        runner_total_timeout=found.get("runner_total_timeout", float),
        runner_concurrency=found.get("runner_concurrency", int),
        runner_queue_length=found.get("runner_queue_length", int),
        runner_queue_wait=found.get("runner_queue_wait", float),
        runner_retries=found.get("runner_retries", int),
        runner_fallback=found.get("runner_fallback", bool),
        workers=found.get("workers", int),
        shutdown_grace=found.get("shutdown_grace", float),
        log_level=found.get("log_level", str),
        log_format=found.get("log_format", str),
        worker_token=found.get("worker_token", str),
        runners=(*found.runners, *_declared(lambda: declared.runners_of_environment(found.environ))),
        model_aliases=found.model_aliases,
        sources=dict(found.sources),
        notes=tuple(found.notes.values()),
    )


@dataclass(slots=True)
class _Found:
    """The values found so far, and where each came from. Later sources win, so they are read last."""

    environ: Mapping[str, str]
    values: dict[str, Value] = field(default_factory=lambda: {setting.name: setting.default for setting in SETTINGS})
    sources: dict[str, str] = field(default_factory=dict[str, str])
    runners: tuple[DeclaredRunner, ...] = ()
    model_aliases: tuple[DeclaredAlias, ...] = ()
    notes: dict[str, str] = field(default_factory=dict[str, str])
    """By the setting or variable that they are about."""

    @classmethod
    def read(cls, flags: Mapping[str, str | None], file: Path | None) -> _Found:
        found = cls(dict(os.environ))
        found.read_file(found.find_file(file))
        found.read_environment()
        found.read_flags(flags)
        return found

    def find_file(self, asked: Path | None) -> Path | None:
        named = asked or (Path(value).expanduser() if (value := self.environ.get(CONFIG_ENV)) else None)
        if named is not None:
            if not named.is_file():
                source = "flag --config" if asked else f"environment {CONFIG_ENV}"
                raise SettingError("config", str(named), "a settings file that exists", source)
            return named
        own = self.xdg("XDG_CONFIG_HOME", ".config") / FILE_NAME
        return next((path for path in (Path(FILE_NAME), own) if path.is_file()), None)

    def read_file(self, path: Path | None) -> None:
        if path is None:
            return
        try:
            text = path.read_text(encoding="utf-8")
            table = tomllib.loads(text)
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise SettingError("config", str(path), f"a readable TOML file ({error})", str(path)) from error
        if declared.TABLE in table:
            raw = table.pop(declared.TABLE)
            self.runners = _declared(lambda: declared.runners_of_file(raw, text, str(path)))
        if declared.ALIAS_TABLE in table:
            raw_aliases = table.pop(declared.ALIAS_TABLE)
            self.model_aliases = _declared(lambda: declared.aliases_of_file(raw_aliases, text, str(path)))
        for name, raw in table.items():
            source = f"{path}:{_line_of(name, text)}"
            setting = _known(name, source)
            try:
                value = setting.accept(raw)
            except ValueError as error:
                raise SettingError(name, _mask(setting, str(raw)), setting.expected, source) from error
            # A relative path in the file means beside the file, wherever the server is started from.
            self.take(setting, path.parent / value if isinstance(value, Path) else value, source)
            self.note_clamped(setting, raw, source)

    def read_environment(self) -> None:
        self.read_grpc_variables()
        for variable, raw in self.environ.items():
            if variable.startswith(ENV_PREFIX) and not variable.startswith(_OTHER_VARIABLES):
                source = f"environment {variable}"
                setting = _known(variable.removeprefix(ENV_PREFIX).lower(), source)
                # An empty variable is one that is not set: that is how shells and container files clear one.
                if raw:
                    self.take_text(setting, raw, source)

    def read_grpc_variables(self) -> None:
        """Those without our prefix, under the names that deployments of gRPC servers use."""
        known = {variable: setting for setting in SETTINGS for variable in setting.variables}
        for variable, raw in self.environ.items():
            source = f"environment {variable}"
            if variable in known and raw:
                self.take_text(known[variable], raw, source)
            elif variable in GRPC_WITHOUT_EFFECT and raw:
                self.notes[variable] = f"{variable} = {raw!r} has no effect: {GRPC_WITHOUT_EFFECT[variable]}."
            elif variable not in known and variable.startswith(_OUR_GRPC_VARIABLES):
                near = difflib.get_close_matches(variable, known, 1)
                raise UnknownSettingError(variable, near[0] if near else "one of " + ", ".join(known), source)

    def read_flags(self, flags: Mapping[str, str | None]) -> None:
        for name, raw in flags.items():
            if raw is not None:
                setting = BY_NAME[name]
                source = f"flag {setting.flag}"
                self.take_text(setting, raw, source)

    def take_text(self, setting: Setting, raw: str, source: str) -> None:
        self.take(setting, _parsed(setting, raw, source), source)
        self.note_clamped(setting, raw, source)

    def note_clamped(self, setting: Setting, raw: object, source: str) -> None:
        value = self.values[setting.name]
        # Only the source that wins is told of, so an earlier note goes.
        self.notes.pop(setting.name, None)
        if setting.clamps and setting.maximum is not None and float(str(raw)) > setting.maximum:
            self.notes[setting.name] = (
                f"{setting.name} = {raw} ({source}) is more than is possible: {show(value)} is used."
            )

    def take(self, setting: Setting, value: Value, source: str) -> None:
        self.values[setting.name] = value
        self.sources[setting.name] = source

    def get(self, name: str, kind: type[T]) -> T:
        value = self.values[name]
        if not isinstance(value, kind):
            raise TypeError(f"{name} is a {type(value).__name__}, not a {kind.__name__}")
        return value

    def names(self, name: str) -> tuple[str, ...]:
        value = self.values[name]
        return value if isinstance(value, tuple) else ()

    def path(self, name: str) -> Path | None:
        value = self.values[name]
        return value.absolute() if isinstance(value, Path) else None

    def source(self, name: str) -> str:
        return self.sources.get(name, "default")

    def data_dir(self) -> Path:
        return self.path("data_dir") or self.xdg("XDG_DATA_HOME", ".local/share") / "fireside"

    def xdg(self, variable: str, fallback: str) -> Path:
        value = self.environ.get(variable, "")
        # The specification has relative values ignored.
        base = Path(value) if Path(value).is_absolute() else Path("~", fallback).expanduser()
        return base / "fireside" if variable == "XDG_CONFIG_HOME" else base


def _declared(read: Callable[[], tuple[D, ...]]) -> tuple[D, ...]:
    """What `read` returns; what it raises as an error of a setting."""
    try:
        return read()
    except declared.UnknownKeyError as error:
        raise UnknownSettingError(error.key, error.expected, error.where) from error
    except declared.DeclarationError as error:
        raise SettingError(error.key, error.value, error.expected, error.where) from error


def _parsed(setting: Setting, raw: str, source: str) -> Value:
    try:
        return setting.parse(raw)
    except ValueError as error:
        raise SettingError(setting.name, _mask(setting, raw), setting.expected, source) from error


def _known(name: str, source: str) -> Setting:
    setting = BY_NAME.get(name)
    if setting is None:
        near = difflib.get_close_matches(name, BY_NAME, 1)
        raise UnknownSettingError(name, near[0] if near else "a setting that exists", source)
    return setting


def _mask(setting: Setting, text: str) -> str:
    if setting.secret and "://" not in text:
        return "…"
    return re.sub(r"(://[^/@:]*:)[^@]*@", r"\1…@", text) if setting.secret else text


def _line_of(name: str, text: str) -> int:
    pattern = re.compile(rf"""^\s*\[?\s*["']?{re.escape(name)}["']?\s*[\].=]""")
    return next((number for number, line in enumerate(text.splitlines(), 1) if pattern.match(line)), 1)


def _sqlite_url(path: Path) -> str:
    return path.as_uri().replace("file://", "sqlite://", 1)
