"""Runners and aliases as fireside.toml and the environment declare them: parsed and checked, not yet made.

Reads no file and no environment: config.py hands over what it read. Standard library only.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, cast

from fireside.runners.addresses import KINDS, AddressError, checked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TABLE: Final = "runners"
ALIAS_TABLE: Final = "model_aliases"
RESERVED: Final = ("local", "scripted")
"""Names of what is built in."""

OPENAI_URL: Final = "https://api.openai.com/v1"
_DISPLAY_NAMES = {OPENAI_URL: "OpenAI", "http://localhost:11434": "Ollama", "http://127.0.0.1:11434": "Ollama"}
_NAME = re.compile("[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")
_ALIAS = re.compile("[A-Za-z0-9]([A-Za-z0-9._:-]{0,98}[A-Za-z0-9])?")
_MODEL_ID = re.compile("[^/]+/.+")
_KEEP_ALIVE = re.compile("(|-?[0-9]+(ns|us|ms|s|m|h)?)")
NAME_RULE: Final = "lower case letters, digits and hyphens, at most 40, with no hyphen at an end"


class DeclarationError(ValueError):
    """Something declared cannot be used: its key, its value (empty for a secret), what was expected, and where it is."""

    def __init__(self, key: str, value: str, expected: str, where: str) -> None:
        super().__init__(f"{key} = {value!r} ({where}): expected {expected}.")
        self.key = key
        self.value = value
        self.expected = expected
        self.where = where


class UnknownKeyError(DeclarationError):
    """There is no key of that name; its value is not told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredRunner:
    """A runner of the file or the environment. None and empty values take the server's defaults; times are in seconds."""

    name: str
    kind: str
    addresses: tuple[str, ...]
    where: str
    """`fireside.toml:12` or `environment OLLAMA_BASE_URL`."""

    in_file: bool
    api_key: str = field(default="", repr=False)
    display_name: str = ""
    disabled: bool = False
    models: tuple[str, ...] = ()
    fallback: bool | None = None
    keep_alive: str = ""
    connect_timeout: float | None = None
    first_token_timeout: float | None = None
    between_tokens_timeout: float | None = None
    total_timeout: float | None = None
    concurrency: int | None = None
    queue_length: int | None = None
    queue_wait: float | None = None


