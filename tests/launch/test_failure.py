"""Which places of a script are reached only after a failure: held to bash, by running the script after a success."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from wbsignal_lint.launch.failure import needs_failure

FAILURE = [
    '; rc=$?; if [ "$rc" -ne 0 ]; then PLACE; fi',
    "\nif [[ $? != 0 ]]; then\n  PLACE\nfi",
    " || rc=$?\n(( rc )) && PLACE",
    "\nlocal rc=$?\ntest ${rc:-0} -gt 128 && PLACE",
    "\ncase $? in\n  0) ;;\n  *) PLACE ;;\nesac",
    "\nrc=$?\n# fi\ncase \"$rc\" in 1 | '143') echo fi; PLACE ;; esac",
]
NO_FAILURE = [
    "\nPLACE",
    "; rc=$?; if [ $rc -eq 0 ]; then PLACE; fi",
    "\nif [ $? -ne 0 ]; then echo no; else PLACE; fi",
    "; rc=$?; rc=3; if [ $rc -ne 0 ]; then PLACE; fi",
    "; rc=$?; if [ $rc -ne 0 ]; then echo no; fi; PLACE",
    "; rc=$?; if [ $rc -ne 0 ] || [ -e marker ]; then PLACE; fi",
    "\ncase $? in\n  *) PLACE ;;\nesac",
    "\ncase $? in\n  0 | 143) PLACE ;;\nesac",
    "; rc=$?; [ $rc -ne 0 ] || PLACE",
    "; rc=$?; [ $rc -ge 0 ] && PLACE",
]


def reached_after_success(text: str) -> bool:
    bash = shutil.which("bash")
    assert bash is not None
    script = f"job() {{\n true{text.replace('PLACE', 'echo reached')}\n}}; job"
    done = subprocess.run([bash, "-c", script], capture_output=True, text=True, check=False)
    return "reached" in done.stdout


@pytest.mark.parametrize("text", FAILURE)
def test_a_place_that_needs_a_failure(text: str) -> None:
    assert needs_failure("srun ", text.split("PLACE")[0])
    assert not reached_after_success(text)


@pytest.mark.parametrize("text", NO_FAILURE)
def test_a_place_that_may_need_none(text: str) -> None:
    assert not needs_failure("srun ", text.split("PLACE")[0])


def test_a_negated_condition_needs_a_failure() -> None:
    assert needs_failure("if ! ", "; then\n    ")
    assert not needs_failure("if ", "; then\n    ")
    assert not needs_failure("if ! ", "; then echo no; else\n    ")
