import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine

from core.chips.scaling import Scaling
from core.embeddings import registry
from core.embeddings.encoder import ChipBatch, ChipFootprints
from core.embeddings.joined_encoder import part_names
from core.embeddings.raster_encoder import RasterEncoder
from core.errors import SceneError, SettingsError
from core.raster.geodesy import WGS84, reproject_geometries
from core.settings import EmbedSettings

GRID = Affine(10, 0, 692_000, 0, -10, 4_796_000)


@pytest.fixture
def raster(make_scene, tmp_path):
    """A raster of 10 x 10 pixels with 4 bands, whose left half is nodata."""
    values = np.random.default_rng(0).normal(size=(4, 10, 10))
    values[:, :, :5] = np.nan
    return make_scene("r.tif", values, dtype="float32", transform=GRID, folder=tmp_path / "r")


def batch_of(*pixels):
    """Chips of noise, with footprints given in pixels of the raster."""
    geometries = shapely.transform(
        np.array(pixels, object), lambda xy: np.column_stack(GRID @ (xy[:, 0], xy[:, 1]))
    )
    footprints = reproject_geometries(geometries, "EPSG:32631", WGS84)
    n = len(pixels)
    noise = np.random.default_rng(0).integers(0, 255, (n, 3, 16, 16), np.uint8)
    chips = noise, np.zeros((n, 16, 16), bool)
    scaling = Scaling((0.0,) * 3, (255.0,) * 3, "")
    return ChipBatch(*chips, scaling, (), ChipFootprints(footprints, slice(0, n)))


INSIDE, EDGE, OUTSIDE = (
    shapely.box(6, 1, 8, 3),
    shapely.box(4.05, 1, 5.05, 2),
    shapely.box(0, 0, 3, 3),
)


def test_encode__mean_and_deviation(raster):
    with rasterio.open(raster) as source:
        pixels = source.read()[:, 1:3, 6:8].reshape(4, -1)
    batch = batch_of(INSIDE)
    mean = RasterEncoder(f"raster:{raster}").encode(batch, {})
    both = RasterEncoder(f"raster-deviation:{raster}").encode(batch, {})
    assert mean[0] == pytest.approx(pixels.mean(axis=1), abs=1e-3)
    assert both[0, :4] == pytest.approx(mean[0])
    assert both[0, 4:] == pytest.approx(pixels.std(axis=1), abs=1e-3)
    assert both.dtype == np.float32


def test_encode__chips_mostly_outside_are_missing(raster):
    values = RasterEncoder(f"raster:{raster}").encode(batch_of(INSIDE, EDGE, OUTSIDE), {})
    assert np.isnan(values).all(axis=1).tolist() == [False, True, True]


def test_encode__reads_all_footprints_of_a_scene_once(raster, monkeypatch):
    encoder = RasterEncoder(f"raster:{raster}")
    scene = batch_of(INSIDE, shapely.box(5, 5, 6, 6))
    expected = encoder.encode(scene, {})
    monkeypatch.setattr(RasterEncoder, "_measure", lambda *_: pytest.fail("read twice"))
    geometries = scene.footprints.geometries
    batch = ChipBatch(
        scene.pixels[1:], scene.mask[1:], scene.scaling, (), ChipFootprints(geometries, slice(1, 2))
    )
    assert np.array_equal(encoder.encode(batch, {}), expected[1:])


def test_select__keeps_the_footprints_of_the_rows(raster):
    scene = batch_of(INSIDE, OUTSIDE, shapely.box(5, 5, 6, 6))
    selected = scene.select(slice(1, 3)).select(slice(1, 2))
    assert selected.footprints.geometries.tolist() == [scene.footprints.geometries[2]]
    assert selected.footprints.rows == slice(0, 1)


def test_encode__without_footprints_clear_error(raster, make_batch):
    with pytest.raises(SettingsError, match="needs the footprints"):
        RasterEncoder(f"raster:{raster}").encode(make_batch(), {})


def test_joined__each_part_gets_what_it_needs(raster, tmp_path):
    name = f"texture+raster:{raster}"
    encoder = registry.load_encoder(name, EmbedSettings(encoder=name), tmp_path)
    assert encoder.needs_footprints
    batch = batch_of(INSIDE, OUTSIDE, *[INSIDE] * 10)
    values = encoder.encode(batch, encoder.fit(batch))
    assert np.isnan(values[:, -4:]).all(axis=1).tolist() == [False, True, *[False] * 10]
    assert np.isfinite(values[:, :-4]).all()
    assert np.linalg.norm(values[0, -4:]) == pytest.approx(1)
    assert any("r.tif" in note for note in encoder.notes(3, ()))
    identity = registry.encoder_identity(name, EmbedSettings(), tmp_path)
    assert identity == encoder.identity


def test_identity__depends_on_the_content_and_not_on_the_path(raster, tmp_path):
    def identity(name):
        return registry.encoder_identity(name, EmbedSettings(), tmp_path)

    expected = identity(f"raster:{raster}")
    copy = tmp_path / "copy.tif"
    copy.write_bytes(raster.read_bytes())
    assert identity(f"raster:{copy}") == identity(f"raster:{raster.parent}") == expected
    assert identity(f"raster-deviation:{raster}") != expected
    with rasterio.open(copy, "r+") as target:
        target.write(np.zeros((10, 10), np.float32), 1)
    assert identity(f"raster:{copy}") != expected


def test_identity__uses_the_checksums_of_a_ledger(raster, tmp_path):
    files = []
    registry.encoder_identity(
        f"texture+raster:{raster}", EmbedSettings(), tmp_path, lambda file: files.append(file) or ""
    )
    assert files == [raster]


@pytest.mark.parametrize(
    ("name", "message"),
    [("raster:", "no raster of embeddings is chosen"), ("raster:/no/such.tif", "no such file")],
)
def test_readiness__says_what_is_missing(name, message, tmp_path):
    for encoder in (name, f"texture+{name}"):
        readiness = registry.check_readiness(encoder, EmbedSettings(), tmp_path)
        assert not readiness.ready
        assert message in readiness.needs
    with pytest.raises((SceneError, SettingsError), match=message):
        registry.load_encoder(name, EmbedSettings(), tmp_path)


def test_readiness__of_an_existing_raster(raster, tmp_path):
    assert registry.check_readiness(f"raster:{raster}", EmbedSettings(), tmp_path).ready
    card = registry.encoder_card(f"raster-deviation:{raster}")
    assert card.title == "Raster of embeddings: mean and deviation of r.tif"


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("raster:/a+b.tif", ["raster:/a+b.tif"]),
        ("texture+rcf+raster:/a+b", ["texture", "rcf", "raster:/a+b"]),
        ("raster:a.tif+raster-deviation:b.tif", ["raster:a.tif", "raster-deviation:b.tif"]),
        ("texture+raster:", ["texture", "raster:"]),
    ],
)
def test_part_names__a_path_may_contain_the_separator(name, parts):
    assert part_names(name) == parts
