"""Reads the settings: flag over environment over file over default. The only file that reads the environment.

Gives plain values and imports none of the packages that use them, so that every command starts fast; app.py turns them
into each package's `Options`. What the settings are is in settings.py.
"""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypedDict
from urllib.parse import urlsplit

from fireside.found import FILE_NAME, Found, SettingError, UnknownSettingError
from fireside.setting import show
from fireside.settings import GRPC_WITHOUT_EFFECT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from fireside.identity.providers import DeclaredProvider
    from fireside.runners.declared import DeclaredAlias, DeclaredRunner

__all__ = [
    "FILE_NAME",
    "GRPC_WITHOUT_EFFECT",
    "ClientConfig",
    "Config",
    "SettingError",
    "UnknownSettingError",
    "load",
    "load_client",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The settings of a server. Paths are absolute; times are in seconds; what each means is in settings.py."""

    host: str
    port: int
    port_asked: bool
    """Whether somebody named the port: then it is that one or none."""

    allowed_hosts: tuple[str, ...]
    cors_origins: tuple[str, ...]
    """As browsers write an origin: scheme, host and a port that is not the scheme's own."""

    trusted_proxies: tuple[str, ...]
    """Addresses and networks."""

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
    public_url: str
    """Without a slash at its end; empty for none."""

    smtp_host: str
    """Empty for no mail."""

    smtp_port: int
    """0 for the usual one of `smtp_security`."""

    smtp_security: str
    smtp_user: str
    smtp_password: str = field(repr=False)
    smtp_from: str
    oidc_issuer: str
    """Empty for none; `providers` has it as well."""

    oidc_client_id: str
    oidc_client_secret: str = field(repr=False)
    oidc_name: str
    oidc_sign_up: bool
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
    runner_private_addresses: bool
    runner_connect_timeout: float
    runner_first_token_timeout: float
    runner_between_tokens_timeout: float
    runner_total_timeout: float
    runner_concurrency: int
    runner_queue_length: int
    runner_queue_wait: float
    runner_retries: int
    runner_fallback: bool
    upload_max_bytes: int
    """0 for no limit."""

    upload_refused_types: tuple[str, ...]
    upload_keep: float
    blob_store: str
    """An absolute folder or `s3://bucket/prefix`; never empty."""

    s3_endpoint: str
    """Empty for Amazon's."""

    s3_region: str
    s3_access_key: str
    s3_secret_key: str = field(repr=False)
    embedding_model: str
    """A model's id; empty for the embedded one, `off` for none."""

    extract_timeout: float
    extract_memory: int
    job_workers: int
    workers: int
    shutdown_grace: float
    log_level: str
    log_format: str
    worker_token: str = field(repr=False)
    """Empty for none."""

    runners: tuple[DeclaredRunner, ...] = ()
    """Those of the file, then those of the environment; the registry has more."""

    model_aliases: tuple[DeclaredAlias, ...] = ()
    providers: tuple[DeclaredProvider, ...] = ()
    """Where else people can sign in: those of the file, then that of the settings oidc_*."""

    loopback_only: bool = True
    """Whether only this machine can reach the server; cli/serve.py knows."""

    set_up_token: str = field(default="", repr=False)
    """Of the link that this start prints while nobody has an account; empty for none. No setting: cli/serve.py makes it."""

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
    api_key: str = field(repr=False)
    """Empty for the one in `credentials`, if there is one."""

    credentials: Path
    """Where `fireside login` keeps keys."""


def load(flags: Mapping[str, str | None], *, file: Path | None = None) -> Config:
    """Reads the settings of a server. `flags` maps settings to what the command line said; None is not said.

    `file` must exist when given; without it FIRESIDE_CONFIG, ./fireside.toml or the user's own file is read, if there
    is one. Raises SettingError.
    """
    found = Found.read(dict(os.environ), flags, file)
    config = _server_config(found)
    if (config.tls_cert is None) != (config.tls_key is None):
        given, missing = ("tls_cert", "tls_key") if config.tls_cert else ("tls_key", "tls_cert")
        raise SettingError(given, show(found.values[given]), f"{missing} to be set as well", found.sources[given])
    if config.tls == "auto" and config.tls_cert is not None:
        raise SettingError("tls", "auto", "either tls = auto or tls_cert and tls_key, not both", found.source("tls"))
    _check_mail(config, found)
    return config


def load_client(flags: Mapping[str, str | None], *, file: Path | None = None) -> ClientConfig:
    """Reads the settings of a client, like `load`. Raises SettingError."""
    found = Found.read(dict(os.environ), flags, file)
    url = found.get("url", str)
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path.strip("/"):
        raise SettingError("url", url, "http://host:port or https://host:port", found.source("url"))
    return ClientConfig(
        url=url.rstrip("/"),
        tls_ca=found.path("tls_ca"),
        data_dir=found.data_dir(),
        api_key=found.get("api_key", str),
        credentials=found.xdg("XDG_CONFIG_HOME", ".config") / "credentials.json",
    )


class _AccountsConfig(TypedDict):
    public_url: str
    smtp_host: str
    smtp_port: int
    smtp_security: str
    smtp_user: str
    smtp_password: str
    smtp_from: str
    oidc_issuer: str
    oidc_client_id: str
    oidc_client_secret: str
    oidc_name: str
    oidc_sign_up: bool


def _accounts_config(found: Found) -> _AccountsConfig:
    return {
        "public_url": found.get("public_url", str).rstrip("/"),
        "smtp_host": found.get("smtp_host", str),
        "smtp_port": found.get("smtp_port", int),
        "smtp_security": found.get("smtp_security", str),
        "smtp_user": found.get("smtp_user", str),
        "smtp_password": found.get("smtp_password", str),
        "smtp_from": found.get("smtp_from", str),
        "oidc_issuer": found.get("oidc_issuer", str),
        "oidc_client_id": found.get("oidc_client_id", str),
        "oidc_client_secret": found.get("oidc_client_secret", str),
        "oidc_name": found.get("oidc_name", str),
        "oidc_sign_up": found.get("oidc_sign_up", bool),
    }


def _cors_origins(found: Found) -> tuple[str, ...]:
    origins = tuple(origin.lower().rstrip("/") for origin in found.names("cors_origins"))
    for origin in origins:
        parts = urlsplit(origin)
        # "*" is no origin: whoever opens the API to every page on earth shall not do it by a character.
        if parts.scheme not in {"http", "https"} or not parts.hostname or origin != f"{parts.scheme}://{parts.netloc}":
            expected = "origins such as https://app.example.org, without a path"
            raise SettingError("cors_origins", origin, expected, found.source("cors_origins"))
    return origins


def _trusted_proxies(found: Found) -> tuple[str, ...]:
    for text in found.names("trusted_proxies"):
        try:
            ipaddress.ip_network(text, strict=False)
        except ValueError:
            expected = "addresses or networks such as 127.0.0.1 or 10.0.0.0/8"
            raise SettingError("trusted_proxies", text, expected, found.source("trusted_proxies")) from None
    return found.names("trusted_proxies")


def _check_mail(config: Config, found: Found) -> None:
    parts = urlsplit(config.public_url)
    if config.public_url and (parts.scheme not in {"http", "https"} or not parts.hostname or parts.path):
        expected = "http://host or https://host, with a port where it needs one"
        raise SettingError("public_url", config.public_url, expected, found.source("public_url"))
    if not config.smtp_host:
        return
    # Never taken from a request: whoever asks for a link by mail must not choose where it leads.
    for name, value in (("smtp_from", config.smtp_from), ("public_url", config.public_url)):
        if not value:
            raise SettingError("smtp_host", config.smtp_host, f"{name} to be set as well", found.source("smtp_host"))
    if "@" not in config.smtp_from or not config.smtp_from.isprintable():
        raise SettingError("smtp_from", config.smtp_from, "a mail address", found.source("smtp_from"))


class _RunnersConfig(TypedDict):
    runner_private_addresses: bool
    runner_connect_timeout: float
    runner_first_token_timeout: float
    runner_between_tokens_timeout: float
    runner_total_timeout: float
    runner_concurrency: int
    runner_queue_length: int
    runner_queue_wait: float
    runner_retries: int
    runner_fallback: bool


def _runners_config(found: Found) -> _RunnersConfig:
    return {
        "runner_private_addresses": found.get("runner_private_addresses", bool),
        "runner_connect_timeout": found.get("runner_connect_timeout", float),
        "runner_first_token_timeout": found.get("runner_first_token_timeout", float),
        "runner_between_tokens_timeout": found.get("runner_between_tokens_timeout", float),
        "runner_total_timeout": found.get("runner_total_timeout", float),
        "runner_concurrency": found.get("runner_concurrency", int),
        "runner_queue_length": found.get("runner_queue_length", int),
        "runner_queue_wait": found.get("runner_queue_wait", float),
        "runner_retries": found.get("runner_retries", int),
        "runner_fallback": found.get("runner_fallback", bool),
    }


class _KnowledgeConfig(TypedDict):
    upload_max_bytes: int
    upload_refused_types: tuple[str, ...]
    upload_keep: float
    blob_store: str
    s3_endpoint: str
    s3_region: str
    s3_access_key: str
    s3_secret_key: str
    embedding_model: str
    extract_timeout: float
    extract_memory: int
    job_workers: int


def _knowledge_config(found: Found, data_dir: Path) -> _KnowledgeConfig:
    return {
        "upload_max_bytes": found.get("upload_max_bytes", int),
        "upload_refused_types": found.names("upload_refused_types"),
        "upload_keep": found.get("upload_keep", float),
        "blob_store": _blob_store(found) or str(data_dir / "blobs"),
        "s3_endpoint": found.get("s3_endpoint", str).rstrip("/"),
        "s3_region": found.get("s3_region", str),
        "s3_access_key": found.get("s3_access_key", str),
        "s3_secret_key": found.get("s3_secret_key", str),
        "embedding_model": found.get("embedding_model", str),
        "extract_timeout": found.get("extract_timeout", float),
        "extract_memory": found.get("extract_memory", int),
        "job_workers": found.get("job_workers", int),
    }


def _blob_store(found: Found) -> str:
    text = found.get("blob_store", str)
    parts = urlsplit(text)
    if text and not text.startswith("/") and not (parts.scheme == "s3" and parts.netloc):
        expected = "an absolute folder, or s3://bucket/prefix"
        raise SettingError("blob_store", text, expected, found.source("blob_store"))
    return text.rstrip("/") if text != "/" else text


def _server_config(found: Found) -> Config:
    data_dir = found.data_dir()
    return Config(
        host=found.get("host", str),
        port=found.get("port", int),
        port_asked="port" in found.sources,
        allowed_hosts=found.names("allowed_hosts"),
        cors_origins=_cors_origins(found),
        trusted_proxies=_trusted_proxies(found),
        keep_alive=found.get("keep_alive", float),
        grpc_max_message_length=found.get("grpc_max_message_length", int),
        grpc_max_concurrent_streams=found.get("grpc_max_concurrent_streams", int),
        grpc_keepalive_time=found.get("grpc_keepalive_time", float),
        grpc_keepalive_timeout=found.get("grpc_keepalive_timeout", float),
        data_dir=data_dir,
        database_url=found.get("database_url", str) or _sqlite_url(data_dir / "fireside.db"),
        secret_key=found.get("secret_key", str),
        single_user=found.get("single_user", bool),
        **_accounts_config(found),
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
        **_runners_config(found),
        **_knowledge_config(found, data_dir),
        workers=found.get("workers", int),
        shutdown_grace=found.get("shutdown_grace", float),
        log_level=found.get("log_level", str),
        log_format=found.get("log_format", str),
        worker_token=found.get("worker_token", str),
        runners=found.all_runners(),
        model_aliases=found.model_aliases,
        providers=found.all_providers(),
        sources=dict(found.sources),
        notes=tuple(found.notes.values()),
    )


def _sqlite_url(path: Path) -> str:
    return path.as_uri().replace("file://", "sqlite://", 1)
