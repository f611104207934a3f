"""Settings: precedence, limits, and what a wrong one is told. Not what they do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fireside.config import SettingError, UnknownSettingError, load, load_client
from fireside.setting import Kind, Setting
from fireside.settings import BY_NAME, CLIENT, GRPC_WITHOUT_EFFECT, SETTINGS

EXAMPLE_VALUES = {Kind.TEXT: "text", Kind.PATH: "/some/path", Kind.SWITCH: "false", Kind.LIST: "a, b"}


@pytest.fixture(autouse=True)
def _clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty folder and no settings in the environment."""
    for name in os.environ:
        if name.startswith(("FIRESIDE_", "GRPC_", "OLLAMA_", "OPENAI_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "own"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    monkeypatch.chdir(tmp_path)


_MUST_BE = {
    "blob_store": "s3://bucket/prefix",
    "public_url": "https://chat.example.org",
    "smtp_from": "fireside@example.org",
    "oidc_issuer": "https://login.example.org",
    "oidc_name": "company",
    "cors_origins": "https://app.example.org,http://localhost:3000",
    "trusted_proxies": "127.0.0.1,10.0.0.0/8,fd00::/8",
}


def write(text: str, path: str = "fireside.toml") -> Path:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text)
    return Path(path)


def error_of(flags: dict[str, str | None], file: Path | None = None) -> SettingError:
    with pytest.raises(SettingError) as error:
        load(flags, file=file)
    return error.value


def test_the_defaults_are_those_of_the_table(tmp_path: Path) -> None:
    config = load({})
    for setting in SETTINGS:
        if setting.default is not None and setting.default != "" and hasattr(config, setting.name):
            assert getattr(config, setting.name) == setting.default
    assert config.data_dir == tmp_path / "share" / "fireside"
    assert config.models_dir == config.data_dir / "models"
    assert config.database_url == f"sqlite://{config.data_dir}/fireside.db"
    assert not config.port_asked
    assert not config.tls_on
    assert dict(config.sources) == {}


def test_a_flag_wins_over_the_environment_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    write("port = 1001\nhost = '127.0.0.2'\nlog_level = 'info'\n")
    monkeypatch.setenv("FIRESIDE_PORT", "1002")
    monkeypatch.setenv("FIRESIDE_HOST", "127.0.0.3")
    config = load({"port": "1003", "host": None})
    assert (config.port, config.host, config.log_level) == (1003, "127.0.0.3", "info")
    assert config.port_asked
    assert config.sources == {
        "port": "flag --port",
        "host": "environment FIRESIDE_HOST",
        "log_level": "fireside.toml:3",
    }


def test_the_file_beside_wins_over_the_own_one() -> None:
    write("port = 1001", "own/fireside/fireside.toml")
    assert load({}).port == 1001
    write("port = 1002")
    assert load({}).port == 1002
    assert load({}, file=write("port = 1003", "else.toml")).port == 1003


def test_the_environment_can_name_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRESIDE_CONFIG", str(write("port = 1003", "else.toml")))
    assert load({}).port == 1003


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_every_setting_can_be_given_in_every_way(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = setting.choices[-1] if setting.choices else EXAMPLE_VALUES.get(setting.kind, f"{setting.minimum or 7:.15g}")
    if setting.kind is Kind.TEXT and setting.minimum:
        raw = "x" * int(setting.minimum)
    raw = _MUST_BE.get(setting.name, raw)
    value = setting.parse(raw)
    monkeypatch.setenv(setting.env, raw)
    if setting.name in {"tls_cert", "tls_key"}:
        monkeypatch.setenv("FIRESIDE_TLS_KEY" if setting.name == "tls_cert" else "FIRESIDE_TLS_CERT", "/other")
    if setting.name == "smtp_host":
        monkeypatch.setenv("FIRESIDE_SMTP_FROM", _MUST_BE["smtp_from"])
        monkeypatch.setenv("FIRESIDE_PUBLIC_URL", _MUST_BE["public_url"])
    if setting.name == "oidc_issuer":
        monkeypatch.setenv("FIRESIDE_OIDC_CLIENT_ID", "fireside")
    if setting.name == "url":
        monkeypatch.setenv(setting.env, value := "http://box:1")
        assert load_client({}).url == value
        return
    assert getattr(load_client({}) if setting.section == CLIENT else load({}), setting.name) == value
    typed = value if isinstance(value, bool | int | float) else list(value) if isinstance(value, tuple) else raw
    assert setting.accept(typed) == value


@pytest.mark.parametrize(
    ("name", "raw", "expected"),
    [
        ("port", "abc", "a whole number from 0 to 65535"),
        ("port", "65536", "a whole number from 0 to 65535"),
        ("port", "-1", "a whole number from 0 to 65535"),
        ("tls", "on", "off or auto"),
        ("log_level", "loud", "one of debug, info, warning, error"),
        ("local_model", "maybe", "true or false"),
        ("shutdown_grace", "11", "a number of seconds from 0 to 10"),
        ("keep_alive", "nan", "a number of seconds, 0 or more"),
        ("keep_alive", "inf", "a number of seconds, 0 or more"),
        ("llama_slots", "0", "a whole number from 1 to 256"),
        ("cors_origins", "*", "origins such as https://app.example.org, without a path"),
        ("cors_origins", "https://app.example.org/chat", "origins such as https://app.example.org, without a path"),
        ("cors_origins", "null", "origins such as https://app.example.org, without a path"),
        ("blob_store", "blobs", "an absolute folder, or s3://bucket/prefix"),
        ("trusted_proxies", "proxy.local", "addresses or networks such as 127.0.0.1 or 10.0.0.0/8"),
    ],
)
def test_a_wrong_flag_is_told(name: str, raw: str, expected: str) -> None:
    error = error_of({name: raw})
    assert (error.name, error.value, error.expected, error.source) == (
        name,
        raw,
        expected,
        f"flag {BY_NAME[name].flag}",
    )
    assert str(error) == f"{name} = {raw!r} (flag {BY_NAME[name].flag}): expected {expected}."


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("port = '8080'", "a whole number from 0 to 65535"),
        ("port = true", "a whole number from 0 to 65535"),
        ("port = 80.5", "a whole number from 0 to 65535"),
        ("local_model = 1", "true or false"),
        ("keep_alive = false", "a number of seconds, 0 or more"),
        ("allowed_hosts = ['a', 1]", "names separated by commas (in the file: a list of texts)"),
        ("host = 3", "a text"),
        ("models_dir = []", "a path"),
    ],
)
def test_a_wrong_line_of_the_file_is_told(line: str, expected: str) -> None:
    error = error_of({}, write(f"# A comment\n\n{line}\n"))
    assert (error.expected, error.source) == (expected, "fireside.toml:3")


