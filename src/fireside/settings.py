"""The one table of settings: names, types, limits, help. Does not read them: that is config's.

`fireside serve --help`, docs/reference/configuration.md and fireside.example.toml are made from it. Standard library
only, so that the command line starts fast.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final, cast

Value = str | int | float | bool | Path | tuple[str, ...] | None

ENV_PREFIX: Final = "FIRESIDE_"
CLIENT: Final = "Client"
WORKER: Final = "Model worker"
LARGEST_MESSAGE: Final = 2**31 - 1
"""Lengths in gRPC are signed 32-bit numbers: no message can be longer."""
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


_NETWORK = "Network"
_GRPC = "gRPC"
_STORAGE = "Storage"
_TLS = "TLS"
_MODELS = "Models"
_RUNNERS = "Runners"
_ACCOUNTS = "Accounts"
_RUNNING = "Running"

SETTINGS: Final[tuple[Setting, ...]] = (
    Setting(
        name="host", kind=Kind.TEXT, default="127.0.0.1", section=_NETWORK,
        help="Address or host name to listen on. Anything but a loopback address lets other machines in: use TLS then.",
    ),
    Setting(
        name="port", kind=Kind.INTEGER, default=8080, maximum=65535, section=_NETWORK,
        default_text="8080, or the next free one",
        help="Port to listen on; 0 takes any free one. A port that is asked for and taken is an error.",
    ),
    Setting(
        name="allowed_hosts", kind=Kind.LIST, default=(), section=_NETWORK,
        default_text="localhost, this machine's name and the addresses listened on",
        help="Further host names under which browsers may reach the server; * allows any.",
    ),
    Setting(
        name="keep_alive", kind=Kind.SECONDS, default=120.0, section=_NETWORK,
        help="How long an idle connection is kept open; 0 keeps it for ever.",
    ),
    Setting(
        name="grpc_max_message_length", kind=Kind.INTEGER, default=4_194_304, minimum=65536, maximum=LARGEST_MESSAGE,
        clamps=True, variables=("GRPC_MAX_MESSAGE_LENGTH",), section=_GRPC,
        help="Bytes of the longest message: in requests to the chat, and in what model workers send and are sent. "
        "Whoever may send one message may fill as much memory.",
    ),
    Setting(
        name="grpc_max_concurrent_streams", kind=Kind.INTEGER, default=2000, minimum=1, maximum=LARGEST_MESSAGE,
        clamps=True, variables=("GRPC_MAX_CONCURRENT_STREAMS",), section=_GRPC,
        help="Most open calls on one HTTP/2 connection.",
    ),
    Setting(
        name="grpc_keepalive_time", kind=Kind.SECONDS, default=60.0, maximum=32767, clamps=True,
        variables=("GRPC_KEEPALIVE_TIME",), section=_GRPC,
        help="How long a connection, to a client or a model worker, may be silent before the other side is probed; "
        "0 never probes.",
    ),
    Setting(
        name="grpc_keepalive_timeout", kind=Kind.SECONDS, default=20.0, minimum=1, maximum=3600,
        variables=("GRPC_KEEPALIVE_TIMEOUT",), section=_GRPC,
        help="How long a probe, or data that was sent, may stay unconfirmed before the connection is given up.",
    ),
    Setting(
        name="data_dir", kind=Kind.PATH, default=None, section=_STORAGE,
        default_text="$XDG_DATA_HOME/fireside, or ~/.local/share/fireside",
        help="Folder for the database, the models and the certificates.",
    ),
    Setting(
        name="database_url", kind=Kind.TEXT, default="", section=_STORAGE, secret=True,
        default_text="an SQLite file in data_dir",
        help="Database: sqlite:///absolute/path.db or postgresql://user:password@host/name.",
    ),
    Setting(
        name="secret_key", kind=Kind.TEXT, default="", minimum=16, section=_STORAGE, secret=True,
        default_text="secret.key in data_dir, made when first needed",
        help="Long random text that encrypts API keys in the database, such as `openssl rand -hex 32` prints.",
    ),
    Setting(
        name="single_user", kind=Kind.SWITCH, default=False, section=_ACCOUNTS,
        help="Whether the server has one account and no sign-in. Only on loopback: whoever reaches it is that account.",
    ),
    Setting(
        name="tls", kind=Kind.TEXT, default="off", choices=("off", "auto"), section=_TLS,
        help="auto makes a certificate authority and a certificate for this machine in data_dir/tls.",
    ),
    Setting(
        name="tls_cert", kind=Kind.PATH, default=None, section=_TLS, default_text="none",
        help="PEM file with your own certificate chain; needs tls_key.",
    ),
    Setting(
        name="tls_key", kind=Kind.PATH, default=None, section=_TLS, default_text="none",
        help="PEM file with the certificate's private key, not encrypted.",
    ),
    Setting(
        name="default_model", kind=Kind.TEXT, default="", section=_MODELS,
        default_text="the first that is ready",
        help="Model that new conversations start with, by its id, such as local/qwen2.5-coder-0.5b.",
    ),
    Setting(
        name="local_model", kind=Kind.SWITCH, default=True, section=_MODELS,
        help="Whether to offer the embedded model.",
    ),
    Setting(
        name="models_dir", kind=Kind.PATH, default=None, section=_MODELS, default_text="models in data_dir",
        help="Folder with the embedded model's weights.",
    ),
    Setting(
        name="llama_idle_stop", kind=Kind.SECONDS, default=600.0, section=_MODELS,
        help="Stop the embedded model's process after this long without use, to free its memory; 0 never stops it.",
    ),
    Setting(
        name="llama_threads", kind=Kind.INTEGER, default=0, maximum=1024, section=_MODELS,
        default_text="one less than the machine's cores",
        help="Threads of the embedded model.",
    ),
    Setting(
        name="llama_slots", kind=Kind.INTEGER, default=4, minimum=1, maximum=256, section=_MODELS,
        help="Answers that the embedded model writes at once; they share llama_context.",
    ),
    Setting(
        name="llama_context", kind=Kind.INTEGER, default=32768, minimum=512, maximum=10_000_000, section=_MODELS,
        help="Tokens of context of the embedded model, shared by its slots.",
    ),
    Setting(
        name="queue_length", kind=Kind.INTEGER, default=32, maximum=100_000, section=_MODELS,
        help="Most generations that wait for a free slot; further ones are refused.",
    ),
    Setting(
        name="queue_wait", kind=Kind.SECONDS, default=120.0, section=_MODELS,
        help="Longest time that a generation waits for a free slot.",
    ),
    Setting(
        name="runner_connect_timeout", kind=Kind.SECONDS, default=10.0, minimum=0.1, maximum=86_400, section=_RUNNERS,
        help="Longest time until a connection to a runner stands. Like all of this section, a runner may have its own.",
    ),
    Setting(
        name="runner_first_token_timeout", kind=Kind.SECONDS, default=300.0, maximum=86_400, section=_RUNNERS,
        help="Longest time from a request to a runner's first token, its queue left out; 0 for no limit.",
    ),
    Setting(
        name="runner_between_tokens_timeout", kind=Kind.SECONDS, default=120.0, maximum=86_400, section=_RUNNERS,
        help="Longest time between two tokens of a runner; 0 for no limit.",
    ),
    Setting(
        name="runner_total_timeout", kind=Kind.SECONDS, default=3600.0, maximum=604_800, section=_RUNNERS,
        help="Longest time from a request to a runner's last token, its queue left out; 0 for no limit.",
    ),
    Setting(
        name="runner_concurrency", kind=Kind.INTEGER, default=0, maximum=100_000, section=_RUNNERS,
        help="Answers that a runner writes at once; further ones wait their turn. 0 for any number.",
    ),
    Setting(
        name="runner_queue_length", kind=Kind.INTEGER, default=32, maximum=100_000, section=_RUNNERS,
        help="Most answers that wait for a runner; further ones are refused.",
    ),
    Setting(
        name="runner_queue_wait", kind=Kind.SECONDS, default=120.0, maximum=86_400, section=_RUNNERS,
        help="Longest time that an answer waits for a runner.",
    ),
    Setting(
        name="runner_retries", kind=Kind.INTEGER, default=1, maximum=10, section=_RUNNERS,
        help="How often a request that a runner did not take is made again, before its first token only.",
    ),
    Setting(
        name="runner_fallback", kind=Kind.SWITCH, default=False, section=_RUNNERS,
        help="Whether the next runner with a model of the same name may stand in; those that are added later say so themselves.",
    ),
    Setting(
        name="workers", kind=Kind.INTEGER, default=1, minimum=1, maximum=64, section=_RUNNING,
        help="Server processes that share the port and the database; one for each core that answers shall use.",
    ),
    Setting(
        name="shutdown_grace", kind=Kind.SECONDS, default=10.0, maximum=10.0, section=_RUNNING,
        help="Longest time that stopping takes. Answers that run have it, less 5 s, to end; the rest can be continued.",
    ),
    Setting(
        name="log_level", kind=Kind.TEXT, default="warning", choices=("debug", "info", "warning", "error"),
        section=_RUNNING, help="What to log, to standard error. Message contents are never logged.",
    ),
    Setting(
        name="log_format", kind=Kind.TEXT, default="text", choices=("text", "json"), section=_RUNNING,
        help="Form of the log: lines for a person, or one JSON object a line.",
    ),
    Setting(
        name="worker_token", kind=Kind.TEXT, default="", section=WORKER, secret=True, default_text="none",
        help="What callers of `fireside worker` must know: the secret of the runner that is set up for it. The "
        "environment and the file are better places for it than the command line, which other users can see.",
    ),
    Setting(
        name="url", kind=Kind.TEXT, default="http://127.0.0.1:8080", section=CLIENT,
        help="Server that `fireside chat` and `fireside runners` talk to.",
    ),
    Setting(
        name="tls_ca", kind=Kind.PATH, default=None, section=CLIENT,
        default_text="the system's, and the one that `--tls auto` made",
        help="PEM file with the certificate authority that those commands trust.",
    ),
)  # fmt: skip

BY_NAME: Final = {setting.name: setting for setting in SETTINGS}
SERVER_SETTINGS: Final = tuple(setting for setting in SETTINGS if setting.section not in {CLIENT, WORKER})
_NOT_OF_WORKERS = {"allowed_hosts", "database_url", "default_model", "keep_alive", "secret_key", "workers"}
WORKER_SETTINGS: Final = tuple(
    setting for setting in SETTINGS if setting.section not in {CLIENT, _RUNNERS} and setting.name not in _NOT_OF_WORKERS
)
GRPC_WITHOUT_EFFECT: Final = {
    "GRPC_MIN_PING_INTERVAL": "pings are answered at any rate, and none ends a connection",
    "GRPC_MAX_CONNECTION_AGE": "a connection may last as long as it is used; let a proxy in front limit its age",
    "GRPC_MAX_CONNECTION_AGE_GRACE": "connections have no age limit that a grace could follow",
}
"""Variables of other gRPC servers that nothing here answers to, and why. They are accepted, and told in the log."""
