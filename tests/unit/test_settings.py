import pytest

from reliability.errors import ParameterError, SettingsError
from reliability.settings import Settings
from reliability.settings_file import find_project_folder, read_settings, resolve_parameters


def test_without_a_file_all_defaults_hold(tmp_path):
    assert read_settings(tmp_path) == Settings()


def test_the_file_beats_the_default_and_the_parameter_beats_the_file(tmp_path):
    (tmp_path / "reliability.toml").write_text("[canary]\nmargin_percent = 5.0\nwarmup_minutes = 2.0\n")
    settings = read_settings(tmp_path)

    resolved = resolve_parameters(settings, "canary", {"margin_percent": 7.0, "warmup_minutes": None}, report="canary_comparison")

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
    ],
    ids=[
        "unknown key",
        "negative margin",
        "nan margin",
        "unknown language",
        "limit over 15 minutes",
        "no TOML",
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
    "url", ["http://ana:hunter2@127.0.0.1:9090", "http://hunter2@127.0.0.1", "https://127.0.0.1/?token=hunter2"]
)
def test_a_source_with_credentials_is_refused_without_repeating_them(url):
    with pytest.raises(ParameterError, match="source: the URL carries") as refusal:
        resolve_parameters(Settings(), "canary", {"source": url}, report="canary_comparison")

    assert "hunter2" not in str(refusal.value)
