"""The wrong totals that coverage.py shows with exit code 0: each is made for real, and refused with its reason."""

import json
import os
import re
from fractions import Fraction

import pytest
from click.testing import CliRunner

from reliability.errors import BrokenEvidenceError
from reliability.phase.reading import coverage
from reliability.sources.coverage_file import read_any_coverage
from tests.integration.sources.test_same_total import run_python

pytestmark = pytest.mark.integration

MODULE = "def a(n):\n    if n:\n        return 1\n    return 2\n\n\ndef b():\n    return 3\n"


@pytest.fixture
def shop(tmp_path):
    """A project of two modules, measured."""
    write(tmp_path, "shop/__init__.py", "")
    write(tmp_path, "shop/one.py", MODULE)
    write(tmp_path, "shop/two.py", MODULE)
    write(tmp_path, "run.py", "from shop import one, two\n\none.a(1)\ntwo.b()\n")
    run_python(["-m", "coverage", "run", "--branch", "--source=shop", "run.py"], tmp_path)
    return tmp_path


def write(folder, path, text):
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_text(text)


def report(folder, *words, data=".coverage"):
    run_python(["-m", "coverage", "json", "-q", f"--data-file={data}", "-o", "coverage.json", *words], folder)
    return folder / "coverage.json"


def refusal(path):
    with pytest.raises(BrokenEvidenceError) as refused:
        read_any_coverage(path)
    return str(refused.value)


def shown(path):
    return json.loads(path.read_text())["totals"]["percent_covered"]


def test_a_hundred_percent_of_sources_that_are_all_gone(shop):
    for path in (shop / "shop").glob("*.py"):
        path.unlink()
    path = report(shop, "-i")
    assert shown(path) == 100

    assert "nothing measured is not 100 %" in refusal(path)
    assert "cannot be counted" in refusal(shop / ".coverage")


def test_a_total_without_the_one_source_that_is_gone(shop):
    right = shown(report(shop))
    (shop / "shop/two.py").unlink()
    path = report(shop, "-i")
    assert shown(path) != right

    assert "two.py" in refusal(path)
    assert "ignored errors" in refusal(path)
    assert "No source" in refusal(shop / ".coverage")


@pytest.mark.parametrize("keeps_its_time", [False, True], ids=["newer", "time kept"])
def test_a_total_of_sources_that_were_edited_after_the_run(shop, keeps_its_time):
    right = shown(report(shop))
    before = (shop / "shop/one.py").stat()
    write(shop, "shop/one.py", "\n# moved down\n\n" + MODULE)
    if keeps_its_time:
        os.utime(shop / "shop/one.py", ns=(before.st_atime_ns, before.st_mtime_ns))
    path = report(shop)
    assert shown(path) != right

    assert "before shop/one.py was changed" in re.sub(r"\S*/shop/one", "shop/one", refusal(shop / ".coverage"))
    if not keeps_its_time:
        assert "in a text that never ran" in refusal(path)


def test_nothing_covered_where_relative_paths_were_not_understood(shop):
    write(shop, "rc", "[run]\nrelative_files = true\nbranch = true\nsource = shop\n")
    run_python(["-m", "coverage", "run", "--rcfile=rc", "run.py"], shop)
    right = shown(report(shop, "--rcfile=rc"))
    path = report(shop)
    assert (right, shown(path)) == (50, 0)

    assert "relative_files" in refusal(path)
    assert read_any_coverage(shop / ".coverage").counts.fraction == Fraction(1, 2)


@pytest.mark.parametrize("packages", [("pkg/__init__.py",), ()], ids=["in a package", "in a folder that vanished"])
def test_a_file_that_was_folded_into_another_of_a_similar_path(tmp_path, packages):
    for path in (*packages, "pkg/features/__init__.py", "features/__init__.py"):
        write(tmp_path, path, "")
    for path in ("pkg/features/t.py", "features/t.py"):
        write(tmp_path, path, "def a():\n    return 1\n\n\ndef b():\n    return 2\n")
    write(tmp_path, ".coveragerc", "[run]\nrelative_files = true\nparallel = true\nsource = pkg,features\n")
    for number, line in enumerate(["import features.t as t; t.a()", "import pkg.features.t as t; t.b()"]):
        write(tmp_path, f"run{number}.py", line)
        run_python(["-m", "coverage", "run", f"run{number}.py"], tmp_path)
    run_python(["-m", "coverage", "combine", "-q"], tmp_path)
    for format_ in ("lcov", "xml"):
        run_python(["-m", "coverage", format_, "-q"], tmp_path)
    path = report(tmp_path)
    assert shown(path) == 100

    for file in (path, *(tmp_path / name for name in (".coverage", "coverage.lcov", "coverage.xml"))):
        assert re.search(r"pkg/features/\w+\.py \(. files\)", refusal(file))
        assert "folds" in refusal(file)


def test_a_line_inside_a_string_that_looks_like_a_comment_may_have_run(tmp_path):
    write(tmp_path, "page.py", 'def title():\n    return 1\n\n\nPAGE = f"""\n# {title()}\n\n"""\n')
    run_python(["-m", "coverage", "run", "page.py"], tmp_path)

    assert read_any_coverage(tmp_path / ".coverage").counts.fraction == 1


def test_what_the_users_configuration_adds_to_the_json_is_not_asked_for(shop):
    write(shop, ".coveragerc", "[json]\nshow_contexts = true\n[report]\nignore_errors = true\n")
    right = shown(report(shop))
    assert '"contexts"' in (shop / "coverage.json").read_text()

    assert float(100 * (read_any_coverage(shop / ".coverage").counts.fraction or 0)) == right
    (shop / "shop/two.py").unlink()
    assert "No source" in refusal(shop / ".coverage")


@pytest.mark.parametrize("format_", ["xml", "lcov"])
def test_other_formats_without_the_source_that_is_gone(shop, format_):
    write(shop, "shop/parts/__init__.py", "")
    write(shop, "shop/parts/shop/one.py", MODULE)
    write(shop, "run.py", "import shop.one\nimport shop.parts.shop.one\n")
    run_python(["-m", "coverage", "run", "--branch", "--source=shop", "run.py"], shop)
    (shop / "shop/parts/shop/one.py").unlink()
    run_python(["-m", "coverage", format_, "-q", "-i"], shop)

    assert "shop/parts/shop/one.py" in refusal(shop / f"coverage.{format_}")


def test_data_that_mixes_relative_and_absolute_paths(shop):
    write(shop, "rc", "[run]\nrelative_files = true\nbranch = true\nsource = shop\n")
    run_python(["-m", "coverage", "run", "-a", "--rcfile=rc", "run.py"], shop)

    assert "twice" in refusal(shop / ".coverage")


def test_the_commands_status_says_that_a_file_was_refused_and_others_were_read(shop):
    path = report(shop)
    write(shop, "torn.json", path.read_text()[:-20])

    answer = CliRunner().invoke(coverage, [str(path), str(shop / "torn.json"), str(shop / ".coverage"), "--json"])

    found, torn, data = json.loads(answer.stdout)
    assert answer.exit_code == 4
    assert found["percent"] == data["percent"] == shown(path)
    assert (found["covered"], found["branches"], found["fraction"]) == (7, 4, "8/16")
    assert "torn.json" in torn["refused"]
    assert "refused" in answer.stderr
