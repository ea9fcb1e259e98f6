"""List the installed packages that Chipscape needs: `python docs/make_third_party.py`.

Writes the table of THIRD_PARTY.md: every package that Chipscape or its tests need, directly or
through another package, with its licence as an SPDX expression. `--sbom FILE` writes a bill
of materials in the CycloneDX format instead, with the exact versions that are installed here.
"""

import argparse
import json
import re
import sys
import tomllib
import uuid
from datetime import UTC, datetime
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
FILE = ROOT / "THIRD_PARTY.md"
START, END = "| package | licence | needed by |\n|---|---|---|\n", "\n\n"
# Licences of packages whose metadata names none, or only "BSD": from the texts in the packages.
KNOWN = {
    "axe-playwright-python": "MIT",
    "cligj": "BSD-3-Clause",
    "colorama": "BSD-3-Clause",  # installed on Windows only
    "contourpy": "BSD-3-Clause",
    "click-plugins": "BSD-3-Clause",
    "cycler": "BSD-3-Clause",
    "hdbscan": "BSD-3-Clause",
    "itsdangerous": "BSD-3-Clause",
    "jinja2": "BSD-3-Clause",
    "kiwisolver": "BSD-3-Clause",
    "altair": "BSD-3-Clause",
    "matplotlib": "PSF-2.0",  # a licence of its own, modelled on that of Python
    "mpmath": "BSD-3-Clause",
    "numba": "BSD-2-Clause",
    "partd": "BSD-3-Clause",
    "pycocotools": "BSD-2-Clause",  # "FreeBSD"
    "rasterio": "BSD-3-Clause",
    "rio-tiler": "BSD-3-Clause",
    "scipy": "BSD-3-Clause",
    "streamlit-plotly-events": "MIT",
    "sympy": "BSD-3-Clause",
    "zict": "BSD-3-Clause",
    "scikit-image": "BSD-3-Clause",  # a list of files; those of others are under BSD and MIT
}
# Other ways to write an SPDX identifier in the metadata of packages.
SPELLINGS = {
    "3-clause bsd license": "BSD-3-Clause",
    "apache 2.0": "Apache-2.0",
    "apache 2.0 license": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "isc license": "ISC",
    "mit license": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
}
IDENTIFIER = re.compile(r"^[A-Za-z0-9.+-]+( (AND|OR|WITH) [A-Za-z0-9.+-]+)*$")


def find_packages(requirements: list[str]) -> dict[str, Distribution]:
    """Return the installed packages that meet requirements, with all that they need, by name."""
    packages: dict[str, Distribution] = {}
    open_requests = [(Requirement(text), "") for text in requirements]
    done = set()
    while open_requests:
        requirement, extra = open_requests.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        if (name, extras := tuple(sorted(requirement.extras))) in done:
            continue
        done.add((name, extras))
        try:
            packages[name] = distribution(requirement.name)
        except PackageNotFoundError:
            sys.exit(f"{name} is not installed. Install it with: pip install {name}")
        for text in packages[name].requires or []:
            open_requests += [(Requirement(text), extra) for extra in ("", *extras)]
    return packages


def find_licence(package: Distribution) -> str:
    """Return the licence of a package as an SPDX expression; "" if its metadata is unclear."""
    name, metadata = canonicalize_name(package.metadata["Name"]), package.metadata
    if name in KNOWN:
        return KNOWN[name]
    classifiers = metadata.get_all("Classifier") or []
    texts = [metadata.get("License-Expression"), metadata.get("License")]
    texts += [c.rpartition(" :: ")[2] for c in classifiers if c.startswith("License ::")]
    for text in texts:
        # Some packages put the whole text of the licence here; its first line is the name.
        line = (text or "").strip().partition("\n")[0].strip()
        spelling = SPELLINGS.get(line.lower(), line)
        if IDENTIFIER.match(spelling) and spelling not in ("BSD", "UNKNOWN", "OSI"):
            return spelling
    return ""


def read_project() -> tuple[dict[str, Distribution], dict[str, Distribution]]:
    """Return the packages that Chipscape needs, and the further ones that its tests need."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    project = tomllib.loads(text)["project"]
    needed = find_packages(project["dependencies"])
    tests = find_packages(project["optional-dependencies"]["test"])
    return needed, {name: package for name, package in tests.items() if name not in needed}


def list_licences() -> dict[str, tuple[str, str]]:
    """Return licence and use ("Chipscape" or "tests") of every package, by name."""
    needed, tests = read_project()
    rows = {name: (find_licence(package), "Chipscape") for name, package in needed.items()}
    rows |= {name: (find_licence(package), "tests") for name, package in tests.items()}
    rows.setdefault("colorama", (KNOWN["colorama"], "Chipscape"))
    return dict(sorted(rows.items()))


def read_table() -> dict[str, tuple[str, str]]:
    """Return the table of THIRD_PARTY.md, in the form of `list_licences`."""
    table = FILE.read_text(encoding="utf-8").split(START)[1].split(END)[0]
    rows = (line.strip("| ").split(" | ") for line in table.splitlines())
    return {name: (licence, use) for name, licence, use in rows}


def write_table() -> None:
    """Write the table of THIRD_PARTY.md."""
    text = FILE.read_text(encoding="utf-8")
    before, after = text.split(START)
    rows = [f"| {name} | {licence} | {use} |" for name, (licence, use) in list_licences().items()]
    FILE.write_text(before + START + "\n".join(rows) + END + after.partition(END)[2], "utf-8")


def make_sbom() -> dict[str, Any]:
    """Return the bill of materials: CycloneDX 1.6, https://cyclonedx.org/docs/1.6/json."""
    needed, tests = read_project()
    packages = needed | tests
    references = {name: f"pkg:pypi/{name}@{package.version}" for name, package in packages.items()}
    components = [
        {
            "type": "library",
            "bom-ref": references[name],
            "name": name,
            "version": package.version,
            "purl": references[name],
            "scope": "required" if name in needed else "excluded",
            "licenses": [{"expression": find_licence(package)}],
        }
        for name, package in sorted(packages.items())
    ]
    dependencies = []
    for name, package in sorted(packages.items()):
        names = {canonicalize_name(Requirement(text).name) for text in package.requires or []}
        on = sorted(references[other] for other in names if other in references)
        dependencies.append({"ref": references[name], "dependsOn": on})
    version = distribution("chipscape").version
    product = {"type": "application", "bom-ref": "chipscape", "name": "chipscape"}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid4()}",
        "version": 1,
        "metadata": {
            "timestamp": datetime.now(UTC).isoformat(timespec="seconds"),
            "component": product | {"version": version, "licenses": [{"expression": "MIT"}]},
        },
        "components": components,
        "dependencies": dependencies,
    }


def main() -> None:
    """Write THIRD_PARTY.md, or the bill of materials."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sbom", type=Path, metavar="FILE")
    file = parser.parse_args().sbom
    if unclear := [name for name, (licence, _) in list_licences().items() if not licence]:
        sys.exit(f"The licence of {', '.join(unclear)} is unclear. Look it up and add it to KNOWN.")
    if file is None:
        write_table()
    else:
        file.write_text(json.dumps(make_sbom(), indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