def test_a_wrong_variable_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRESIDE_PORT", "x")
    assert error_of({}).source == "environment FIRESIDE_PORT"


def test_an_unknown_setting_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    error = error_of({}, write("\n[server]\nport = 1\n"))
    assert isinstance(error, UnknownSettingError)
    assert (error.name, error.source) == ("server", "fireside.toml:2")
    monkeypatch.setenv("FIRESIDE_PROT", "secret")
    Path("fireside.toml").unlink()
    error = error_of({})
    assert str(error) == "prot (environment FIRESIDE_PROT) is not a setting: expected port."


def test_an_empty_variable_is_none_and_those_of_tests_are_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRESIDE_PORT", "")
    monkeypatch.setenv("FIRESIDE_TEST_ANYTHING", "x")
    assert load({}).port == 8080


def test_a_password_is_not_told() -> None:
    setting = BY_NAME["database_url"]
    assert setting.secret
    error = error_of({}, write("database_url = ['postgresql://me:secret@db/x']"))
    assert "secret" not in str(error)
    assert "me:…@db" in error.value


@pytest.mark.parametrize("text", ["port = ", "port = 1\nport = 2", "\x00"])
def test_a_broken_file_is_told(text: str) -> None:
    assert error_of({}, write(text)).source == "fireside.toml"


def test_a_file_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert error_of({}, Path("gone.toml")).source == "flag --config"
    monkeypatch.setenv("FIRESIDE_CONFIG", "gone.toml")
    assert error_of({}).source == "environment FIRESIDE_CONFIG"


