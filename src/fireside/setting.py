"""What a setting is: its name, type and limits, and what a text or a TOML value must be to be taken for it. The table of
settings is in settings.py. Standard library only, so that the command line starts fast.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final, cast

Value = str | int | float | bool | Path | tuple[str, ...] | None

ENV_PREFIX: Final = "FIRESIDE_"
_TRUE = {"true", "yes", "on", "1"}
_FALSE = {"false", "no", "off", "0"}


class Kind(Enum):
    """The type of a setting; the value is what help texts call it."""

    TEXT = "TEXT"
    INTEGER = "NUMBER"
    SECONDS = "SECONDS"
    SWITCH = "BOOL"
    PATH = "PATH"
    LIST = "LIST"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting. It is called `name` in the file, `--na-me` as a flag and `FIRESIDE_NAME` in the environment."""

    name: str
    kind: Kind
    default: Value
    """None where the default depends on the machine or on another setting; `default_text` tells it then."""

    help: str
    section: str
    default_text: str = ""
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    clamps: bool = False
    """Whether a number above `maximum` is taken as the maximum, with a line in the log, instead of stopping the start."""

    variables: tuple[str, ...] = ()
    """Further environment variables that hold it: those that people have from other gRPC servers. `env` wins over them."""

    secret: bool = False
    """Its value is not shown; of a URL, only the password is not."""

    @property
    def flag(self) -> str:
        """The command-line flag."""
        return "--" + self.name.replace("_", "-")

    @property
    def env(self) -> str:
        """The environment variable."""
        return ENV_PREFIX + self.name.upper()

    @property
    def expected(self) -> str:
        """What a value must be, to end the sentence `expected ...`."""
        if self.choices:
            return " or ".join(self.choices) if len(self.choices) == 2 else "one of " + ", ".join(self.choices)
        if self.kind in {Kind.INTEGER, Kind.SECONDS}:
            noun = "a whole number" if self.kind is Kind.INTEGER else "a number of seconds"
            if self.maximum is not None:
                beyond = " (a larger one is taken as that)" if self.clamps else ""
                return f"{noun} from {_plain(self.minimum or 0)} to {_plain(self.maximum)}{beyond}"
            return f"{noun}, {self.minimum or 0:g} or more"
        if self.kind is Kind.TEXT and self.minimum:
            return f"a text of at least {self.minimum:g} characters"
        return {
            Kind.SWITCH: "true or false",
            Kind.PATH: "a path",
            Kind.LIST: "names separated by commas (in the file: a list of texts)",
        }.get(self.kind, "a text")

    @property
    def shown_default(self) -> str:
        """The default as help texts and documentation show it."""
        return self.default_text or show(self.default)

    def parse(self, raw: str) -> Value:
        """The value that a flag or an environment variable holds. ValueError: it is not what is `expected`."""
        text = raw.strip()
        match self.kind:
            case Kind.INTEGER:
                return self._bounded(int(text))
            case Kind.SECONDS:
                return self._bounded(float(text))
            case Kind.SWITCH if text.lower() in _TRUE | _FALSE:
                return text.lower() in _TRUE
            case Kind.SWITCH:
                raise ValueError(text)
            case Kind.LIST:
                return tuple(part for item in text.split(",") if (part := item.strip()))
            case Kind.PATH:
                return _path(text)
            case Kind.TEXT:
                return self._chosen(text)

    def accept(self, value: object) -> Value:
        """The value that the file holds, already typed by TOML. ValueError: it is not what is `expected`."""
        match self.kind, value:
            case Kind.INTEGER, int() if not isinstance(value, bool):
                return self._bounded(value)
            case Kind.SECONDS, int() | float() if not isinstance(value, bool):
                return self._bounded(float(value))
            case Kind.SWITCH, bool():
                return value
            case Kind.TEXT, str():
                return self._chosen(value)
            case Kind.PATH, str():
                return _path(value)
            case Kind.LIST, list():
                return _texts(cast("list[object]", value))
            case _:
                raise ValueError(self.expected)

    def _bounded(self, number: float) -> int | float:
        low, high = self.minimum or 0, math.inf if self.maximum is None else self.maximum
        if self.clamps and number > high and not math.isinf(number):
            return int(high) if isinstance(number, int) else float(high)
        # NaN fails both comparisons, and so is refused.
        if not low <= number <= high or math.isinf(number):
            raise ValueError(number)
        return number

    def _chosen(self, text: str) -> str:
        if (self.choices and text not in self.choices) or (text and len(text) < (self.minimum or 0)):
            raise ValueError(text)
        return text


def _plain(number: float) -> str:
    """All digits of a whole number: `2147483647`, not `2.14748e+09`."""
    return f"{number:.0f}" if number == int(number) else f"{number:g}"


def _path(text: str) -> Path | None:
    return Path(text).expanduser() if text else None


def _texts(items: list[object]) -> tuple[str, ...]:
    texts = tuple(item for item in items if isinstance(item, str))
    if len(texts) != len(items):
        raise ValueError(items)
    return texts


def show(value: Value) -> str:
    """A value as it would be written on a command line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return ",".join(value)
    if isinstance(value, float):
        return f"{value:g}"
    return "" if value is None else str(value)
