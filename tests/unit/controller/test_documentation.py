# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the documentation says is held against the code: options, results, examples, pages and links."""

import importlib
import json
import os
import re
import subprocess
import sys

import pytest
import yaml
from ansible_collections.phpfleet.remediation.plugins.module_utils import remedy_module, request, transition_module
from ansible_collections.phpfleet.remediation.plugins.module_utils.checks.index import CHECKS
from ansible_collections.phpfleet.remediation.plugins.module_utils.transitions import (
    nginx,
    php_fpm,
    runtime_cache,
)
from ansible_collections.phpfleet.remediation.plugins.plugin_utils.fleet_checks import same_minute

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
COLLECTION = "ansible_collections.phpfleet.remediation.plugins"
MODULES = sorted(name[:-3] for name in os.listdir(os.path.join(ROOT, "plugins", "modules")) if name.endswith(".py"))
FRAGMENT_PREFIX = "phpfleet.remediation."
TRANSITIONS = {one.TRANSITION.subject: one.TRANSITION for one in (nginx, php_fpm, runtime_cache)}
# What Ansible adds to every result, and what every failing module may say.
ANSIBLE_KEYS = {"changed", "invocation", "diff", "failed", "msg", "warnings", "deprecations"}


def module_source(name):
    return importlib.import_module(f"{COLLECTION}.modules.{name}")


def documented_options(documentation):
    options = {}
    for fragment in documentation.get("extends_documentation_fragment", []):
        file_name, _unused, attribute = fragment[len(FRAGMENT_PREFIX) :].partition(".")
        fragments = importlib.import_module(f"{COLLECTION}.doc_fragments.{file_name}").ModuleDocFragment
        text = getattr(fragments, (attribute or "documentation").upper())
        options.update(yaml.safe_load(text).get("options", {}))
    # As Ansible does it (utils/plugin_docs.py): what a module says itself wins over its fragments.
    return dict(options, **documentation.get("options", {}))


def argument_spec(name):
    if name == "undo":
        return dict(remedy_module.STATE_OPTIONS, run_id=dict(type="str", required=True))
    if name in TRANSITIONS:
        return dict(transition_module.TRANSITION_OPTIONS, **TRANSITIONS[name].options)
    subject = {"findings_info": None, "remedy": None}.get(
        name, name[: -len("_info")] if name.endswith("_info") else name
    )
    spec = request.options(subject, probes=name.endswith("_info"))
    return spec if name.endswith("_info") else dict(spec, **remedy_module.REMEDY_OPTIONS)


def assert_option(documented, spec, path):
    assert documented is not None, f"{path} has no documentation"
    for key in ("type", "elements", "default", "choices", "required"):
        assert documented.get(key) == spec.get(key), f"{path}: {key} is documented otherwise than it is"
    assert documented.get("description"), f"{path} has no description"
    for name, below in (spec.get("options") or {}).items():
        assert_option(documented.get("suboptions", {}).get(name), below, f"{path}.{name}")


@pytest.mark.parametrize("name", MODULES)
def test_options_are_documented_as_they_are(name):
    options = documented_options(yaml.safe_load(module_source(name).DOCUMENTATION))
    spec = argument_spec(name)
    assert set(options) == set(spec)
    for option, details in spec.items():
        assert_option(options[option], details, f"{name}: {option}")


@pytest.mark.parametrize("name", MODULES)
def test_examples_use_options_that_exist(name):
    tasks = yaml.safe_load(module_source(name).EXAMPLES)
    assert tasks
    spec_of = {f"phpfleet.remediation.{module}": argument_spec(module) for module in MODULES}
    used = [(key, task[key] or {}) for task in tasks for key in task if key in spec_of]
    assert f"phpfleet.remediation.{name}" in {module for module, _unused in used}
    for module, options in used:
        assert set(options) <= set(spec_of[module]), f"an example of {name} gives {module} an option it does not have"


@pytest.mark.parametrize("name", [name for name in MODULES if name != "undo"])
def test_results_are_documented_as_they_are(name, tmp_path):
    returned = yaml.safe_load(module_source(name).RETURN)
    result = run_module(name, tmp_path)
    unsaid = set(result) - set(returned) - ANSIBLE_KEYS
    assert not unsaid, f"{name} returns what it does not document: {unsaid}"
    always = {key for key, value in returned.items() if value["returned"] in ("always", "success")}
    assert not always - set(result), f"{name} documents what it does not return: {always - set(result)}"


def run_module(name, tmp_path):
    """Run a module in check mode on this machine, through Ansible itself: a look, or the plan of a remedy."""
    environment = dict(os.environ, ANSIBLE_LOAD_CALLBACK_PLUGINS="1", ANSIBLE_STDOUT_CALLBACK="ansible.builtin.minimal")
    environment.update(ANSIBLE_COLLECTIONS_PATH=os.path.join(ROOT, ".cache", "collections"), HOME=str(tmp_path))
    command = [sys.executable, "-m", "ansible", "adhoc", "localhost", "--check", "-e"]
    command += [f"ansible_python_interpreter={sys.executable}", "-m", f"phpfleet.remediation.{name}"]
    command += ["-a", "state=stopped"] if "state" in argument_spec(name) and name in TRANSITIONS else []
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    return json.loads(ran.stdout[ran.stdout.index("=> {") + len("=> ") :])  # what fails prints its task before


def test_every_check_has_its_page_and_every_page_its_check():
    directory = os.path.join(ROOT, "docs", "checks")
    pages = {name[: -len(".md")] for name in os.listdir(directory) if name.endswith(".md")} - {"README"}
    assert pages == {check.id for check in CHECKS} | {same_minute.CHECK}
    with open(os.path.join(directory, "README.md"), encoding="utf-8") as index:
        listed = set(re.findall(r"\]\(([a-z_]+\.[a-z_]+)\.md\)", index.read()))
    assert listed == pages


def markdown_files():
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return sorted(name for name in listed.stdout.split("\n") if name and os.path.exists(os.path.join(ROOT, name)))


def anchors(path):
    with open(path, encoding="utf-8") as page:
        headings = re.findall(r"^#+ (.*)$", page.read(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", markdown_files())
def test_links_lead_somewhere(name):
    path = os.path.join(ROOT, name)
    with open(path, encoding="utf-8") as page:
        prose = re.sub(r"^```.*?^```$", "", page.read(), flags=re.MULTILINE | re.DOTALL)
    links = re.findall(r"\]\(([^)\s]+)\)", prose)
    for link in links:
        target, _unused, anchor = link.partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        there = os.path.normpath(os.path.join(os.path.dirname(path), target)) if target else path
        assert os.path.exists(there), f"{name} links to {link}, which does not exist"
        assert not anchor or anchor in anchors(there), f"{name} links to {link}, and there is no such heading"
