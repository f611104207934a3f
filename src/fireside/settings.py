"""The one table of settings: names, types, limits, help. Does not read them: that is config's.

`fireside serve --help`, docs/reference/configuration.md and fireside.example.toml are made from it. Standard library
only, so that the command line starts fast.
"""

from __future__ import annotations

from typing import Final

from fireside.setting import Kind, Setting

CLIENT: Final = "Client"
WORKER: Final = "Model worker"
LARGEST_MESSAGE: Final = 2**31 - 1
"""Lengths in gRPC are signed 32-bit numbers: no message can be longer."""

_NETWORK = "Network"
_GRPC = "gRPC"
_STORAGE = "Storage"
_TLS = "TLS"
_MODELS = "Models"
_RUNNERS = "Runners"
_ACCOUNTS = "Accounts"
_KNOWLEDGE = "Files and knowledge"
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
        default_text="localhost, this machine's name, the addresses listened on and the host of public_url",
        help="Further host names under which browsers may reach the server; * allows any.",
    ),
    Setting(
        name="cors_origins", kind=Kind.LIST, default=(), section=_NETWORK, default_text="none",
        help="Origins of other sites, such as https://app.example.org, whose pages may call the API with an API key. "
        "Cookies never count for them.",
    ),
    Setting(
        name="trusted_proxies", kind=Kind.LIST, default=(), section=_NETWORK, default_text="none",
        help="Addresses or networks, such as 10.0.0.0/8, of reverse proxies in front: their X-Forwarded-For and "
        "X-Forwarded-Proto say who calls, and how. Anybody else's are ignored.",
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
        name="public_url", kind=Kind.TEXT, default="", section=_ACCOUNTS, default_text="none",
        help="Address under which people reach the server, such as https://chat.example.org: links in mails start with it.",
    ),
    Setting(
        name="smtp_host", kind=Kind.TEXT, default="", section=_ACCOUNTS, default_text="none: no mail is sent",
        help="Mail server for invitations, new passwords and confirmed addresses. Needs smtp_from and public_url.",
    ),
    Setting(
        name="smtp_port", kind=Kind.INTEGER, default=0, maximum=65535, section=_ACCOUNTS,
        default_text="587 with starttls, 465 with tls, 25 without",
        help="Port of the mail server.",
    ),
    Setting(
        name="smtp_security", kind=Kind.TEXT, default="starttls", choices=("starttls", "tls", "off"), section=_ACCOUNTS,
        help="How mails are protected on their way to the mail server; off sends them, and the password, in the clear.",
    ),
    Setting(
        name="smtp_user", kind=Kind.TEXT, default="", section=_ACCOUNTS, default_text="none: nobody signs in there",
        help="User at the mail server.",
    ),
    Setting(
        name="smtp_password", kind=Kind.TEXT, default="", section=_ACCOUNTS, secret=True, default_text="none",
        help="Password at the mail server. The environment and the file are better places for it than the command line.",
    ),
    Setting(
        name="smtp_from", kind=Kind.TEXT, default="", section=_ACCOUNTS, default_text="none",
        help="Address that mails come from, such as fireside@example.org.",
    ),
    Setting(
        name="oidc_issuer", kind=Kind.TEXT, default="", section=_ACCOUNTS, default_text="none",
        help="OpenID Connect provider that people can sign in with, such as https://login.example.org. Needs "
        "oidc_client_id. Several, and all that can be set of one: [[oidc]] in the file.",
    ),
    Setting(
        name="oidc_client_id", kind=Kind.TEXT, default="", section=_ACCOUNTS, default_text="none",
        help="What that provider calls this server.",
    ),
    Setting(
        name="oidc_client_secret", kind=Kind.TEXT, default="", section=_ACCOUNTS, secret=True, default_text="none",
        help="The secret that it gave this server. The environment and the file are better places for it than the "
        "command line.",
    ),
    Setting(
        name="oidc_name", kind=Kind.TEXT, default="sso", section=_ACCOUNTS,
        help="Its name in addresses: it sends people back to /auth/oidc/NAME/callback.",
    ),
    Setting(
        name="oidc_sign_up", kind=Kind.SWITCH, default=False, section=_ACCOUNTS,
        help="Whether people without an account get one when they first sign in there.",
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
        name="runner_private_addresses", kind=Kind.SWITCH, default=True, section=_RUNNERS,
        help="Whether runners that are added in the web app may be on this machine and in private networks. Holds for all of them.",
    ),
    Setting(
        name="upload_max_bytes", kind=Kind.INTEGER, default=8_589_934_592, maximum=2**50, section=_KNOWLEDGE,
        help="Bytes of the largest file that can be uploaded; 0 for no limit.",
    ),
    Setting(
        name="upload_refused_types", kind=Kind.LIST, default=(), section=_KNOWLEDGE, default_text="none",
        help="Media types (video/* for all of a kind) and endings (.exe) of files that are refused.",
    ),
    Setting(
        name="upload_keep", kind=Kind.SECONDS, default=604_800.0, minimum=60, section=_KNOWLEDGE,
        help="How long an upload that is not finished is kept after its last piece.",
    ),
    Setting(
        name="blob_store", kind=Kind.TEXT, default="", section=_KNOWLEDGE, default_text="blobs in data_dir",
        help="Where the bytes of files are: an absolute folder, or s3://bucket/prefix for an S3-compatible store.",
    ),
    Setting(
        name="s3_endpoint", kind=Kind.TEXT, default="", section=_KNOWLEDGE, default_text="Amazon's",
        help="Address of the S3-compatible store, such as https://minio.example.org.",
    ),
    Setting(
        name="s3_region", kind=Kind.TEXT, default="us-east-1", section=_KNOWLEDGE,
        help="Region that requests to the S3-compatible store are signed for.",
    ),
    Setting(
        name="s3_access_key", kind=Kind.TEXT, default="", section=_KNOWLEDGE,
        default_text="what AWS's variables and files say",
        help="Access key id for the S3-compatible store.",
    ),
    Setting(
        name="s3_secret_key", kind=Kind.TEXT, default="", section=_KNOWLEDGE, secret=True,
        default_text="what AWS's variables and files say",
        help="Secret access key for the S3-compatible store. The environment and the file are better places for it than "
        "the command line.",
    ),
    Setting(
        name="embedding_model", kind=Kind.TEXT, default="", section=_KNOWLEDGE, default_text="the embedded one",
        help="Model that makes vectors of documents and questions, by its id, such as ollama/nomic-embed-text; off searches "
        "by words alone. Changing it embeds everything again, in the background.",
    ),
    Setting(
        name="extract_timeout", kind=Kind.SECONDS, default=1800.0, minimum=1, maximum=86_400, section=_KNOWLEDGE,
        help="Longest time that taking the text out of one document may take.",
    ),
    Setting(
        name="extract_memory", kind=Kind.INTEGER, default=2_147_483_648, minimum=268_435_456, section=_KNOWLEDGE,
        help="Bytes of memory that taking the text out of one document may use.",
    ),
    Setting(
        name="job_workers", kind=Kind.INTEGER, default=1, maximum=64, section=_KNOWLEDGE,
        help="Documents that each process reads and embeds at once, and one more that is attached to a message; 0 leaves that to "
        "other processes.",
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
        help="Server that `fireside chat`, `fireside login` and the other commands that are clients talk to.",
    ),
    Setting(
        name="tls_ca", kind=Kind.PATH, default=None, section=CLIENT,
        default_text="the system's, and the one that `--tls auto` made",
        help="PEM file with the certificate authority that those commands trust.",
    ),
    Setting(
        name="api_key", kind=Kind.TEXT, default="", section=CLIENT, secret=True,
        default_text="the one that `fireside login` made for the server",
        help="API key that those commands, and `fireside bench`, sign in with. The environment is a better place for it "
        "than the command line, which other users can see.",
    ),
)  # fmt: skip