@dataclass(frozen=True, slots=True)
class DeclaredAlias:
    """An alias of the file, and its models' ids, the preferred one first."""

    alias: str
    targets: tuple[str, ...]
    where: str


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a [[runners]] table: what it takes (to end the sentence `expected ...`), and what it is for."""

    name: str
    takes: str
    help: str
    example: str
    secret: bool = False


_SECONDS = "a number of seconds, more than 0 and at most 86400"
_COUNT = "a whole number from 0 to 100000"
KEYS: Final = (
    Key("name", NAME_RULE, "The prefix of its models' ids, `name/model`. Needed.", '"shed"'),
    Key("kind", "one of " + ", ".join(KINDS), "The protocol that it speaks. Needed.", '"ollama"'),
    Key("address", "a text", "Where it is: a base URL, or `host:port` for worker, sglang and triton. Needed.",
        '"http://shed:11434"'),
    Key("addresses", "a list of texts", "Instead of `address`: several workers, between which requests are spread.",
        '["shed:50051", "barn:50051"]'),
    Key("api_key", "a text", "The API key or token.", '"sk-…"', secret=True),
    Key("display_name", "a text of at most 100 characters", "The name to show.", '"The box in the shed"'),
    Key("disabled", "true or false", "Whether it is switched off.", "false"),
    Key("models", "a list of texts", "Offer only these models, or those of a server that cannot list them.",
        '["qwen3:8b"]'),
    Key("fallback", "true or false",
        "Whether the next runner with a model of the same name may stand in before the first token.", "true"),
    Key("keep_alive", "a time such as 5m, 0 or -1", "Ollama: how long a model stays loaded.", '"10m"'),
    Key("connect_timeout", _SECONDS, "Until a connection stands.", "10"),
    Key("first_token_timeout", _SECONDS, "From the request to the first token.", "300"),
    Key("between_tokens_timeout", _SECONDS, "Between two tokens.", "60"),
    Key("total_timeout", "a number of seconds, more than 0 and at most 604800",
        "From the request to the last token.", "3600"),
    Key("concurrency", _COUNT, "Answers that it writes at once; 0 for any number.", "4"),
    Key("queue_length", _COUNT, "Answers that wait for their turn.", "32"),
    Key("queue_wait", _SECONDS, "How long one waits for its turn.", "120"),
)  # fmt: skip
_KEYS = {key.name: key for key in KEYS}


def runners_of_file(raw: object, text: str, path: str) -> tuple[DeclaredRunner, ...]:
    """The [[runners]] tables that TOML made of the file `path` with this `text`. Raises DeclarationError."""
    if not isinstance(raw, list) or not all(isinstance(item, dict) for item in cast("list[object]", raw)):
        raise DeclarationError(TABLE, "", "tables that each start with [[runners]]", f"{path}:{_line(text, 0, TABLE)}")
    tables = cast("list[dict[str, object]]", raw)
    found: list[DeclaredRunner] = []
    for number, table in enumerate(tables):
        runner = _Table(table, text, path, number).runner()
        if any(other.name == runner.name for other in found):
            raise DeclarationError(f"{TABLE}[{number}].name", runner.name, "a name that no other has", runner.where)
        found.append(runner)
    return tuple(found)


def aliases_of_file(raw: object, text: str, path: str) -> tuple[DeclaredAlias, ...]:
    """The [model_aliases] table: `alias = "runner/model"`, or a list of those. Raises DeclarationError."""
    if not isinstance(raw, dict):
        raise DeclarationError(ALIAS_TABLE, "", "a table: [model_aliases]", path)
    found: list[DeclaredAlias] = []
    for alias, value in cast("dict[str, object]", raw).items():
        where = f"{path}:{_alias_line(text, alias)}"
        if not _ALIAS.fullmatch(alias):
            raise DeclarationError(ALIAS_TABLE, alias, "a name of letters, digits and . _ : - without a slash", where)
        targets = cast("list[object]", value) if isinstance(value, list) else [value]
        texts = tuple(target for target in targets if isinstance(target, str) and _MODEL_ID.fullmatch(target))
        if len(texts) != len(targets) or not 1 <= len(texts) <= 16:
            expected = "the id of a model, such as shed/qwen3:8b, or a list of 1 to 16 of them"
            raise DeclarationError(f"{ALIAS_TABLE}.{alias}", ", ".join(map(str, targets)), expected, where)
        found.append(DeclaredAlias(alias, texts, where))
    return tuple(found)


class _Table:
    """One [[runners]] table."""

    def __init__(self, table: Mapping[str, object], text: str, path: str, number: int) -> None:
        self._table = table
        self._text = text
        self._path = path
        self._number = number

    def runner(self) -> DeclaredRunner:
        for key in self._table:
            if key not in _KEYS:
                near = difflib.get_close_matches(key, _KEYS, 1)
                raise UnknownKeyError(
                    f"{TABLE}[{self._number}].{key}",
                    "",
                    near[0] if near else "one of " + ", ".join(_KEYS),
                    self._at(key),
                )
        name, kind = self._text_of("name", _NAME), self._text_of("kind")
        if name in RESERVED:
            raise self._wrong("name", f"another name: {name} is built in")
        if kind not in KINDS:
            raise self._wrong("kind")
        if self._text_of("keep_alive", _KEEP_ALIVE) and kind != "ollama":
            raise self._wrong("keep_alive", "no such key: only Ollama has it")
        if len(self._text_of("display_name")) > 100:
            raise self._wrong("display_name")
        return DeclaredRunner(
            name=name,
            kind=kind,
            addresses=self._addresses(kind),
            where=self._at(""),
            in_file=True,
            api_key=self._text_of("api_key").strip(),
            display_name=self._text_of("display_name"),
            disabled=bool(self._switch("disabled")),
            models=self._list("models"),
            fallback=self._switch("fallback"),
            keep_alive=self._text_of("keep_alive"),
            connect_timeout=self._seconds("connect_timeout"),
            first_token_timeout=self._seconds("first_token_timeout"),
            between_tokens_timeout=self._seconds("between_tokens_timeout"),
            total_timeout=self._seconds("total_timeout", 604_800),
            concurrency=self._count("concurrency"),
            queue_length=self._count("queue_length"),
            queue_wait=self._seconds("queue_wait"),
        )

    def _addresses(self, kind: str) -> tuple[str, ...]:
        if "address" in self._table and "addresses" in self._table:
            raise self._wrong("addresses", "either address or addresses, not both")
        key = "addresses" if "addresses" in self._table else "address"
        given = self._list(key) if key == "addresses" else (self._text_of(key, re.compile(".+")),)
        try:
            return checked(kind, given)
        except AddressError as error:
            # A password in an address is not told.
            value = re.sub(r"//[^/]*@", "//…@", given[error.index]) if given else ""
            raise DeclarationError(f"{TABLE}[{self._number}].{key}", value, error.expected, self._at(key)) from error

    def _text_of(self, key: str, pattern: re.Pattern[str] | None = None) -> str:
        """Empty when it is not there, unless the pattern does not match that."""
        value = self._table.get(key, "")
        if not isinstance(value, str) or (pattern is not None and pattern.fullmatch(value) is None):
            raise self._wrong(key)
        return value

    def _switch(self, key: str) -> bool | None:
        value = self._table.get(key)
        if value is not None and not isinstance(value, bool):
            raise self._wrong(key)
        return value

    def _seconds(self, key: str, most: float = 86_400) -> float | None:
        value = self._table.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= most:
            raise self._wrong(key)
        return float(value)

    def _count(self, key: str) -> int | None:
        value = self._table.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 100_000:
            raise self._wrong(key)
        return value

    def _list(self, key: str) -> tuple[str, ...]:
        value = self._table.get(key, [])
        items = cast("list[object]", value) if isinstance(value, list) else [None]
        texts = tuple(item for item in items if isinstance(item, str) and item)
        if len(texts) != len(items):
            raise self._wrong(key)
        return texts

    def _wrong(self, key: str, expected: str = "") -> DeclarationError:
        value = "" if _KEYS[key].secret or key not in self._table else str(self._table[key])
        return DeclarationError(f"{TABLE}[{self._number}].{key}", value, expected or _KEYS[key].takes, self._at(key))

    def _at(self, key: str) -> str:
        return f"{self._path}:{_line(self._text, self._number, key)}"


def _line(text: str, number: int, key: str) -> int:
    """The line of a key in the `number`-th [[runners]] table, or else of the table's start."""
    seen, start = -1, 1
    for index, line in enumerate(text.splitlines(), 1):
        if re.match(rf"\s*\[\[\s*{TABLE}\s*\]\]", line):
            seen += 1
            start = index if seen == number else start
        elif seen == number and key and re.match(rf"""\s*["']?{re.escape(key)}["']?\s*[=.]""", line):
            return index
    return start


