"""pytest_tokenmgr, as another project uses it: its tests of pkcs11-tool and of a Java program, run by a pytest of their
own, which knows nothing of ours."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent / "project"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return Path(shutil.copytree(PROJECT, tmp_path / "project"))


def run(project: Path, *arguments: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "pytest", f"--basetemp={project.parent / 'base'}", *arguments]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False, timeout=300)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("file", ["test_pkcs11_tool.py", "test_java.py"])
def test_another_projects_tests_pass(project: Path, file: str) -> None:
    status, said = run(project, file)
    assert status == 0, said
    assert "skipped" not in said


def test_on_several_processes_they_do_not_meet_and_share_what_is_compiled(project: Path) -> None:
    status, said = run(project, "-n", "4", "test_pkcs11_tool.py")
    assert status == 0, said
    assert len(list((project.parent / "base").glob("tokenmgr-store/layer-*.so"))) == 1


def test_a_scenario_that_is_not_there_is_an_error_with_the_nearest_names(project: Path) -> None:
    (project / "test_wrong.py").write_text(
        "import pytest\n\n@pytest.mark.scenario('lockd')\ndef test_it(medium): pass\n"
    )
    status, said = run(project, "test_wrong.py")
    assert status == 1
    assert re.search(r"T101 .*no scenario called lockd.*locked", said)
    assert "bed.py" not in said


def test_a_project_may_have_a_medium_of_its_own(project: Path) -> None:
    (project / "conftest.py").write_text("import pytest\n\n@pytest.fixture\ndef medium(): return 'paper'\n")
    (project / "test_own.py").write_text(
        "def test_it(medium, tokenmgr_medium, fault, unplug):\n"
        "    fault('C_Sign', 'hang')\n    unplug()\n    assert (medium, tokenmgr_medium.plugged) == ('paper', False)\n"
    )
    status, said = run(project, "test_own.py")
    assert status == 0, said


def test_two_of_one_scenario_days_and_kinds_as_words(project: Path) -> None:
    (project / "test_two.py").write_text(
        "def test_it(scenario):\n    made = [scenario('valid', day='2027-04-01', kind='p384') for _ in range(2)]\n"
        "    assert [medium.name for medium in made] == ['valid', 'valid-2']\n"
    )
    status, said = run(project, "test_two.py")
    assert status == 0, said


def test_a_test_that_fails_shows_the_last_calls(project: Path) -> None:
    (project / "test_wrong.py").write_text(
        "from test_pkcs11_tool import tool\n\n"
        "def test_it(medium):\n    tool(medium, '--list-slots')\n    assert False\n"
    )
    status, said = run(project, "test_wrong.py")
    assert status == 1
    assert re.search(r"last calls of fresh.*\n(\d+ C_\w+ 0x0 .*\n)+", said)


def test_it_loads_nothing_before_a_test_asks_for_it(project: Path) -> None:
    (project / "test_plain.py").write_text(
        "import sys\n\ndef test_it():\n"
        "    assert not [name for name in sys.modules if name.startswith('tokenmgr.t') and 'pytest' not in name "
        "and name != 'tokenmgr.testbed']\n"
    )
    status, said = run(project, "test_plain.py")
    assert status == 0, said
