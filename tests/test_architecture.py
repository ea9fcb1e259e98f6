"""The layers, the lengths and the light start-up of docs/architecture.md, measured."""

import ast
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("core", "app", "pages")
# From the ground up; nothing imports a layer above its own.
LAYERS = (
    ("core", "core.errors", "core.types", "core.progress", "core.internals"),
    (
        "core.tables",
        "core.input_settings",
        "core.settings",
        "core.compute",
        "core.raster",
        "core.artifacts",
        "core.neighbours",
    ),
    ("core.chips",),
    ("core.embeddings",),
    ("core.reduction", "core.clusters"),
    ("core.flair", "core.demo"),
    ("core.mapping", "core.export"),
    ("core.pipeline",),
    ("core.api", "core.cli", "core.__main__", "app"),
    ("pages",),
)
KNOWS_THE_STORE = ("core.pipeline", "core.cli", "core.artifacts", "app")
HEAVY = {"torch", "transformers", "openTSNE", "hdbscan", "fast_hdbscan", "numba", "sklearn"}
HEAVY |= {"streamlit", "plotly", "matplotlib", "distributed", "huggingface_hub"}

MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for package in PACKAGES
    for path in sorted((ROOT / package).rglob("*.py"))
}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in MODULES.items()}


def imported(name: str) -> Iterator[str]:
    """Every module that one imports, wherever in its text; ours by their full names."""
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} imports relatively"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in MODULES else str(node.module)


def ours(name: str) -> set[str]:
    return {other for other in imported(name) if other in MODULES} - {name}


def layer(name: str) -> int:
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        for level, members in enumerate(LAYERS):
            if ".".join(parts[:length]) in members and (length > 1 or parts[0] != "core"):
                return level
    return 0 if name == "core" else len(LAYERS)


def within(name: str, *packages: str) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def test_layers__every_module_has_one():
    assert [name for name in MODULES if layer(name) == len(LAYERS)] == []
    assert len(MODULES) > 60


def test_layers__nothing_imports_upwards():
    upwards = [
        f"{name} imports {other}"
        for name in MODULES
        for other in ours(name)
        if layer(other) > layer(name)
    ]
    assert upwards == []


def test_layers__siblings_know_nothing_of_each_other():
    for one, other in (("core.chips", "core.flair"), ("core.raster", "core.artifacts")):
        for here, there in ((one, other), (other, one)):
            guilty = [n for n in MODULES if within(n, here) for o in ours(n) if within(o, there)]
            assert guilty == [], f"{here} imports {there}"


def test_layers__no_circle():
    graph = {name: ours(name) for name in MODULES}
    while free := [name for name, wanted in graph.items() if not wanted & graph.keys()]:
        for name in free:
            del graph[name]
    assert graph == {}


def test_core__never_imports_streamlit():
    guilty = [
        n for n in MODULES if within(n, "core") for o in imported(n) if within(o, "streamlit")
    ]
    assert guilty == []


def test_store__only_the_pipeline_knows_it():
    guilty = [n for n in MODULES if "core.artifacts.store" in ours(n)]
    assert [n for n in guilty if not within(n, *KNOWS_THE_STORE)] == []
    assert [n for n in guilty if within(n, "core.pipeline")] != []


READS = {"read_pickle", "Unpickler"}


def named(name: str) -> set[str]:
    """What a module imports; an error's name out of pickle is not pickle."""
    found = set(imported(name)) - {"pickle"}
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


def unpickles(node: ast.AST) -> bool:
    """True for a call that may run code out of a file."""
    if not isinstance(node, ast.Call):
        return False
    called = ast.unparse(node.func)
    pickles = called in ("pickle.load", "pickle.loads") or called.split(".")[-1] in READS
    given = {k.arg: getattr(k.value, "value", None) for k in node.keywords}
    torch = called == "torch.load" and given.get("weights_only") is not True
    return pickles or torch or bool(given.get("allow_pickle")) or called.startswith("joblib.")


def test_pickle__none_is_read():
    guilty = [n for n, tree in TREES.items() if any(map(unpickles, ast.walk(tree)))]
    assert guilty == []
    readers = {"pickle", "dill", "joblib", "cloudpickle", "pickle.load", "pickle.loads"}
    assert [n for n in MODULES if readers & named(n)] == []


def test_unpickles__sees_what_it_should():
    bad = ("pickle.load(f)", "pd.read_pickle(f)", "np.load(f, allow_pickle=True)", "torch.load(f)")
    for text in bad:
        assert any(map(unpickles, ast.walk(ast.parse(text)))), text
    for text in ("json.load(f)", "torch.load(f, weights_only=True)", "np.load(f)"):
        assert not any(map(unpickles, ast.walk(ast.parse(text)))), text


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
    guilty = [
        name
        for name, tree in TREES.items()
        if within(name, "core") and not within(name, *allowed)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("print", "sys.stdout.write")
    ]
    assert guilty == []


def test_streamlit_cache__only_in_one_module():
    text = {n for n, p in MODULES.items() if "st.cache_" in p.read_text(encoding="utf-8")}
    assert text <= {"app.session.cache"}


LOADED = """
import sys
sys.argv = ["chipscape", "--help"]
{statement}
print(*sorted(m.split(".")[0] for m in sys.modules), file=sys.stderr)
"""
STATEMENTS = {
    "core": "import core",
    "the command line": "import core.cli, core.cli.stage_commands",
    "every stage": "import core.pipeline.run_results, core.pipeline.chip_images",
    "export": "import core.export.seed_layout, core.export.table_formats",
    "help": "import runpy\ntry:\n    runpy.run_module('core', run_name='__main__')\n"
    "except SystemExit as leaving:\n    assert not leaving.code",
}


@pytest.mark.parametrize("statement", STATEMENTS.values(), ids=STATEMENTS)
def test_start_up__is_light(statement):
    done = subprocess.run(
        [sys.executable, "-c", LOADED.format(statement=statement)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
        timeout=60,
    )
    assert HEAVY & set(done.stderr.split()) == set()