def test_relative_paths_are_beside_the_file_or_below_the_present_folder(tmp_path: Path) -> None:
    config = load({"models_dir": "models"}, file=write("data_dir = 'data'\n", "etc/fireside.toml"))
    assert (config.data_dir, config.models_dir) == (tmp_path / "etc" / "data", tmp_path / "models")


@pytest.mark.parametrize(
    ("flags", "name", "expected"),
    [
        ({"tls_cert": "a"}, "tls_cert", "tls_key to be set as well"),
        ({"tls_key": "a"}, "tls_key", "tls_cert to be set as well"),
        ({"smtp_host": "m"}, "smtp_host", "smtp_from to be set as well"),
        ({"smtp_host": "m", "smtp_from": "a@b"}, "smtp_host", "public_url to be set as well"),
        ({"smtp_host": "m", "smtp_from": "Fireside", "public_url": "http://b"}, "smtp_from", "a mail address"),
        ({"oidc_issuer": "https://i"}, "oidc_issuer", "oidc_client_id to be set as well"),
        (
            {"oidc_issuer": "http://i", "oidc_client_id": "a"},
            "oidc_issuer",
            "an https address without ? and # (http on this machine alone)",
        ),
        (
            {"oidc_issuer": "https://i", "oidc_client_id": "a", "oidc_name": "A/b"},
            "oidc_name",
            "a name that no other has, of lower case letters, digits and hyphens, at most 40",
        ),
        ({"public_url": "b.org"}, "public_url", "http://host or https://host, with a port where it needs one"),
        (
            {"tls_cert": "a", "tls_key": "b", "tls": "auto"},
            "tls",
            "either tls = auto or tls_cert and tls_key, not both",
        ),
    ],
)
def test_settings_that_do_not_go_together_are_told(flags: dict[str, str | None], name: str, expected: str) -> None:
    error = error_of(flags)
    assert (error.name, error.expected) == (name, expected)


@pytest.mark.parametrize("url", ["localhost:8080", "ftp://x", "http://", "http://host/path"])
def test_an_address_that_is_none_is_told(url: str) -> None:
    with pytest.raises(SettingError) as error:
        load_client({"url": url})
    assert error.value.expected == "http://host:port or https://host:port"


def test_a_client_has_its_own_settings(tmp_path: Path) -> None:
    config = load_client({"url": "https://box:1/", "tls_ca": "ca.pem"})
    assert (config.url, config.tls_ca) == ("https://box:1", tmp_path / "ca.pem")


