import json
import os

import coverage
import pytest

from reliability.sources.source_tree import (
    digest_file,
    digest_files,
    digest_of,
    looks_like_test,
    matching_patterns,
    python_files,
    source_files,
)

PATHS = [
    "shop/__init__.py", "shop/cart.py", "shop/mocks/pay.py", "shop/parts/deep/box.py", "mocks/top.py", "gen_cart.py",
]  # fmt: skip
PATTERNS = [
    "shop/cart.py", "shop/*.py", "shop/*", "*/mocks/*", "mocks/*", "shop/**/box.py", "*/cart.py", "**/deep/*",
    "shop/parts", "./shop/cart.py", "shop/c?rt.py",
]  # fmt: skip


@pytest.fixture
def project(tmp_path):
    for path in PATHS:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("x = 1\n")
    return tmp_path


@pytest.mark.parametrize("pattern", [*PATTERNS, "{project}/shop/cart.py"])
def test_a_pattern_names_the_files_that_coverage_leaves_out(project, monkeypatch, pattern):
    monkeypatch.chdir(project)
    pattern = pattern.format(project=project)
    data = coverage.CoverageData(basename=str(project / "data"))
    data.add_lines({str(project / path): [1] for path in PATHS})
    data.write()
    report = coverage.Coverage(data_file=str(project / "data"), config_file=False, messages=False)
    report.load()
    report.json_report(outfile=str(project / "all.json"), omit=[pattern])
    kept = {os.path.relpath(name) for name in json.loads((project / "all.json").read_text())["files"]}

    left_out = matching_patterns(PATHS, [pattern], project=project)

    assert left_out == set(PATHS) - kept


def test_sources_are_what_lies_under_the_roots_and_is_not_left_out(project):
    for path in (".hidden/x.py", "__pycache__/x.py", "shop/notes.txt", "venv/pyvenv.cfg", "venv/lib/x.py"):
        (project / path).parent.mkdir(parents=True, exist_ok=True)
        (project / path).touch()

    assert python_files(project, ["."]) == tuple(sorted(PATHS))
    assert python_files(project, ["shop/parts", "gen_cart.py", "nowhere"]) == ("gen_cart.py", "shop/parts/deep/box.py")
    assert source_files(project, ["shop"], omit=["*/mocks/*", "shop/parts/*"]) == ("shop/__init__.py", "shop/cart.py")
    assert source_files(project, ["shop"], omit=["*/cart.py"], include=["shop/*.py"]) == ("shop/__init__.py",)


@pytest.mark.parametrize(
    ("path", "is_test"),
    [
        ("shop/cart.py", False), ("shop/contest.py", False), ("shop/latest/cart.py", False),
        ("shop/tests/cart.py", True), ("shop/test_cart.py", True), ("shop/cart_test.py", True),
        ("shop/conftest.py", True), ("shop/Mocks/pay.py", True),
        ("shop/fake_pay.py", True), ("shop/pay_mock.py", True),
    ],
)  # fmt: skip
def test_tests_and_mocks_are_told_by_folder_or_name(path, is_test):
    assert looks_like_test(path) is is_test


def test_a_digest_follows_content_and_path_and_nothing_else(project):
    before = digest_files(project, PATHS)
    os.utime(project / PATHS[0], (1, 1))

    assert digest_of(digest_files(project, reversed(PATHS))) == digest_of(before)
    assert digest_of({"a": before[PATHS[0]]}) != digest_of({"b": before[PATHS[0]]})
    assert digest_file(project / "nowhere") is None
    assert digest_files(project, ["nowhere"]) == {}