def _alias_line(text: str, alias: str) -> int:
    inside = False
    for index, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("["):
            inside = re.match(rf"\s*\[\s*{ALIAS_TABLE}\s*\]", line) is not None
        elif inside and re.match(rf"""\s*["']?{re.escape(alias)}["']?\s*=""", line):
            return index
    return 1


# The variables that people of other chat servers have set, each with the list that goes before it.
OLLAMA_VARIABLES: Final = ("OLLAMA_BASE_URLS", "OLLAMA_BASE_URL")
OPENAI_URL_VARIABLES: Final = ("OPENAI_API_BASE_URLS", "OPENAI_API_BASE_URL")
OPENAI_KEY_VARIABLES: Final = ("OPENAI_API_KEYS", "OPENAI_API_KEY")


def runners_of_environment(environ: Mapping[str, str]) -> tuple[DeclaredRunner, ...]:
    """The runners of the variables above. Lists are separated by `;`. Raises DeclarationError."""
    found: list[DeclaredRunner] = []
    variable, urls = _first(environ, OLLAMA_VARIABLES)
    for number, url in enumerate([url for url in urls if url], 1):
        found.append(_of_variable("ollama", number, url, variable))
    variable, urls = _first(environ, OPENAI_URL_VARIABLES)
    key_variable, keys = _first(environ, OPENAI_KEY_VARIABLES)
    if not urls and keys:
        variable, urls = key_variable, [OPENAI_URL]
    if len(keys) > len(urls):
        raise DeclarationError(
            key_variable, "", f"at most as many keys as {variable} has addresses", f"environment {key_variable}"
        )
    for number, url in enumerate(urls, 1):
        key = keys[number - 1] if number <= len(keys) else ""
        if url or key:  # a key without an address is OpenAI's own
            runner = _of_variable("openai", number, url or OPENAI_URL, variable)
            found.append(replace(runner, api_key=key))
    return tuple(found)


def _first(environ: Mapping[str, str], variables: Sequence[str]) -> tuple[str, list[str]]:
    for variable in variables:
        if value := environ.get(variable, "").strip():
            return variable, [item.strip() for item in value.split(";")]
    return variables[-1], []


def _of_variable(kind: str, number: int, url: str, variable: str) -> DeclaredRunner:
    suffix = "" if number == 1 else f"-{number}"
    where = f"environment {variable}"
    try:
        addresses = checked(kind, [url])
    except AddressError as error:
        shown = re.sub(r"//[^/]*@", "//…@", url)
        raise DeclarationError(variable, shown, error.expected, where) from error
    return DeclaredRunner(
        name=kind + suffix,
        kind=kind,
        addresses=addresses,
        where=where,
        in_file=False,
        display_name=_DISPLAY_NAMES.get(addresses[0], ""),
    )
