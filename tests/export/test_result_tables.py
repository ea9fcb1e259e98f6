"""Exports reread by the programs' own libraries; the landscape is made by hand."""

import dataclasses

import geopandas as gpd
import matplotlib.image as pictures
import numpy as np
import pandas as pd
import pytest
from shapely.geometry import box

from core.chips.chip_set import ChipSet, SceneChips
from core.clusters.editing import edits
from core.clusters.labelling import labelled
from core.export.result_tables import FORMATS, Landscape, write, write_seed_layout
from core.reduction.pca import Reduced
from core.reduction.tsne import Projection

N = 9
RAW_LABELS = np.array([0, 0, 0, 0, 1, 1, 1, -1, -1])
OURS = ("cluster", "cluster_raw", "confidence", "pca_1d", "tsne_x", "tsne_y")
EVIL = "<img src=x onerror=alert(1)>"
PROPERTIES = {
    "class": [EVIL, "Ünïcode 漢字", *"abcdefg"],
    "cluster": [f"theirs {i}" for i in range(N)],
    "width": np.arange(N) + 100.0,
    "scene": ["s"] * N,
    "Height": np.arange(N),
    "geometry": ["g"] * N,
    "geom": ["h"] * N,
    "fid": ["f"] * N,
    "property_width": ["w"] * N,
    "height_m": [None, *range(1, N)],
}


def scene_chips(name, rows, properties):
    n = len(rows)
    rng = np.random.default_rng(len(name))
    facts = pd.DataFrame(
        {
            "chip_id": [f"{name}-{i:02d}" for i in rows],
            "scene": name,
            "longitude": 3.0 + rows / 100,
            "latitude": 45.0,
            "width": 10.0,
            "height": 12.0,
        }
    )
    pixels = rng.integers(0, 255, (n, 3, 8, 8)).astype(np.uint8)
    return SceneChips(name, name, pixels, np.zeros((n, 8, 8), np.uint8), facts, properties)


@pytest.fixture
def landscape():
    rows, properties = np.arange(N), pd.DataFrame(PROPERTIES)
    parts = tuple(
        scene_chips(name, rows[part], properties.iloc[part].reset_index(drop=True))
        for name, part in (("a", slice(0, 5)), ("b#c", slice(5, N)))
    )
    rng = np.random.default_rng(0)
    points = rng.normal(size=(N, 3)).astype(np.float32)
    reduced = Reduced(points, np.array([0.5, 0.3, 0.2]), np.eye(3), np.zeros(3), np.ones(3))
    footprints = np.array([box(3 + i / 100, 45, 3 + i / 100 + 0.001, 45.001) for i in rows])
    return Landscape(
        chips=ChipSet(parts, ("red", "green", "blue")),
        footprints=footprints,
        embeddings=rng.normal(size=(N, 4)).astype(np.float32),
        reduced=reduced,
        labelling=labelled(RAW_LABELS, np.full(N, 0.5), "hdbscan", {}),
        projection=Projection(rng.normal(size=(N, 2)).astype(np.float32), 0.1, 5.0),
    )


def reread(path):
    if path.suffix == ".csv":
        return pd.read_csv(path)
    return gpd.read_parquet(path) if path.suffix == ".parquet" else gpd.read_file(path)


@pytest.mark.parametrize("kind", FORMATS)
def test_write__reread(landscape, tmp_path, kind):
    path = write(landscape, tmp_path / "out", kind)
    table = reread(path)
    assert [p.name for p in (tmp_path / "out").iterdir()] == [path.name]
    assert len(table) == N
    assert table["chip_id"].tolist() == landscape.chips.facts["chip_id"].tolist()
    assert table["cluster"].tolist() == [0, 0, 0, 0, 1, 1, 1, -1, -1]
    for name in OURS:
        assert np.allclose(table[name], landscape.table()[name], atol=1e-6), name
    if kind != "csv":
        assert table.crs.to_epsg() == 4326
        assert table.geometry.iloc[3].equals_exact(landscape.footprints[3], 1e-6)


