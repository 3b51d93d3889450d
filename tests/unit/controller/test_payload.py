# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What Ansible really sends to a host: an info module never ships the writing half."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
MODULES = sorted(path.stem for path in (ROOT / "plugins/modules").glob("*.py"))


def shipped(module, tmp_path):
    """Run a module as Ansible does, let it keep what it sent, and return the names of the files of ours in it."""
    environment = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".cache/collections"),
        "ANSIBLE_HOME": str(tmp_path / "home"),
        "ANSIBLE_KEEP_REMOTE_FILES": "1",
        "ANSIBLE_PIPELINING": "0",
        "ANSIBLE_REMOTE_TMP": str(tmp_path / "remote"),
    }
    # An option that does not exist: what is sent is the same, and nothing is done.
    command = [sys.executable, "-m", "ansible", "adhoc", "localhost", "--check", "-e"]
    command += [f"ansible_python_interpreter={sys.executable}", "-m", f"phpfleet.remediation.{module}", "-a", "x=1"]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    (sent,) = (tmp_path / "remote").glob(f"*/AnsiballZ_{module}.py")
    subprocess.run([sys.executable, str(sent), "explode"], check=True, capture_output=True, timeout=60)
    files = sorted(sent.parent.glob("debug_dir/**/phpfleet/remediation/plugins/**/*.py"))
    assert files, ran.stdout + ran.stderr
    return [path.as_posix().rpartition("/plugins/")[2] for path in files]


@pytest.mark.parametrize("module", [name for name in MODULES if name.endswith("_info")])
def test_an_info_module_carries_no_action(module, tmp_path):
    files = shipped(module, tmp_path)
    assert "module_utils/audit.py" in files
    writing = (
        "actions/",
        "transitions/",
        "perform.py",
        "remediate.py",
        "remedy_module.py",
        "transition_module.py",
        "undo.py",
    )
    assert not [name for name in files if name.startswith(tuple(f"module_utils/{one}" for one in writing))]


@pytest.mark.parametrize(
    ("module", "others"),
    [
        ("nginx_info", ("sysv_ipc", "pidfile", "opcode_cache", "php_", "runtime_cache", "scheduled_restart")),
        ("sysv_ipc", ("pidfile", "opcode_cache", "php_", "runtime_cache", "scheduled_restart", "nginx")),
    ],
)
def test_a_module_of_one_subject_carries_no_check_of_another(module, others, tmp_path):
    checks = [name for name in shipped(module, tmp_path) if name.startswith("module_utils/checks/")]
    assert len(checks) > 4
    assert not [name for name in checks if name.startswith(tuple(f"module_utils/checks/{one}" for one in others))]


def test_a_remedy_carries_them(tmp_path):
    files = shipped("remedy", tmp_path)
    assert "module_utils/actions/apply.py" in files and "module_utils/actions/journal.py" in files
