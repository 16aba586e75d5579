from pathlib import Path

import pytest
from pydantic import ValidationError

from reliability.errors import ParameterError, SettingsError
from reliability.settings import (
    CanarySettings,
    PhaseSettings,
    PrometheusSettings,
    ResilienceSettings,
    RollbackSettings,
    Settings,
    check_address,
)
from reliability.settings_file import find_project_folder, read_settings, resolve_parameters


def test_without_a_file_all_defaults_hold(tmp_path):
    assert read_settings(tmp_path) == Settings()


def test_the_file_beats_the_default_and_the_parameter_beats_the_file(tmp_path):
    (tmp_path / "reliability.toml").write_text("[canary]\nmargin_percent = 5.0\nwarmup_minutes = 2.0\n")
    settings = read_settings(tmp_path)

    resolved = resolve_parameters(
        settings, "canary", {"margin_percent": 7.0, "warmup_minutes": None}, report="canary_comparison"
    )

    assert resolved["margin_percent"] == 7.0
    assert resolved["warmup_minutes"] == 2.0
    assert resolved["error_margin_points"] == 0.5


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[canary]\nmargin_procent = 5.0\n", "canary.margin_procent"),
        ("[canary]\nmargin_percent = -1.0\n", "canary.margin_percent = -1.0"),
        ("[canary]\nmargin_percent = nan\n", "canary.margin_percent"),
        ('language = "fr"\n', "language = 'fr'"),
        ("[rollback]\nlimit_minutes = 20.0\n", "rollback.limit_minutes = 20.0"),
        ("[canary\n", "not valid TOML"),
        ("[canary]\nwindow_seconds = 2100\n", "did you mean canary.window_minutes?"),
        ('[canary]\nwindow_minutes = "35 min"\n', "write a plain number, the name of the option says its unit"),
        ("[canary]\nmargin_percent = 0.1\n", "canary.margin_percent: 0.1 % is below one percent"),
        ("canary = 5\n", "canary = 5"),
        ('[prometheus]\nurl = "127.0.0.1:9090"\n', "prometheus.url: write the address as http://host:9090"),
        ('[prometheus]\nbearer_token = "abc"\n', "did you mean prometheus.bearer_token_file?"),
        ('[prometheus]\ntenant = "team\\na"\n', "prometheus.tenant = 'team\\na'"),
        ('[prometheus]\ntenant = "équipe"\n', "prometheus.tenant = 'équipe'"),
        ('[prometheus]\ntenant = " team"\n', "prometheus.tenant = ' team'"),
        ('[prometheus]\nusername = "ana"\n', "a username and a password_file or password_variable go together"),
        ('[prometheus]\nclient_key_file = "k"\n', "client_certificate_file and client_key_file go together"),
        (
            '[prometheus]\nbearer_token_file = "t"\nbearer_token_variable = "T"\n',
            "prometheus.bearer_token_file and prometheus.bearer_token_variable are both set",
        ),
        ('[resilience]\nlocks_url = "sqlite:///a"\nlocks_url_file = "f"\n', "are set together; keep one"),
        ('[resilience]\nservice = "two words"\n', "resilience.service"),
    ],
    ids=[
        "unknown key",
        "negative margin",
        "nan margin",
        "unknown language",
        "limit over 15 minutes",
        "no TOML",
        "wrong unit in the name",
        "unit in the value",
        "fraction for percent",
        "value for a section",
        "address without scheme",
        "secret in the file",
        "tenant of two lines",
        "tenant with an accent",
        "tenant with a space before it",
        "user without password",
        "key without certificate",
        "two secrets",
        "two addresses of locks",
        "service of two words",
    ],
)
def test_a_bad_file_is_refused_with_place_and_value(tmp_path, text, named):
    (tmp_path / "reliability.toml").write_text(text)

    with pytest.raises(SettingsError) as refusal:
        read_settings(tmp_path)

    assert named in str(refusal.value)
    assert "reliability.toml" in str(refusal.value)


@pytest.mark.parametrize("value", ["ten", True, -3.0, float("nan")], ids=["text", "bool", "negative", "nan"])
def test_an_impossible_parameter_is_refused_by_name(value):
    with pytest.raises(ParameterError, match="margin_percent"):
        resolve_parameters(Settings(), "canary", {"margin_percent": value}, report="canary_comparison")