@pytest.mark.parametrize("kind", FORMATS)
def test_write__theirs_are_kept_beside_ours(landscape, tmp_path, kind):
    table = reread(write(landscape, tmp_path, kind))
    assert table["class"].tolist()[:2] == [EVIL, "Ünïcode 漢字"]
    assert table["property_cluster"].tolist()[8] == "theirs 8"
    assert table["width"].tolist() == [10.0] * N
    assert table["property_width"].tolist() == PROPERTIES["width"].tolist()
    assert table["property_property_width"].tolist() == ["w"] * N
    assert table["property_Height"].tolist() == list(range(N))
    for name in ("scene", "geometry", "geom", "fid"):
        assert table[f"property_{name}"].tolist() == PROPERTIES[name]
    assert table["height_m"].isna().tolist() == [True] + [False] * 8
    assert not table.columns.duplicated().any()


@pytest.mark.parametrize("kind", FORMATS)
def test_write__scenes_without_crs(landscape, tmp_path, kind):
    nowhere = Landscape(**{**vars(landscape), "footprints": np.full(N, None, object)})
    some = landscape.footprints.copy()
    some[:5] = None
    mixed = Landscape(**{**vars(landscape), "footprints": some})
    for name, made, missing in (("none", nowhere, N), ("some", mixed, 5)):
        table = reread(write(made, tmp_path / name, kind))
        assert len(table) == N
        if kind != "csv":
            assert int(table.geometry.isna().sum()) == missing


@pytest.mark.parametrize("kind", ["csv", "geojson", "geoparquet"])
def test_write__equal_results_equal_bytes(landscape, tmp_path, kind):
    one, two = (write(landscape, tmp_path / name, kind) for name in "xy")
    assert one.read_bytes() == two.read_bytes()


def test_write__replaces_an_earlier_one(landscape, tmp_path):
    target = tmp_path / "chips.gpkg"
    target.write_bytes(b"old")
    assert len(reread(write(landscape, tmp_path, "gpkg"))) == N
    assert len(reread(write(landscape, tmp_path, "gpkg"))) == N


def test_write__nothing_half_written(landscape, tmp_path, monkeypatch):
    def fail(self, path, **_):
        path.write_text("half")
        raise OSError(28, "No space left on device")

    (tmp_path / "chips.csv").write_text("old")
    monkeypatch.setattr(pd.DataFrame, "to_csv", fail)
    with pytest.raises(OSError, match="No space"):
        write(landscape, tmp_path, "csv")
    assert [p.name for p in tmp_path.iterdir()] == ["chips.csv"]
    assert (tmp_path / "chips.csv").read_text() == "old"


def test_write_seed_layout__whole(landscape, tmp_path):
    extracted, results = tmp_path / "extracted", tmp_path / "results"
    written = write_seed_layout(landscape, extracted, results)
    there = sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file())
    ids = [f"a-{i:02d}" for i in range(5)] + [f"b_c-{i:02d}" for i in range(5, N)]
    expected = [f"extracted/{name}.npy" for name in ids]
    expected += ["extracted/embeddings.pkl", "extracted/metadata_cache.csv"]
    expected += [f"results/{n}" for n in ("X_pca.npy", "clustering_results.csv", "tsne_static.png")]
    assert there == sorted(expected)
    assert sorted(written) == sorted(tmp_path / name for name in there)


def test_write_seed_layout__content(landscape, tmp_path):
    write_seed_layout(landscape, tmp_path, tmp_path)
    chip = np.load(tmp_path / "a-03.npy")
    assert np.array_equal(chip, landscape.chips.parts[0].pixels[3].transpose(1, 2, 0))
    metadata = pd.read_csv(tmp_path / "metadata_cache.csv")
    assert metadata["path"].tolist()[3] == "a-03.npy"
    assert {"longitude", "latitude", "width", "height", "class"} <= set(metadata)
    assert all((tmp_path / path).is_file() for path in metadata["path"])
    embedded = pd.read_pickle(tmp_path / "embeddings.pkl")
    assert np.array_equal(np.stack(embedded["embedding"]), landscape.embeddings)
    results = pd.read_csv(tmp_path / "clustering_results.csv")
    assert results["cluster"].tolist() == landscape.labelling.labels.tolist()
    assert np.array_equal(np.load(tmp_path / "X_pca.npy"), landscape.reduced.points)
    assert (tmp_path / "tsne_static.png").read_bytes().startswith(b"\x89PNG")


