"""The rules of docs/architecture.md: layers, lengths, and imports that keep start-up fast."""

import ast
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("core", "app", "pages")
# From the lowest to the highest; no module imports one of a higher layer.
LAYERS = (
    (
        "core",
        "core.errors",
        "core.types",
        "core.progress",
        "core.disk",
        "core.leftovers",
        "core.internals",
    ),
    (
        "core.tables",
        "core.input_settings",
        "core.reduction_settings",
        "core.settings",
        "core.compute",
        "core.raster",
        "core.artifacts",
        "core.neighbours",
    ),
    ("core.chips",),
    ("core.embeddings",),
    ("core.reduction", "core.clusters"),
    ("core.search", "core.labels", "core.change"),
    ("core.land", "core.demo"),
    ("core.mapping", "core.export"),
    ("core.pipeline",),
    ("core.api", "core.cli", "core.__main__", "app"),
    ("pages",),
)
STORE_USERS = ("core.pipeline", "core.cli", "core.artifacts", "app")
HEAVY = {"torch", "transformers", "openTSNE", "hdbscan", "fast_hdbscan", "numba", "sklearn"}
HEAVY |= {"streamlit", "plotly", "matplotlib", "distributed", "huggingface_hub"}

MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for package in PACKAGES
    for path in sorted((ROOT / package).rglob("*.py"))
}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in MODULES.items()}


def imported_modules(name: str) -> Iterator[str]:
    """Yield every module that a module imports, anywhere in its code; our own by full name."""
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} has a relative import"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in MODULES else str(node.module)


def project_imports(name: str) -> set[str]:
    return {other for other in imported_modules(name) if other in MODULES} - {name}


def layer_of(name: str) -> int:
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        for level, members in enumerate(LAYERS):
            if ".".join(parts[:length]) in members and (length > 1 or parts[0] != "core"):
                return level
    return 0 if name == "core" else len(LAYERS)


def within(name: str, *packages: str) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def test_layers__every_module_belongs_to_one():
    assert [name for name in MODULES if layer_of(name) == len(LAYERS)] == []
    assert len(MODULES) > 60


def test_layers__nothing_imports_upwards():
    upwards = [
        f"{name} imports {other}"
        for name in MODULES
        for other in project_imports(name)
        if layer_of(other) > layer_of(name)
    ]
    assert upwards == []


def test_layers__siblings_do_not_import_each_other():
    for first, second in (("core.chips", "core.land"), ("core.raster", "core.artifacts")):
        for package, sibling in ((first, second), (second, first)):
            modules = [name for name in MODULES if within(name, package)]
            violations = [n for n in modules for o in project_imports(n) if within(o, sibling)]
            assert violations == [], f"{package} imports {sibling}"


def test_layers__no_circular_imports():
    graph = {name: project_imports(name) for name in MODULES}
    while leaves := [name for name, imports in graph.items() if not imports & graph.keys()]:
        for name in leaves:
            del graph[name]
    assert graph == {}


def test_core__never_imports_streamlit():
    violations = [
        n
        for n in MODULES
        if within(n, "core")
        for o in imported_modules(n)
        if within(o, "streamlit")
    ]
    assert violations == []


def test_store__is_imported_by_few_packages_only():
    users = [n for n in MODULES if "core.artifacts.store" in project_imports(n)]
    assert [n for n in users if not within(n, *STORE_USERS)] == []
    assert [n for n in users if within(n, "core.pipeline")] != []


UNPICKLING_NAMES = {"read_pickle", "Unpickler"}


def imported_names(name: str) -> set[str]:
    """Return the modules and names that a module imports.

    Importing an exception from pickle does not count as importing pickle.
    """
    names = set(imported_modules(name)) - {"pickle"}
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names


def unpickles(node: ast.AST) -> bool:
    """Return True for a call that may execute code from a file."""
    if not isinstance(node, ast.Call):
        return False
    function = ast.unparse(node.func)
    pickles = (
        function in ("pickle.load", "pickle.loads") or function.split(".")[-1] in UNPICKLING_NAMES
    )
    options = {k.arg: getattr(k.value, "value", None) for k in node.keywords}
    torch = function == "torch.load" and options.get("weights_only") is not True
    return pickles or torch or bool(options.get("allow_pickle")) or function.startswith("joblib.")