def test_the_project_is_found_from_the_notebooks_folder(tmp_path):
    (tmp_path / "reliability.toml").touch()
    (tmp_path / "notebooks").mkdir()

    assert find_project_folder(tmp_path / "notebooks") == tmp_path.resolve()


@pytest.mark.parametrize(
    "url",
    [
        "http://ana:hunter2@127.0.0.1:9090",
        "http://hunter2@127.0.0.1",
        "https://127.0.0.1/?token=hunter2",
        "HTTP://hunter2@127.0.0.1",
        "http://ana:hunter2\u2100@127.0.0.1",
    ],
)
def test_a_source_with_credentials_is_refused_without_repeating_them(url):
    with pytest.raises(ParameterError, match="source: write the address") as refusal:
        resolve_parameters(Settings(), "canary", {"source": url}, report="canary_comparison")

    assert "hunter2" not in str(refusal.value)


def test_the_environment_beats_the_file_and_the_parameter_beats_the_environment(tmp_path):
    (tmp_path / "reliability.toml").write_text("[canary]\nmargin_percent = 5.0\nwarmup_minutes = 2.0\n")
    environ = {
        "RELIABILITY_CANARY_MARGIN_PERCENT": "8",
        "RELIABILITY_CANARY_WINDOW_MINUTES": "40",
        "RELIABILITY_LANGUAGE": "es",
        "RELIABILITY_CANARY_BASELINE": 'track="stable"',
    }

    settings = read_settings(tmp_path, environ)
    resolved = resolve_parameters(settings, "canary", {"window_minutes": 50}, report="canary_comparison")

    assert settings.language == "es"
    assert (resolved["margin_percent"], resolved["warmup_minutes"], resolved["window_minutes"]) == (8.0, 2.0, 50.0)
    assert resolved["baseline"] == 'track="stable"'


@pytest.mark.parametrize(
    ("name", "value", "named"),
    [
        ("RELIABILITY_CANARY_MARGIN_PERCENT", "10 %", "canary.margin_percent = '10 %': write a plain number"),
        ("RELIABILITY_CANARY_MARGIN_PERCENT", "-1", "canary.margin_percent = "),
        ("RELIABILITY_CANARY_MARGIN", "10", "did you mean RELIABILITY_CANARY_MARGIN_PERCENT?"),
        ("RELIABILITY_LANGUAGE", "fr", "language = 'fr'"),
        ("RELIABILITY_PROMETHEUS_USERNAME", "ana", "go together"),
    ],
)
def test_a_bad_variable_is_refused_by_its_name(tmp_path, name, value, named):
    with pytest.raises(SettingsError) as refusal:
        read_settings(tmp_path, {name: value})

    assert named in str(refusal.value)
    assert name in str(refusal.value) or "together" in named


@pytest.mark.parametrize(
    "text",
    [
        'prometheus = "http://ana:hunter2@h:9090"\n',
        '[prometheus]\nurl = ["http://ana:hunter2@h:9090"]\n',
        '[prometheus.bearer_token_file]\nvalue = "hunter2"\n',
        '[canary]\nsource = "ana:hunter2@h:9090"\n',
        '[canary]\nsource = ["ana:hunter2@h:9090"]\n',
    ],
)
def test_a_secret_that_stands_where_none_may_is_not_repeated(tmp_path, text):
    (tmp_path / "reliability.toml").write_text(text)

    with pytest.raises(SettingsError) as refusal:
        read_settings(tmp_path, {})

    assert "hunter2" not in str(refusal.value)
    assert "reliability.toml" in str(refusal.value)


@pytest.mark.parametrize(
    "make", [Path.mkdir, lambda path: path.symlink_to("/nowhere")], ids=["folder", "dangling link"]
)
def test_settings_that_are_no_file_never_read_as_no_settings(tmp_path, make):
    make(tmp_path / "reliability.toml")

    with pytest.raises(SettingsError, match="is no file"):
        read_settings(find_project_folder(tmp_path), {})


def test_a_variable_that_holds_a_secret_is_no_setting(tmp_path):
    environ = {
        "RELIABILITY_API_TOKEN": "hunter2",
        "RELIABILITY_PROMETHEUS_BEARER_TOKEN_VARIABLE": "RELIABILITY_API_TOKEN",
    }

    (secret,) = read_settings(tmp_path, environ).secrets

    assert secret.read(project=tmp_path, environ=environ) == "hunter2"
    assert "hunter2" not in repr(secret)