def test_write_seed_layout__equal_results_equal_pictures(landscape, tmp_path):
    for name in "xy":
        write_seed_layout(landscape, tmp_path / name, tmp_path / name)
    one, two = ((tmp_path / name / "tsne_static.png").read_bytes() for name in "xy")
    assert one == two


def edited(landscape, **changes):
    state = dataclasses.replace(edits.start(landscape.labelling.labels), **changes)
    return dataclasses.replace(landscape, edited=state)


def test_table__names_and_what_the_method_said_stand_beside(landscape):
    shown = np.where(RAW_LABELS == -1, 1, RAW_LABELS).astype(np.int32)
    table = edited(landscape, ids=shown, names={1: "ferries"}).table()
    assert table["cluster"].tolist() == shown.tolist()
    assert table["cluster_name"].tolist() == ["Cluster 0"] * 4 + ["ferries"] * 5
    assert table["cluster_raw"].tolist() == RAW_LABELS.tolist()
    assert landscape.table()["cluster_name"].tolist()[-1] == "Noise"


@pytest.mark.parametrize("kind", FORMATS)
def test_write__excluded_chips_are_left_out(landscape, tmp_path, kind):
    gone = np.arange(N) == 3
    path = write(edited(landscape, excluded=gone), tmp_path, kind)
    if kind == "csv":
        ids = pd.read_csv(path)["chip_id"]
    else:
        frame = gpd.read_parquet(path) if kind == "geoparquet" else gpd.read_file(path)
        ids = frame["chip_id"]
        kept = landscape.footprints[~gone]
        assert [g.equals_exact(k, 1e-6) for g, k in zip(frame.geometry, kept, strict=True)] == [
            True
        ] * (N - 1)
    assert ids.tolist() == landscape.chips.facts["chip_id"][~gone].tolist()


def test_write_seed_layout__keeps_excluded_chips_beside_the_matrix(landscape, tmp_path):
    gone = np.arange(N) == 3
    write_seed_layout(edited(landscape, excluded=gone), tmp_path / "e", tmp_path / "r")
    assert len(pd.read_csv(tmp_path / "r" / "clustering_results.csv")) == N


@pytest.mark.parametrize("kind", FORMATS)
def test_write__colours_of_the_user_stand_beside_their_clusters(landscape, tmp_path, kind):
    path = write(edited(landscape, colours={1: "#123456"}), tmp_path, kind)
    reads = {"csv": pd.read_csv, "geoparquet": gpd.read_parquet}
    found = reads.get(kind, gpd.read_file)(path)["cluster_colour"]
    assert found[4:7].tolist() == ["#123456"] * 3
    assert found.drop([4, 5, 6]).isna().all()


def test_write_seed_layout__picture_in_the_colours_of_the_user(landscape, tmp_path):
    plain, blue = tmp_path / "plain", tmp_path / "blue"
    write_seed_layout(landscape, plain, plain)
    write_seed_layout(edited(landscape, colours={0: "#0000ff"}), blue, blue)
    image = pictures.imread(blue / "tsne_static.png")[..., :3]
    pure = (image == (0, 0, 1)).all(axis=2).sum()
    assert pure > 4 * 10
    assert not (pictures.imread(plain / "tsne_static.png")[..., :3] == (0, 0, 1)).all(axis=2).any()


def test_table__confidence_is_of_what_is_shown(landscape):
    sure = np.linspace(0, 0.8, N, dtype=np.float32)
    sure[-1] = np.nan
    shown = np.where(RAW_LABELS == -1, 1, RAW_LABELS).astype(np.int32)
    table = edited(landscape, ids=shown, confidence=sure).table()
    np.testing.assert_array_equal(table["confidence"], sure)
    assert edited(landscape).table()["confidence"].tolist()[:7] == [0.5] * 7
