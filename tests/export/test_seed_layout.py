import matplotlib.image as images
import numpy as np
import pandas as pd

from core.export.seed_layout import write_seed_layout

from .conftest import N, with_edits


def test_write_seed_layout__names_of_all_files(clustered_chips, tmp_path):
    extracted, results = tmp_path / "extracted", tmp_path / "results"
    paths = write_seed_layout(clustered_chips, extracted, results)
    files = sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file())
    chip_ids = [f"a-{i:02d}" for i in range(5)] + [f"b_c-{i:02d}" for i in range(5, N)]
    expected = [f"extracted/{chip_id}.npy" for chip_id in chip_ids]
    expected += ["extracted/embeddings.pkl", "extracted/metadata_cache.csv"]
    expected += [f"results/{n}" for n in ("X_pca.npy", "clustering_results.csv", "tsne_static.png")]
    assert files == sorted(expected)
    assert sorted(paths) == sorted(tmp_path / name for name in files)


def test_write_seed_layout__content(clustered_chips, tmp_path):
    write_seed_layout(clustered_chips, tmp_path, tmp_path)
    chip = np.load(tmp_path / "a-03.npy")
    assert np.array_equal(chip, clustered_chips.chips.parts[0].pixels[3].transpose(1, 2, 0))
    metadata = pd.read_csv(tmp_path / "metadata_cache.csv")
    assert metadata["path"].tolist()[3] == "a-03.npy"
    assert {"longitude", "latitude", "width", "height", "class"} <= set(metadata)
    assert all((tmp_path / path).is_file() for path in metadata["path"])
    embeddings = pd.read_pickle(tmp_path / "embeddings.pkl")
    assert np.array_equal(np.stack(embeddings["embedding"]), clustered_chips.embeddings)
    results = pd.read_csv(tmp_path / "clustering_results.csv")
    assert results["cluster"].tolist() == clustered_chips.labelling.labels.tolist()
    assert np.array_equal(np.load(tmp_path / "X_pca.npy"), clustered_chips.reduction.points)
    assert (tmp_path / "tsne_static.png").read_bytes().startswith(b"\x89PNG")


def test_write_seed_layout__equal_results_give_equal_images(clustered_chips, tmp_path):
    for name in "xy":
        write_seed_layout(clustered_chips, tmp_path / name, tmp_path / name)
    first, second = ((tmp_path / name / "tsne_static.png").read_bytes() for name in "xy")
    assert first == second


def test_write_seed_layout__excluded_chips_stay_in_the_table(clustered_chips, tmp_path):
    excluded = np.arange(N) == 3
    write_seed_layout(
        with_edits(clustered_chips, excluded=excluded), tmp_path / "e", tmp_path / "r"
    )
    assert len(pd.read_csv(tmp_path / "r" / "clustering_results.csv")) == N


def test_write_seed_layout__image_in_the_colours_of_the_user(clustered_chips, tmp_path):
    default, blue = tmp_path / "default", tmp_path / "blue"
    write_seed_layout(clustered_chips, default, default)
    write_seed_layout(with_edits(clustered_chips, colours={0: "#0000ff"}), blue, blue)
    image = images.imread(blue / "tsne_static.png")[..., :3]
    assert (image == (0, 0, 1)).all(axis=2).sum() > 4 * 10
    assert not (images.imread(default / "tsne_static.png")[..., :3] == (0, 0, 1)).all(axis=2).any()
