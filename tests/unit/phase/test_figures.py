import pytest
from coverage import CoverageData

from reliability.errors import RunError
from reliability.phase.figures import drop_contexts, from_project, join_data, read_rules


@pytest.fixture
def project(tmp_path):
    for path in ("shop/cart.py", "src/store/__init__.py", "single.py"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    return tmp_path


ROOTS = {
    "folders": ('source = ["shop"]', (), ("shop",)),
    "packages, also under src": ('source_pkgs = ["store", "single"]', (), ("single.py", "src/store")),
    "folders of a newer option": ('source_dirs = ["shop", "./shop"]', (), ("shop",)),
    "what the project's own --cov names": ('source = ["shop"]', ("src",), ("src",)),
    "nothing: the whole project": ("branch = true", (), (".",)),
    "what is not there keeps its name": ('source = ["nowhere"]', (), ("nowhere",)),
}


@pytest.mark.parametrize("case", ROOTS)
def test_roots_are_folders_of_the_project(project, case):
    option, named, roots = ROOTS[case]
    (project / "pyproject.toml").write_text(f"[tool.coverage.run]\n{option}\n")

    assert read_rules(project, named=named).roots == roots


def test_rules_are_those_of_the_configuration_that_counts(project):
    (project / "pyproject.toml").write_text('[tool.coverage.run]\nomit = ["a/*"]\n[tool.coverage.report]\n')
    text = "[run]\nbranch = true\nomit = b/*\n[report]\nomit = c/*\ninclude = shop/*\nexclude_also = TODO\n"
    (project / "other.ini").write_text(text)

    usual, other = read_rules(project), read_rules(project, config="other.ini")

    assert (usual.branch, usual.omit, usual.include) == (False, ("a/*",), ())
    assert (other.branch, other.omit, other.include) == (True, ("b/*", "c/*"), ("shop/*",))
    assert "TODO" in other.exclude
    assert "TODO" not in usual.exclude


def test_a_configuration_that_does_not_parse_is_named(project):
    (project / ".coveragerc").write_text("[run\n")

    with pytest.raises(RunError, match=r"the configuration of coverage.py in .* is wrong"):
        read_rules(project)


def write(path, contexts):
    data = CoverageData(basename=str(path))
    for context, arcs in contexts.items():
        data.set_context(context)
        data.add_arcs(arcs)
        data.touch_files(arcs)
    data.write()
    return path


def read(path):
    data = CoverageData(basename=str(path))
    data.read()
    return {name: sorted(data.arcs(name) or []) for name in data.measured_files()}


def test_joined_data_holds_every_file_and_every_arc_under_its_suite(tmp_path):
    parts = {
        "unit": write(tmp_path / "a", {"": {"x.py": [(-1, 1)], "pkg/features/t.py": [(-1, 1)]}}),
        "servers": write(tmp_path / "b", {"": {"x.py": [(1, 2)], "features/t.py": [], "empty.py": []}}),
    }

    join_data(parts, tmp_path / "joined")

    joined = CoverageData(basename=str(tmp_path / "joined"))
    joined.read()
    assert joined.measured_contexts() == {"unit", "servers"}
    assert read(tmp_path / "joined") == {
        "x.py": [(-1, 1), (1, 2)], "pkg/features/t.py": [(-1, 1)], "features/t.py": [], "empty.py": [],
    }  # fmt: skip


def test_lines_and_branches_cannot_be_joined(tmp_path):
    lines = CoverageData(basename=str(tmp_path / "lines"))
    lines.add_lines({"x.py": [1]})
    lines.write()

    with pytest.raises(RunError, match="cannot be joined"):
        join_data({"a": write(tmp_path / "a", {"": {"x.py": [(1, 2)]}}), "b": tmp_path / "lines"}, tmp_path / "joined")


def test_what_only_failed_tests_ran_is_left_out(tmp_path):
    data = write(tmp_path / "data", {
        "": {"x.py": [(-1, 1)], "only.py": []},
        "t.py::test[a|b]|run": {"x.py": [(1, 2)], "only.py": [(-1, 1)]},
        "t.py::test_good|run": {"x.py": [(2, 3)]},
    })  # fmt: skip

    assert drop_contexts(data, tmp_path / "kept", failed={"t.py::test[a|b]"}) is True

    assert read(tmp_path / "kept") == {"x.py": [(-1, 1), (2, 3)], "only.py": []}


def test_without_contexts_nothing_can_be_left_out(tmp_path):
    data = write(tmp_path / "data", {"": {"x.py": [(-1, 1)]}})

    assert drop_contexts(data, tmp_path / "kept", failed={"t.py::test"}) is False
    assert drop_contexts(data, tmp_path / "kept", failed=()) is True


def test_paths_start_at_the_project(tmp_path):
    assert from_project(str(tmp_path / "shop" / "cart.py"), tmp_path) == "shop/cart.py"
    assert from_project("/elsewhere/cart.py", tmp_path) == "/elsewhere/cart.py"
