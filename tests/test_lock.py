"""The lock files: exact versions of all requirements, and no addresses."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
REQUIRED = {
    "requirements-lock.txt": PROJECT["dependencies"],
    "requirements-test-lock.txt": [
        *PROJECT["dependencies"],
        *PROJECT["optional-dependencies"]["test"],
    ],
}


def locked(name):
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines]


@pytest.mark.parametrize("name", REQUIRED)
def test_lock__exact_versions_without_addresses(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    assert "//" not in text
    for line in text.splitlines():
        assert re.match(r"^[A-Za-z0-9._-]+(\[[a-z,]+\])?==[^ ]+( ; .+)?$", line), line


@pytest.mark.parametrize("name", REQUIRED)
def test_lock__satisfies_the_requirements_of_the_project(name):
    versions = {}
    for requirement in locked(name):
        version = next(iter(requirement.specifier)).version
        versions.setdefault(canonicalize_name(requirement.name), []).append(version)
    for text in REQUIRED[name]:
        requirement = Requirement(text)
        pinned = versions.get(canonicalize_name(requirement.name), [])
        assert pinned, f"{requirement.name} is not locked: run `make lock`"
        for version in pinned:
            assert requirement.specifier.contains(version), f"{requirement} != {version}"


def test_lock__torch_is_pinned_for_every_platform():
    torch = [r for r in locked("requirements-lock.txt") if r.name == "torch"]
    assert [str(requirement) for requirement in torch] == ["torch==2.13.0"]