def test_pickle__is_never_read():
    violations = [n for n, tree in TREES.items() if any(map(unpickles, ast.walk(tree)))]
    assert violations == []
    readers = {"pickle", "dill", "joblib", "cloudpickle", "pickle.load", "pickle.loads"}
    assert [n for n in MODULES if readers & imported_names(n)] == []


def test_unpickles__recognises_unsafe_calls():
    bad = ("pickle.load(f)", "pd.read_pickle(f)", "np.load(f, allow_pickle=True)", "torch.load(f)")
    for text in bad:
        assert any(map(unpickles, ast.walk(ast.parse(text)))), text
    for text in ("json.load(f)", "torch.load(f, weights_only=True)", "np.load(f)"):
        assert not any(map(unpickles, ast.walk(ast.parse(text)))), text


def opened_rasters(tree: ast.AST) -> Iterator[tuple[str, bool]]:
    """Yield the mode of each call of rasterio.open, and whether it names a driver."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "rasterio.open":
            mode = ast.literal_eval(node.args[1]) if len(node.args) > 1 else "r"
            # A profile that is unpacked with ** holds the driver of a new file.
            yield mode, any(keyword.arg in ("driver", None) for keyword in node.keywords)


def test_pixels__are_read_in_core_raster_only_with_an_explicit_driver():
    opened = [(name, *call) for name, tree in TREES.items() for call in opened_rasters(tree)]
    assert [
        name for name, mode, _ in opened if mode == "r" and not within(name, "core.raster")
    ] == []
    assert [name for name, _, has_driver in opened if not has_driver] == []
    assert sum(mode == "r" for _, mode, _ in opened) >= 2
    readers = {
        n for n in MODULES for o in imported_modules(n) if within(o, "rio_tiler", "rasterio.vrt")
    }
    assert [name for name in readers if not within(name, "core.raster")] == []


def test_opened_rasters__returns_modes_and_drivers():
    text = "rasterio.open(p); rasterio.open(p, driver='GTiff'); rasterio.open(p, 'w', **profile)"
    calls = list(opened_rasters(ast.parse(text)))
    assert calls == [("r", False), ("r", True), ("w", True)]


def test_lengths__modules_and_pages():
    lengths = {n: len(p.read_text(encoding="utf-8").splitlines()) for n, p in MODULES.items()}
    assert {n: k for n, k in lengths.items() if k > (80 if within(n, "pages") else 300)} == {}


def test_lengths__functions():
    long = {
        f"{name}.{node.name}": node.end_lineno - node.lineno + 1
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno >= 80
    }
    assert long == {}


def test_folders__at_most_15_modules():
    folders = Counter(path.parent for path in MODULES.values() if path.name != "__init__.py")
    assert {folder.name: n for folder, n in folders.items() if n > 15} == {}


def test_core__never_prints():
    allowed = ("core.cli",)
    violations = [
        name
        for name, tree in TREES.items()
        if within(name, "core") and not within(name, *allowed)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("print", "sys.stdout.write")
    ]
    assert violations == []


def test_streamlit_cache__only_in_one_module():
    users = {n for n, p in MODULES.items() if "st.cache_" in p.read_text(encoding="utf-8")}
    assert users <= {"app.session.cache"}


LIST_LOADED_MODULES = """
import sys
sys.argv = ["chipscape", "--help"]
{statement}
print(*sorted(m.split(".")[0] for m in sys.modules), file=sys.stderr)
"""
STATEMENTS = {
    "core": "import core",
    "the command line": "import core.cli, core.cli.stage_commands",
    "every stage": "import core.pipeline.run_results, core.pipeline.chip_images",
    "export": "import core.export.seed_layout, core.export.export_formats",
    "help": "import runpy\ntry:\n    runpy.run_module('core', run_name='__main__')\n"
    "except SystemExit as leaving:\n    assert not leaving.code",
}


@pytest.mark.parametrize("statement", STATEMENTS.values(), ids=STATEMENTS)
def test_start_up__is_light(statement):
    process = subprocess.run(
        [sys.executable, "-c", LIST_LOADED_MODULES.format(statement=statement)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
        timeout=60,
    )
    assert HEAVY & set(process.stderr.split()) == set()
