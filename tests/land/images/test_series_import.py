"""Folders and tables of satellite dates, and each oddity by name."""

import numpy as np
import pytest

from core.errors import SceneError, SettingsError, TooFewError
from core.land.images.image_import import ImportSettings, import_images
from core.land.images.image_set import read_image_set, write_image_set
from core.land.images.series_import import find_series
from tests.satellite_series import SERIES_ORIGIN, write_date


def found(path, names=()):
    problems = []
    series = find_series(path, names, problems)
    return series, [str(problem) for problem in problems]


def test_folder__dates_masks_and_bands(make_series):
    path = make_series(
        {
            "S2A_20210305T1051_20210306": 3000,
            "scene-2021-01-31": 1000,
            "20211231": 2000,
            "x_20210801": 500,
        },
        {"20211231": 1},
    )
    series, problems = found(path)
    assert [entry.date for entry in series.dates] == [
        "2021-01-31",
        "2021-03-05",
        "2021-08-01",
        "2021-12-31",
    ]
    assert [entry.mask.name for entry in series.dates if entry.mask] == ["20211231_mask.tif"]
    assert series.bands.names == ("red", "nir")
    assert (series.bands.red, series.bands.nir) == (0, 1)
    # The median over the dates of the brightest band.
    assert series.bands.divisor == pytest.approx(1500)
    assert problems == []


def test_folder__names_of_bands_from_the_settings(make_series):
    path = make_series({"20210501": 1000}, descriptions=())
    assert found(path, ("B04", "B08"))[0].bands.names == ("B04", "B08")
    with pytest.raises(SettingsError, match="3 names were given for 2 bands"):
        found(path, ("B04", "B08", "B11"))


def test_table__files_dates_and_masks(make_series, tmp_path):
    make_series({"winter": 1000, "summer": 3000})
    write_date(tmp_path / "cloud.tif", 0, count=1, dtype="uint8", nodata=None, descriptions=())
    table = tmp_path / "dates.csv"
    table.write_text(
        "file,date,mask\nseries/summer.tif,2021-07-01,cloud.tif\nseries/winter.tif,20210110,\n"
        "series/none.tif,2021-13-01,\n"
    )
    series, problems = found(table)
    assert [(e.date, e.image.name, e.mask and e.mask.name) for e in series.dates] == [
        ("2021-01-10", "winter.tif", None),
        ("2021-07-01", "summer.tif", "cloud.tif"),
    ]
    assert problems[0].startswith("dates.csv: line 4 is not used, because it has no file or no")


def test_oddities__are_reported_by_name(make_series, tmp_path):
    path = make_series({f"2021{month:02}01": 1000 for month in (1, 3, 5, 7)})
    write_date(path / "overview.tif", 1)
    write_date(path / "b_20210301.tif", 1)
    write_date(path / "20210401.tif", 1, count=3, descriptions=())
    write_date(path / "20210501_shift.tif", 1, origin=(SERIES_ORIGIN[0] + 10, SERIES_ORIGIN[1]))
    (path / "20210501.tif").rename(path / "20210502.tif")
    write_date(path / "20210601.tif", 1, crs=None)
    write_date(path / "20210801.tif", 1)
    write_date(path / "20210801_mask.tif", 1, count=1, size=(9, 9), descriptions=())
    (path / "20210901.tif").write_bytes(b"II*\0")
    series, problems = found(path)
    assert [entry.date[5:] for entry in series.dates] == ["01-01", "03-01", "05-02", "07-01"]
    text = "\n".join(problems)
    assert "overview.tif: it is not used, because there is no date (yyyymmdd" in text
    assert "b_20210301.tif: it is not used, because 20210301.tif has the same date" in text
    assert "20210401.tif: it is not used, because its number or type of bands is not" in text
    assert "20210501_shift.tif: it is not used, because its CRS, position or size is" in text
    assert "20210601.tif: it is not used (20210601.tif: the file has no CRS" in text
    assert "20210801_mask.tif: the mask has 9 x 9 pixels" in text
    assert "20210901.tif: it is not used (" in text
    assert len(problems) == 7


def test_series__few_months_and_no_dates(make_series, tmp_path):
    _, problems = found(make_series({"20210501": 1, "20210520": 1}))
    assert problems == ["series: the series has dates in only 1 of 12 months, too few for a season"]
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(TooFewError, match="there is no date that can be used"):
        found(empty)
    for path in (tmp_path / "absent", tmp_path / "absent.csv"):
        with pytest.raises(SettingsError, match="neither a folder of GeoTIFFs nor a CSV file"):
            found(path)


def test_import__marks_windows_and_is_recorded(raster_folder, make_series, make_scene, tmp_path):
    far = make_scene("far.tif", folder=raster_folder, transform=None, crs=None)
    labels = np.full((120, 160), 3)
    make_scene("far.tif", labels, bands=1, folder=raster_folder / "labels", crs=None)
    series = make_series({"20210501": 1000})
    images = import_images(raster_folder, ImportSettings(), series=series)
    covered = {image.path.name: image.windows[0].has_series for image in images.images}
    assert covered == {far.name: False, "place0.tif": True, "place1.tif": True, "place2.tif": True}
    reasons = [str(problem) for problem in images.problems if problem.name == "far.tif"]
    start = "far.tif: 1 of 1 windows are used without the time series (far.tif: the file has no CRS"
    assert reasons[0].startswith(start)
    record = tmp_path / "workspace" / "land" / "images.json"
    record.parent.mkdir(parents=True)
    write_image_set(record, images)
    assert read_image_set(record) == images


def test_import__series_elsewhere_is_an_error(raster_folder, make_series):
    series = make_series({"20210501": 1000}, origin=(0.0, 6e6))
    with pytest.raises(SceneError, match=r"covers no window of any image.*place2\.tif: 1 of 1"):
        import_images(raster_folder, ImportSettings(), series=series)


def test_import__dates_below_the_images_are_no_images(raster_folder, make_series):
    as_image = {"count": 3, "dtype": "uint8", "descriptions": ()}
    series = make_series({"20210501": 9, "no date": 9}, folder="rasters/dates", **as_image)
    images = import_images(raster_folder, ImportSettings(), series=series)
    assert [image.path.stem for image in images.images] == ["place0", "place1", "place2"]
