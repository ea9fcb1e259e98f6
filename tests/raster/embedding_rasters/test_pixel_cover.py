import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from core.raster.embedding_rasters.pixel_cover import as_areas, box_cells, cover_pixels


def polygons_of(*geometries):
    return np.array(geometries, dtype=object)


def intersection_areas(polygon, cover):
    """The areas that the polygon shares with the covered pixels, computed by GEOS."""
    pixels = shapely.box(cover.column, cover.row, cover.column + 1, cover.row + 1)
    return shapely.area(shapely.intersection(polygon, pixels))


SHAPES = {
    "a box along pixel borders": shapely.box(2, 3, 5, 6),
    "a box inside a pixel": shapely.box(2.5, 3.1, 2.75, 3.5),
    "beyond the upper left": shapely.box(-3.3, -2.2, 1.1, 0.5),
    "a hole": shapely.Point(10.3, 7.7).buffer(5) - shapely.Point(10, 8).buffer(2),
    "two parts": shapely.union(shapely.box(0, 0, 1.5, 1), shapely.box(3, 3, 4.2, 5)),
    "a needle": shapely.Polygon([(0, 0.3), (9, 0.2), (9, 0.25)]),
    "clockwise": shapely.Polygon([(0, 0), (0, 3.5), (3.5, 3.5)]),
    "counter-clockwise": shapely.Polygon([(0, 0), (3.5, 3.5), (0, 3.5)]),
    "a line next to it": shapely.GeometryCollection(
        [shapely.LineString([(0, 0), (9, 9)]), shapely.box(1.2, 1.2, 3.3, 2.2)]
    ),
}


@pytest.mark.parametrize("polygon", SHAPES.values(), ids=SHAPES)
def test_cover_pixels__equals_the_intersection_areas(polygon):
    cover = cover_pixels(polygons_of(polygon))
    assert cover.fraction == pytest.approx(intersection_areas(polygon, cover), abs=1e-12)
    assert cover.fraction.sum() == pytest.approx(polygon.area, abs=1e-9)


def test_cover_pixels__keeps_polygons_apart():
    rng = np.random.default_rng(0)
    discs = [shapely.Point(*rng.uniform(0, 30, 2)).buffer(rng.uniform(0.1, 6)) for _ in range(60)]
    cover = cover_pixels(polygons_of(*discs))
    for position, disc in enumerate(discs):
        areas = np.bincount(cover.owner, cover.fraction, len(discs))
        assert areas[position] == pytest.approx(disc.area)
        own = cover_pixels(polygons_of(disc))
        assert set(zip(own.column, own.row, strict=True)) == set(
            zip(
                cover.column[cover.owner == position],
                cover.row[cover.owner == position],
                strict=True,
            )
        )


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(-6, 12), st.floats(-6, 12)), min_size=3, max_size=8, unique=True
    ).map(lambda points: shapely.MultiPoint(points).convex_hull)
)
def test_cover_pixels__any_convex_polygon_keeps_its_area(hull):
    if hull.geom_type != "Polygon" or hull.area < 1e-3:
        return
    cover = cover_pixels(polygons_of(hull))
    assert cover.fraction.sum() == pytest.approx(hull.area, abs=1e-6)
    assert (cover.fraction > 0).all()
    assert (cover.fraction <= 1).all()


def test_cover_pixels__no_polygons():
    assert len(cover_pixels(polygons_of()).owner) == 0


def test_as_areas__points_and_lines_cover_the_pixel_under_their_centroid():
    line = shapely.LineString([(1.5, 1.5), (4.7, 1.5)])
    geometries = polygons_of(shapely.Point(3.7, 8.2), line, shapely.box(0, 0, 2, 1))
    cover = cover_pixels(as_areas(geometries))
    pixels = list(zip(cover.owner, cover.column, cover.row, strict=True))
    assert pixels == [(0, 3, 8), (1, 3, 1), (2, 0, 0), (2, 1, 0)]
    assert as_areas(geometries)[2] is geometries[2]


def test_box_cells__bounds_the_memory():
    assert box_cells(
        polygons_of(shapely.box(0, 0, 2, 3), shapely.box(0.5, 0.5, 0.6, 0.6))
    ).tolist() == [9, 2]
