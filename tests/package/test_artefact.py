# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What users install: what is in it, and that the audit runs from it with nothing else in sight."""

import json
import os
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
CONTENT = {
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "FILES.json",
    "LICENSE",
    "MANIFEST.json",
    "README.md",
    "changelogs",
    "docs",
    "meta",
    "playbooks",
    "plugins",
    "roles",
}


@pytest.fixture(scope="session")
def artefact(run: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("build")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    run(CHECKOUT / "tests/toolchain/build", directory, env={**os.environ, "PATH": path})
    (built,) = directory.iterdir()
    return built


def test_the_artefact_holds_the_collection_and_nothing_of_the_checkout(artefact: Path) -> None:
    with tarfile.open(artefact) as archive:
        names = archive.getnames()
    assert {name.partition("/")[0] for name in names} == CONTENT
    assert [name for name in names if "__pycache__" in name or name.endswith((".pyc", ".retry", ".orig"))] == []


def test_the_artefact_says_what_it_is(artefact: Path) -> None:
    with tarfile.open(artefact) as archive:
        about = json.load(archive.extractfile("MANIFEST.json"))["collection_info"]
    assert (about["namespace"], about["name"], about["dependencies"]) == ("phpfleet", "remediation", {})
    assert about["license"] == ["GPL-3.0-or-later"]
    assert artefact.name == f"phpfleet-remediation-{about['version']}.tar.gz"


def test_the_audit_runs_from_the_installed_artefact(
    artefact: Path, core: str, run: Callable[..., str], environment: dict[str, str], tmp_path: Path
) -> None:
    galaxy = [f"{core}/ansible-galaxy", "collection"]
    run(*galaxy, "install", artefact, "--offline", "--collections-path", tmp_path / "collections", env=environment)
    (tmp_path / "hosts").write_text(
        f"this_machine ansible_connection=local ansible_python_interpreter={core}/python\n", encoding="utf-8"
    )
    # Whatever is wrong with the machine that runs the test is no failure of the test.
    lenient = {"phpfleet_audit_fail_on": "[?`false`]", "phpfleet_audit_unknown_fails": False}
    playbook = [f"{core}/ansible-playbook", "phpfleet.remediation.audit", "--inventory", "hosts"]
    report = {"phpfleet_audit_report_dir": str(tmp_path / "report")}
    printed = run(*playbook, "--extra-vars", json.dumps({**lenient, **report}), cwd=tmp_path, env=environment)
    assert "DEPRECATION" not in printed
    assert "this_machine" in json.loads((tmp_path / "report" / "audit.json").read_text(encoding="utf-8"))["hosts"]
    assert "this_machine" in (tmp_path / "report" / "audit.md").read_text(encoding="utf-8")


def test_galaxy_would_import_the_artefact(artefact: Path, run: Callable[..., str], tmp_path: Path) -> None:
    lint = CHECKOUT / ".venv/lint/bin"
    path = os.pathsep.join([str(lint), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "HOME": str(tmp_path)}
    printed = run(lint / "python", "-m", "galaxy_importer.main", artefact, cwd=tmp_path, env=environment)
    # It exits 0 also when the import failed.
    assert "completed successfully" in printed, printed
