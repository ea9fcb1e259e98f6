"""An upgrade that changes a private part of another package fails here, by name."""

import ast
import re
import tomllib
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("hdbscan", "fast-hdbscan", "numba", "scikit-learn", "huggingface-hub")


@pytest.mark.parametrize("package", PACKAGES)
def test_versions__have_an_upper_bound(package):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    requirement = next(d for d in project["dependencies"] if re.match(rf"{package}\b(?!-)", d))
    assert "<" in requirement, requirement


def test_private_parts__are_imported_in_one_place():
    guilty = []
    for path in [*(ROOT / "core").rglob("*.py"), *(ROOT / "app").rglob("*.py")]:
        if path.parent.name == "internals":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.ImportFrom) or not node.module:
                continue
            parts = [*node.module.split("."), *(alias.name for alias in node.names)]
            private = any(part.startswith("_") and part != "__version__" for part in parts)
            if private or parts[0] == "fast_hdbscan" or parts[:2] == ["numba", "core"]:
                guilty.append(f"{path.relative_to(ROOT)}: {ast.unparse(node)}")
    assert guilty == []


def test_fast_hdbscan__private_names_exist():
    from core.internals import fast_hdbscan_internals

    for name in fast_hdbscan_internals.__all__:
        assert callable(getattr(fast_hdbscan_internals, name)), name


def test_fast_hdbscan__condensed_tree_has_the_fields_that_are_read():
    from core.internals.fast_hdbscan_internals import condense_linkage, mst_to_linkage_tree

    edges = np.array([[0, 1, 1.0], [2, 3, 1.0], [4, 5, 1.0], [1, 2, 5.0], [3, 4, 6.0]])
    rows = condense_linkage(mst_to_linkage_tree(edges), min_cluster_size=2)
    assert len(rows.parent) == len(rows.child) == len(rows.lambda_val)
    assert rows.parent.min() == 6


def test_hdbscan__prim_builds_the_minimum_spanning_tree():
    from core.internals.hdbscan_internals import build_prim_tree

    points = np.array([[0, 0], [1, 0], [3, 0], [7, 0]], np.float32)
    edges = build_prim_tree(points, np.zeros(4, np.float32))
    assert sorted(edges[:, 2].tolist()) == [1.0, 2.0, 4.0]


def test_numba__stamp_of_the_cache_can_be_set():
    import numba

    from core.internals.numba_internals import set_cache_stamp

    dispatcher = numba.njit(cache=True)(lambda x: x + 1)
    set_cache_stamp(dispatcher, "stamp")
    assert dispatcher._cache._cache_file._source_stamp == "stamp"


def test_scikit_learn__trees_of_boosting_have_the_fields_that_are_read():
    from sklearn.ensemble import HistGradientBoostingClassifier

    from core.internals.sklearn_internals import boosting_baseline, boosting_nodes

    rng = np.random.default_rng(0)
    estimator = HistGradientBoostingClassifier(max_iter=2, early_stopping=False)
    estimator.fit(rng.normal(size=(90, 2)), np.arange(90) % 3)
    trees = boosting_nodes(estimator)
    assert len(trees) == 2 * 3
    fields = {"is_leaf", "feature_idx", "num_threshold", "left", "right", "value"}
    assert fields <= set(trees[0].dtype.names)
    assert boosting_baseline(estimator).shape == (3,)


def test_hub__no_network_is_a_transport_error(monkeypatch):
    from huggingface_hub import constants

    from core.internals.hub_internals import probe_hub, transport_error

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises((transport_error(), OSError)):
        probe_hub(2.0)
