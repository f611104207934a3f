"""Values of settings as they are found: in the file, over it the environment, over it the flags. What they are is in
settings.py; what they become is config.py's, which also reads the environment.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from fireside.identity import providers
from fireside.identity.providers import DeclaredProvider
from fireside.runners import declared
from fireside.setting import ENV_PREFIX, Setting, Value, show
from fireside.settings import BY_NAME, GRPC_WITHOUT_EFFECT, SETTINGS

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


@dataclass(slots=True)
class Found:
    """The values found so far, and where each came from. Later sources win, so they are read last."""

    environ: Mapping[str, str]
    values: dict[str, Value] = field(default_factory=lambda: {setting.name: setting.default for setting in SETTINGS})
    sources: dict[str, str] = field(default_factory=dict[str, str])
    runners: tuple[DeclaredRunner, ...] = ()
    model_aliases: tuple[DeclaredAlias, ...] = ()
    providers: tuple[DeclaredProvider, ...] = ()
    notes: dict[str, str] = field(default_factory=dict[str, str])
    """By the setting or variable that they are about."""

    @classmethod
    def read(cls, environ: Mapping[str, str], flags: Mapping[str, str | None], file: Path | None) -> Found:
        """All of them. Raises SettingError."""
        found = cls(environ)
        found.read_file(found.find_file(file))
        found.read_environment()
        found.read_flags(flags)
        return found

    def find_file(self, asked: Path | None) -> Path | None:
        """The settings file; `asked` must exist. Raises SettingError."""
        named = asked or (Path(value).expanduser() if (value := self.environ.get(CONFIG_ENV)) else None)
        if named is not None:
            if not named.is_file():
                source = "flag --config" if asked else f"environment {CONFIG_ENV}"
                raise SettingError("config", str(named), "a settings file that exists", source)
            return named
        own = self.xdg("XDG_CONFIG_HOME", ".config") / FILE_NAME
        return next((path for path in (Path(FILE_NAME), own) if path.is_file()), None)

    def read_file(self, path: Path | None) -> None:
        """Takes what a settings file says."""
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
        if providers.TABLE in table:
            self.providers = _declared_providers(table.pop(providers.TABLE), path)
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
        """Takes what the variables say."""
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
        """Takes what the command line says."""
        for name, raw in flags.items():
            if raw is not None:
                setting = BY_NAME[name]
                source = f"flag {setting.flag}"
                self.take_text(setting, raw, source)

    def take_text(self, setting: Setting, raw: str, source: str) -> None:
        """Takes a flag or a variable."""
        self.take(setting, _parsed(setting, raw, source), source)
        self.note_clamped(setting, raw, source)

    def note_clamped(self, setting: Setting, raw: object, source: str) -> None:
        """Remembers that a number was too large, or that it no longer is."""
        value = self.values[setting.name]
        # Only the source that wins is told of, so an earlier note goes.
        self.notes.pop(setting.name, None)
        if setting.clamps and setting.maximum is not None and float(str(raw)) > setting.maximum:
            self.notes[setting.name] = (
                f"{setting.name} = {raw} ({source}) is more than is possible: {show(value)} is used."
            )

    def take(self, setting: Setting, value: Value, source: str) -> None:
        """Takes a value."""
        self.values[setting.name] = value
        self.sources[setting.name] = source

    def all_runners(self) -> tuple[DeclaredRunner, ...]:
        """Those of the file, then those of the environment. Raises SettingError."""
        return (*self.runners, *_declared(lambda: declared.runners_of_environment(self.environ)))

    def all_providers(self) -> tuple[DeclaredProvider, ...]:
        """Those of the file, then that of the settings oidc_*. Raises SettingError."""
        issuer, client_id, name = (self.get(f"oidc_{key}", str) for key in ("issuer", "client_id", "name"))
        if not issuer:
            return self.providers
        if not providers.issuer_fits(issuer):
            raise SettingError("oidc_issuer", issuer, providers.ISSUER_RULE, self.source("oidc_issuer"))
        if not client_id:
            raise SettingError("oidc_issuer", issuer, "oidc_client_id to be set as well", self.source("oidc_issuer"))
        if not providers.name_fits(name) or any(other.name == name for other in self.providers):
            raise SettingError("oidc_name", name, providers.NAME_RULE, self.source("oidc_name"))
        single = DeclaredProvider(
            name=name,
            issuer=issuer,
            client_id=client_id,
            client_secret=self.get("oidc_client_secret", str),
            sign_up=self.get("oidc_sign_up", bool),
        )
        return (*self.providers, single)

    def get(self, name: str, kind: type[T]) -> T:
        """The value of a setting of that type."""
        value = self.values[name]
        if not isinstance(value, kind):
            raise TypeError(f"{name} is a {type(value).__name__}, not a {kind.__name__}")
        return value

    def names(self, name: str) -> tuple[str, ...]:
        """The value of a list."""
        value = self.values[name]
        return value if isinstance(value, tuple) else ()

    def path(self, name: str) -> Path | None:
        """An absolute path; None for none."""
        value = self.values[name]
        return value.absolute() if isinstance(value, Path) else None

    def source(self, name: str) -> str:
        """Where a setting came from."""
        return self.sources.get(name, "default")

    def data_dir(self) -> Path:
        """The folder for the database, the models and the certificates."""
        return self.path("data_dir") or self.xdg("XDG_DATA_HOME", ".local/share") / "fireside"

    def xdg(self, variable: str, fallback: str) -> Path:
        """A folder of the user's, by the XDG base directory specification."""
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


def _declared_providers(raw: object, path: Path) -> tuple[DeclaredProvider, ...]:
    try:
        return providers.providers_of_file(raw, path)
    except providers.ProviderDeclarationError as error:
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
