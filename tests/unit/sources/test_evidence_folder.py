import json

import pytest

from reliability.errors import BrokenEvidenceError, MissingEvidenceError
from reliability.sources.evidence_folder import Distrust, read_evidence_folder
from reliability.sources.source_tree import digest_file
from tests.unit.phase.projects import begin


@pytest.fixture
def project(tmp_path):
    project = begin(tmp_path / "project")
    project.measure(41)
    return project


def doubts(project, **options):
    found = read_evidence_folder(project.folder / "outputs/evidence", project=project.folder, **options)
    return {doubt.code: doubt.values for doubt in found.distrust}


def change_manifest(project, change):
    path = project.folder / "outputs/evidence/manifest.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))


def test_whole_evidence_of_these_sources_is_read_without_a_doubt(project):
    found = read_evidence_folder(project.folder / "outputs/evidence", project=project.folder, phase_id="demo")

    assert found.distrust == ()
    assert found.coverage
    assert dict(found.coverage.totals) == dict(found.manifest.figures.required or {})
    assert [len(found.tests[name].tests) for name in ("unit", "servers")] == [50, 50]


@pytest.mark.parametrize("name", ["coverage.json", "junit-unit.xml"])
def test_an_output_that_is_missing_or_changed_is_named_and_not_read(project, name):
    path = project.folder / "outputs/evidence" / name
    body = path.read_bytes()

    path.write_bytes(body + b" ")
    assert doubts(project) == {"stale-evidence": (name,)}
    path.unlink()
    found = read_evidence_folder(path.parent, project=project.folder)

    assert found.distrust == (Distrust(code="stale-evidence", values=(name,)),)
    assert (found.coverage is None, "unit" not in found.tests) == (name == "coverage.json", name != "coverage.json")


def test_an_output_outside_of_the_folder_is_not_read(project):
    secret = project.folder / "secret.xml"
    secret.write_text("<testsuites/>")

    change_manifest(project, lambda found: found["outputs"].update({"../../secret.xml": digest_file(secret)}))

    assert doubts(project) == {"stale-evidence": ("../../secret.xml",)}


def test_evidence_of_another_phase_is_doubted(project):
    assert doubts(project, phase_id="other") == {"stale-evidence": ("phase demo",)}


@pytest.mark.parametrize("change", ["edited", "gone", "new"])
def test_a_source_that_changed_appeared_or_vanished_is_named(project, change):
    breaker, new = project.folder / "demo/breaker.py", project.folder / "demo/new.py"
    match change:
        case "edited":
            breaker.write_text("y = 2\n")
        case "gone":
            breaker.unlink()
        case "new":
            new.write_text("y = 2\n")

    assert doubts(project) == {"stale-source": ("demo/new.py" if change == "new" else "demo/breaker.py",)}


def test_a_source_that_the_configuration_leaves_out_is_no_doubt(project):
    change_manifest(project, lambda found: found["definition"].update(omit=["*/generated/*"]))
    project.git("update-index", "-q", "--refresh")
    (project.folder / "demo/generated").mkdir()
    (project.folder / "demo/generated/api.py").write_text("y = 2\n")
    (project.folder / ".git/info").mkdir(exist_ok=True)
    (project.folder / ".git/info/exclude").write_text("generated\n")

    assert doubts(project) == {}


@pytest.mark.parametrize("is_dirty", [True, None])
def test_a_tree_that_was_dirty_or_no_tree_is_a_doubt(project, is_dirty):
    change_manifest(project, lambda found: found.update(is_dirty=is_dirty))

    assert doubts(project) == {"dirty-tree": ()}


def test_evidence_that_came_with_the_package_is_not_compared_with_any_sources(project):
    change_manifest(project, lambda found: found.update(is_dirty=True, commit="0" * 40))
    (project.folder / "demo/breaker.py").unlink()

    assert read_evidence_folder(project.folder / "outputs/evidence", project=None).distrust == ()


def test_bare_files_without_a_manifest_are_no_evidence(project):
    (project.folder / "outputs/evidence/manifest.json").unlink()

    with pytest.raises(MissingEvidenceError, match=r"manifest.json could not be read .*reliability phase measure"):
        doubts(project)


def test_a_torn_manifest_is_refused(project):
    path = project.folder / "outputs/evidence/manifest.json"
    path.write_bytes(path.read_bytes()[:200])

    with pytest.raises(BrokenEvidenceError, match="is no manifest of evidence"):
        doubts(project)


def lift_totals(found):
    found["figures"]["required"]["covered"] += 1


def lift_passed(found):
    found["suites"][0]["counts"]["passed"] += 1


def hide_failures(found):
    found["suites"][0]["counts"] = None


@pytest.mark.parametrize(
    ("change", "said"),
    [(lift_totals, "different totals"), (lift_passed, "different tests"), (hide_failures, "different tests")],
)
def test_a_manifest_that_states_other_figures_than_its_files_is_refused(project, change, said):
    change_manifest(project, change)

    with pytest.raises(BrokenEvidenceError, match=said):
        doubts(project)