BY_NAME: Final = {setting.name: setting for setting in SETTINGS}
SERVER_SETTINGS: Final = tuple(setting for setting in SETTINGS if setting.section not in {CLIENT, WORKER})
_NOT_OF_WORKERS = {
    "allowed_hosts", "cors_origins", "database_url", "default_model", "keep_alive", "secret_key", "trusted_proxies", "workers",
}  # fmt: skip
WORKER_SETTINGS: Final = tuple(
    setting
    for setting in SETTINGS
    if setting.section not in {CLIENT, _RUNNERS, _ACCOUNTS, _KNOWLEDGE} and setting.name not in _NOT_OF_WORKERS
)
CLIENT_SETTINGS: Final = (*(BY_NAME[name] for name in ("url", "tls_ca", "api_key", "data_dir")),)
"""What every command that is a client can be told."""

GRPC_WITHOUT_EFFECT: Final = {
    "GRPC_MIN_PING_INTERVAL": "pings are answered at any rate, and none ends a connection",
    "GRPC_MAX_CONNECTION_AGE": "a connection may last as long as it is used; let a proxy in front limit its age",
    "GRPC_MAX_CONNECTION_AGE_GRACE": "connections have no age limit that a grace could follow",
}
"""Variables of other gRPC servers that nothing here answers to, and why. They are accepted, and told in the log."""
