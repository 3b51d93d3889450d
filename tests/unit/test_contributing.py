# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What CONTRIBUTING.md tells newcomers to do is done, in a copy of the checkout, and has to work."""

import os
import re
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BLOCK = re.compile(r"^```(\w+) (\S+/\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CHECK = "pidfile.writable_by_others"


def blocks():
    with open(os.path.join(ROOT, "CONTRIBUTING.md"), encoding="utf-8") as page:
        return BLOCK.findall(page.read())


def add_lines(path, diff):
    """Insert the ``+`` line of a diff behind its context line."""
    context, added = (line[1:] + "\n" for line in diff.splitlines())
    with open(path, encoding="utf-8") as file:
        content = file.read()
    assert content.count(context) == 1, f"{path} has not once {context!r}"
    with open(path, "w", encoding="utf-8") as file:
        file.write(content.replace(context, context + added))


def follow(checkout):
    for language, name, content in blocks():
        path = os.path.join(checkout, name)
        if language == "diff":
            add_lines(path, content)
        else:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "x", encoding="utf-8") as file:
                file.write(content)


def run_tests(checkout, *arguments):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-k",
            "writable or rule_7 or healthy",
            *arguments,
        ],
        cwd=checkout,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,
        check=False,
    )


def test_the_four_steps_add_a_check_that_passes(tmp_path):
    checkout = str(tmp_path / "checkout")
    for part in ("plugins", os.path.join("tests", "unit"), os.path.join("docs", "checks")):
        # Another Python may be writing its bytecode at this moment.
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(os.path.join(ROOT, part), os.path.join(checkout, part), symlinks=True, ignore=ignored)
    follow(checkout)
    ran = run_tests(checkout, "tests/unit/test_captured_hosts.py", "tests/unit/test_rules.py")
    assert ran.returncode == 0, ran.stdout
    wrong = os.path.join(checkout, "plugins", "module_utils", "checks", "pidfile_writable_by_others.py")
    with open(wrong, encoding="utf-8") as file:
        content = file.read()
    with open(wrong, "w", encoding="utf-8") as file:
        file.write(content.replace("is_ours(file) and _is_writable(file)", "False"))
    assert CHECK in run_tests(checkout, "tests/unit/test_captured_hosts.py").stdout


def test_every_step_is_there():
    touched = [name for _language, name, _content in blocks()]
    assert touched == [
        "plugins/module_utils/checks/pidfile_writable_by_others.py",
        "plugins/module_utils/checks/pidfile_index.py",
        "plugins/module_utils/checks/pidfile_index.py",
        f"docs/checks/{CHECK}.md",
        "docs/checks/README.md",
        "tests/unit/hosts/pidfile-writable/host.yml",
        "tests/unit/hosts/pidfile-writable/expected.yml",
        "tests/unit/hosts/pidfile-healthy/expected.yml",
    ]