@pytest.mark.parametrize("option", ["locks_url", "sessions_url"])
@pytest.mark.parametrize(
    "address",
    ["postgresql://ana:hunter2@db/locks", "redis://:hunter2@cache", "sqlite:///", "sqlite:///:memory:", "a.db"],
)
def test_only_the_address_of_a_file_may_stand_in_the_settings(tmp_path, option, address):
    (tmp_path / "reliability.toml").write_text(f'[resilience]\n{option} = "{address}"\n')

    with pytest.raises(SettingsError, match=f"resilience.{option}: write sqlite:///folder/file.sqlite3") as caught:
        read_settings(tmp_path, {})

    assert "hunter2" not in str(caught.value)


def test_an_address_of_a_server_lies_in_a_file_or_a_variable_and_is_a_secret(tmp_path):
    environ = {
        "RELIABILITY_RESILIENCE_LOCKS_URL_VARIABLE": "RELIABILITY_DB",
        "RELIABILITY_RESILIENCE_SESSIONS_URL_FILE": "cache",
        "RELIABILITY_DB": "postgresql://ana:hunter2@db/locks",
    }

    settings = read_settings(tmp_path, environ)

    assert settings.secrets == (settings.resilience.locks, settings.resilience.sessions)
    assert [secret.place for secret in settings.secrets] == ["environment variable RELIABILITY_DB", "file cache"]


def test_without_an_address_leases_and_sessions_lie_in_files_of_the_project():
    assert ResilienceSettings().locks == "sqlite:///outputs/state/leases.sqlite3"
    assert ResilienceSettings(sessions_url="sqlite:////var/s.db").sessions == "sqlite:////var/s.db"


def test_every_option_says_what_it_means():
    described = [
        field.description
        for section in (PrometheusSettings, CanarySettings, PhaseSettings, RollbackSettings, ResilienceSettings)
        for field in section.model_fields.values()
    ]

    assert all(described)


def test_settings_cannot_be_changed():
    with pytest.raises(ValidationError):
        Settings().canary.margin_percent = 50.0  # type: ignore[misc]


BAD_ADDRESSES = (
    "http://h h:9090", " http://h:9090", "http://h:9090 ", "http://h\r\n:9090", "http://h:90\n90", "http://h/\t",
    "http://h/\x1b[31m", "http://h/\x00", "http://h/\u202e", "http://h/a b", "http://h:", "http://h:0", "http://h:65536",
    "http://h:port", "http://h:-1", "http://h\\x:9090", "http://h%20h", "http://[h]:9090", "HTTP://h:9090",
)  # fmt: skip


@pytest.mark.parametrize("option", ["url", "proxy"])
@pytest.mark.parametrize("address", BAD_ADDRESSES)
def test_an_address_with_foreign_characters_or_a_bad_port_is_refused_with_its_place(option, address):
    environ = {f"RELIABILITY_PROMETHEUS_{option.upper()}": address}

    with pytest.raises(SettingsError, match=rf"_{option.upper()}: .*write the address as http://host:9090"):
        read_settings(Path("/nowhere"), environ)


@pytest.mark.parametrize(
    "address",
    [
        "http://h",
        "http://h:9090",
        "https://h.example/prom",
        "http://[::1]:9090",
        "http://my_prom:1",
        "http://münchen:80",
    ],
)
def test_a_plain_address_is_taken_as_it_is(address):
    assert check_address(f"{address}/") == address


@pytest.mark.parametrize("source", [*BAD_ADDRESSES, "captures\nnew", "a\x00b", "\x1b[31m"])
def test_a_source_with_such_an_address_or_a_control_character_is_refused(source):
    with pytest.raises(ParameterError, match=r"source: (write the address|it holds a line end)"):
        resolve_parameters(Settings(), "canary", {"source": source}, report="canary_comparison")


def test_a_sample_keeps_its_own_names_in_a_project_that_measures_something_else():
    settings = Settings(canary=CanarySettings(source="prometheus", baseline='track="stable"', margin_percent=5.0))

    resolved = resolve_parameters(settings, "canary", {"source": "sample:pass"}, report="canary_comparison")

    assert (resolved["baseline"], resolved["margin_percent"]) == (None, 5.0)
