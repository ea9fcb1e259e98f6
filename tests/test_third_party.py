"""THIRD_PARTY.md lists every package that is installed for Chipscape, and its licence."""

import json
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = ROOT / "docs" / "make_third_party.py"
MODULE = runpy.run_path(str(SCRIPT))
# Each of these permits use and distribution together with a program under the MIT licence.
PERMISSIVE = {
    "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0", "CNRI-Python",
    "ISC", "LLVM-exception", "MIT", "MIT-0", "MIT-CMU", "MPL-2.0", "PSF-2.0",
    "Zlib",
}  # fmt: skip


@pytest.fixture(scope="module")
def table():
    return MODULE["read_table"]()


def test_table__names_the_licence_of_every_installed_package(table):
    installed = MODULE["list_licences"]()
    assert len(installed) > 100
    missing = {name: row for name, row in installed.items() if table.get(name) != row}
    assert missing == {}, "run `python docs/make_third_party.py`"


def test_table__names_every_locked_package_and_no_other(table):
    lines = (ROOT / "requirements-test-lock.txt").read_text(encoding="utf-8").splitlines()
    locked = {canonicalize_name(re.split(r"[=\[]", line)[0]) for line in lines}
    assert locked <= table.keys()
    assert table.keys() <= locked | MODULE["list_licences"]().keys()


def test_table__all_licences_are_permissive(table):
    for name, (licence, use) in table.items():
        parts = set(re.split(r" (?:AND|OR|WITH) ", licence))
        assert parts <= PERMISSIVE, f"{name}: {licence}"
        assert use in ("Chipscape", "tests")


class FakePackage:
    def __init__(self, **fields):
        self.metadata = Metadata(fields)


class Metadata(dict):
    def get_all(self, name):
        return self.get(name)


@pytest.mark.parametrize(
    ("fields", "licence"),
    [
        ({"License-Expression": "MIT AND Zlib"}, "MIT AND Zlib"),
        ({"License": "Apache License 2.0"}, "Apache-2.0"),
        ({"License": "MIT License\n\nCopyright (c) 2020"}, "MIT"),
        ({"License": "UNKNOWN", "Classifier": ["License :: OSI Approved :: MIT License"]}, "MIT"),
        ({"License": "BSD"}, ""),
        ({"Classifier": ["License :: OSI Approved"]}, ""),
        ({}, ""),
    ],
)
def test_licence__comes_from_the_metadata_or_is_unclear(fields, licence):
    assert MODULE["find_licence"](FakePackage(Name="some-package", **fields)) == licence


def test_sbom__lists_every_package_with_version_licence_and_dependencies(tmp_path, table):
    file = tmp_path / "bom.json"
    subprocess.run([sys.executable, str(SCRIPT), "--sbom", str(file)], check=True)
    bom = json.loads(file.read_text(encoding="utf-8"))
    assert (bom["bomFormat"], bom["specVersion"]) == ("CycloneDX", "1.6")
    assert re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", bom["serialNumber"])
    components = {component["name"]: component for component in bom["components"]}
    assert components.keys() == MODULE["list_licences"]().keys() & components.keys()
    assert len(components) >= len(table) - 5
    for name, component in components.items():
        assert component["purl"] == f"pkg:pypi/{name}@{component['version']}"
        assert component["licenses"] == [{"expression": table[name][0]}]
    references = {component["bom-ref"] for component in bom["components"]}
    assert {entry["ref"] for entry in bom["dependencies"]} == references
    assert all(set(entry["dependsOn"]) <= references for entry in bom["dependencies"])
    assert components["numpy"]["scope"] == "required"
    assert components["pytest"]["scope"] == "excluded"