def test_the_names_of_grpc_servers_work_and_ours_win(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRPC_MAX_MESSAGE_LENGTH", "1000000")
    monkeypatch.setenv("GRPC_KEEPALIVE_TIME", "30")
    monkeypatch.setenv("GRPC_KEEPALIVE_TIMEOUT", "5")
    monkeypatch.setenv("GRPC_MAX_CONCURRENT_STREAMS", "100")
    config = load({})
    assert (config.grpc_max_message_length, config.grpc_max_concurrent_streams) == (1_000_000, 100)
    assert (config.grpc_keepalive_time, config.grpc_keepalive_timeout) == (30.0, 5.0)
    assert config.sources["grpc_keepalive_time"] == "environment GRPC_KEEPALIVE_TIME"
    assert config.notes == ()
    monkeypatch.setenv("FIRESIDE_GRPC_KEEPALIVE_TIME", "40")
    assert load({}).grpc_keepalive_time == 40
    assert load({"grpc_keepalive_time": "50"}).grpc_keepalive_time == 50
    monkeypatch.delenv("FIRESIDE_GRPC_KEEPALIVE_TIME")
    assert load({}, file=write("grpc_keepalive_time = 10")).grpc_keepalive_time == 30


@pytest.mark.parametrize("given", ["2147483648", "9223372036854775807", "4294967296"])
def test_more_than_grpc_allows_is_taken_as_the_most_with_one_note(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRPC_MAX_MESSAGE_LENGTH", given)
    config = load({})
    assert config.grpc_max_message_length == 2**31 - 1
    (note,) = config.notes
    assert note == (
        f"grpc_max_message_length = {given} (environment GRPC_MAX_MESSAGE_LENGTH) is more than is possible: "
        "2147483647 is used."
    )
    assert load({"grpc_max_message_length": "2147483647"}).notes == ()
    file = write(f"grpc_max_message_length = {given}\n")
    monkeypatch.delenv("GRPC_MAX_MESSAGE_LENGTH")
    assert "fireside.toml:1" in load({}, file=file).notes[0]


@pytest.mark.parametrize(
    ("variable", "raw"),
    [
        ("GRPC_MAX_MESSAGE_LENGTH", "2GB"),
        ("GRPC_MAX_MESSAGE_LENGTH", "-1"),
        ("GRPC_MAX_MESSAGE_LENGTH", "0"),
        ("GRPC_KEEPALIVE_TIME", "often"),
        ("GRPC_KEEPALIVE_TIME", "inf"),
        ("GRPC_MAX_CONCURRENT_STREAMS", "0"),
    ],
)
def test_a_wrong_variable_of_grpc_is_told(variable: str, raw: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, raw)
    error = error_of({})
    assert (error.name, error.value, error.source) == (variable.lower(), raw, f"environment {variable}")
    assert error.expected.startswith(("a whole number from", "a number of seconds from"))


def test_an_unknown_variable_of_grpc_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRPC_MAX_MESSAGE_SIZE", "1")
    error = error_of({})
    assert isinstance(error, UnknownSettingError)
    assert str(error) == (
        "GRPC_MAX_MESSAGE_SIZE (environment GRPC_MAX_MESSAGE_SIZE) is not a setting: expected GRPC_MAX_MESSAGE_LENGTH."
    )


def test_the_variables_of_the_grpc_library_are_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRPC_VERBOSITY", "debug")
    monkeypatch.setenv("GRPC_TRACE", "all")
    monkeypatch.setenv("GRPC_MAX_MESSAGE_LENGTH", "")
    assert load({}).sources == {}


@pytest.mark.parametrize("variable", GRPC_WITHOUT_EFFECT)
def test_a_variable_without_effect_is_accepted_and_told(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "10")
    (note,) = load({}).notes
    assert note.startswith(f"{variable} = '10' has no effect: ")


def test_runners_come_from_the_file_and_then_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    write(
        'port = 1001\n[[runners]]\nname = "shed"\nkind = "ollama"\naddress = "http://shed"\n[model_aliases]\nf = "a/b"\n'
    )
    monkeypatch.setenv("OLLAMA_BASE_URL", "http://box:11434")
    config = load({})
    assert [(runner.name, runner.where) for runner in config.runners] == [
        ("shed", "fireside.toml:2"),
        ("ollama", "environment OLLAMA_BASE_URL"),
    ]
    assert [(alias.alias, alias.where) for alias in config.model_aliases] == [("f", "fireside.toml:7")]
    assert config.port == 1001


def test_a_wrong_runner_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    write('[[runners]]\nname = "shed"\nkind = "olama"\n')
    assert str(error_of({})) == (
        "runners[0].kind = 'olama' (fireside.toml:3): expected one of openai, ollama, worker, sglang, triton."
    )
    write('[[runners]]\nname = "shed"\napikey = "sk-secret"\n')
    error = error_of({})
    assert isinstance(error, UnknownSettingError)
    assert str(error) == "runners[0].apikey (fireside.toml:3) is not a setting: expected api_key."
    write("")
    monkeypatch.setenv("OLLAMA_BASE_URL", "box:11434")
    error = error_of({})
    assert (error.name, error.value, error.source) == ("OLLAMA_BASE_URL", "box:11434", "environment OLLAMA_BASE_URL")


def test_secrets_are_in_no_text_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRESIDE_SECRET_KEY", "a long secret that nobody sees")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    config = load({})
    assert (config.secret_key, config.runners[0].api_key) == ("a long secret that nobody sees", "sk-secret")
    assert "secret that" not in repr(config)
    assert "sk-secret" not in repr(config)
    monkeypatch.setenv("FIRESIDE_SECRET_KEY", "short-secret")
    error = error_of({})
    assert (error.name, error.expected) == ("secret_key", "a text of at least 16 characters")
    assert "short-secret" not in str(error)
    assert "4711" not in str(error_of({}, write("secret_key = 4711")))
