"""COCO, YOLO and Pascal VOC, read by pycocotools, a YAML parser and an XML parser."""

import contextlib
import dataclasses
import io
import json
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import yaml
from pycocotools.coco import COCO
from shapely.geometry import MultiPolygon, Point, Polygon, box

from core.clusters.cluster_colours import cluster_colour
from core.export.export_formats import write_results
from core.export.image_objects import list_image_objects

from .conftest import EVIL, PROVENANCE, N, square, with_edits


def read_coco(path):
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(path))


def outlined(clustered_chips, **outlines):
    """The same chips with other footprints in pixels, by row: ``_0=...``."""
    changed = clustered_chips.outlines.copy()
    for name, outline in outlines.items():
        changed[int(name[1:])] = outline
    return dataclasses.replace(clustered_chips, outlines=changed)


def test_coco__images_categories_and_boxes(clustered_chips, tmp_path):
    chips = with_edits(clustered_chips, names={0: "Ünïcode 漢字"})
    coco = read_coco(write_results(chips, tmp_path, "coco"))
    images = [(i["file_name"], i["width"], i["height"]) for i in coco.dataset["images"]]
    assert images == [("a.tif", 160, 120), ("b#c.tif", 160, 120)]
    categories = coco.loadCats(coco.getCatIds())
    assert [(c["id"], c["name"], c["cluster"]) for c in categories] == [
        (1, "Ünïcode 漢字", 0), (2, "Cluster 1", 1), (3, "Noise", -1),
    ]  # fmt: skip
    assert categories[1]["color"] == cluster_colour(1)
    annotations = coco.loadAnns(coco.getAnnIds())
    assert [a["category_id"] for a in annotations] == [1, 1, 1, 1, 2, 2, 2, 3, 3]
    assert [a["image_id"] for a in annotations] == [1] * 5 + [2] * 4
    assert annotations[0]["bbox"] == [15, 27, 10, 6]
    assert annotations[0]["area"] == 60
    attributes = {"chip_id": "a-00", "confidence": 0.5, "approved": False}
    assert annotations[0]["attributes"] == attributes
    assert coco.annToMask(annotations[0]).sum() == 60
    assert coco.annToMask(annotations[0]).shape == (120, 160)


def test_coco__provenance(clustered_chips, tmp_path):
    document = json.loads(write_results(clustered_chips, tmp_path, "coco").read_text("utf-8"))
    assert document["info"]["chipscape"]["run_id"] == PROVENANCE.run_id
    assert document["info"]["chipscape"]["settings"]["note"] == EVIL
    assert document["info"]["date_created"] == PROVENANCE.date


def test_coco__footprints_end_at_the_edge_of_the_scene(clustered_chips, tmp_path):
    chips = outlined(clustered_chips, _0=box(-20, 100, 30, 140))
    coco = read_coco(write_results(chips, tmp_path, "coco"))
    annotation = coco.loadAnns([1])[0]
    assert annotation["bbox"] == [0, 100, 30, 20]
    assert coco.annToMask(annotation).sum() == annotation["area"] == 600


def test_coco__several_parts_and_holes(clustered_chips, tmp_path):
    two = MultiPolygon([box(10, 10, 20, 20), box(40, 10, 50, 30)])
    holed = Polygon(box(0, 0, 20, 20).exterior, [box(5, 5, 10, 10).exterior])
    coco = read_coco(write_results(outlined(clustered_chips, _0=two, _1=holed), tmp_path, "coco"))
    first, second = coco.loadAnns([1, 2])
    assert first["bbox"] == [10, 10, 40, 20]
    assert [len(ring) for ring in first["segmentation"]] == [8, 8]
    assert coco.annToMask(first).sum() == 300
    assert (second["area"], coco.annToMask(second).sum()) == (375, 400)


def test_coco__points_become_the_square_of_their_chip(clustered_chips, tmp_path):
    coco = read_coco(write_results(outlined(clustered_chips, _0=Point(20, 30)), tmp_path, "coco"))
    assert coco.loadAnns([1])[0]["bbox"] == [12, 22, 16, 16]


def test_coco__unknown_confidence_is_null(clustered_chips, tmp_path):
    confidence = np.full(N, np.nan, np.float32)
    path = write_results(with_edits(clustered_chips, confidence=confidence), tmp_path, "coco")
    annotations = json.loads(path.read_text("utf-8"))["annotations"]
    assert {a["attributes"]["confidence"] for a in annotations} == {None}


def test_coco__equal_names_stay_two_categories(clustered_chips, tmp_path):
    chips = with_edits(clustered_chips, names={0: "ship", 1: "ship"})
    coco = read_coco(write_results(chips, tmp_path, "coco"))
    assert [c["name"] for c in coco.dataset["categories"]] == ["ship", "ship (2)", "Noise"]


def test_yolo__boxes_as_fractions(clustered_chips, tmp_path):
    names = {0: 'a "b": #c', 1: "yes"}
    folder = write_results(with_edits(clustered_chips, names=names), tmp_path, "yolo")
    data = yaml.safe_load((folder / "data.yaml").read_text("utf-8"))
    assert data["names"] == {0: 'a "b": #c', 1: "yes", 2: "Noise"}
    images = (folder / data["train"]).read_text("utf-8").split()
    assert images == ["./images/train/a.tif", "./images/train/b#c.tif"]
    lines = (folder / "labels" / "train" / "a.txt").read_text().splitlines()
    assert len(lines) == 5
    category, *values = lines[0].split()
    assert category == "0"
    x, y, width, height = map(float, values)
    left, top = (x - width / 2) * 160, (y - height / 2) * 120
    assert np.allclose([left, top, width * 160, height * 120], [15, 27, 10, 6], atol=1e-3)
    assert sum(len(p.read_text().splitlines()) for p in folder.rglob("labels/*/*.txt")) == N


def test_yolo__a_scene_whose_chips_are_excluded_has_an_empty_file(clustered_chips, tmp_path):
    excluded = np.arange(N) < 5
    folder = write_results(with_edits(clustered_chips, excluded=excluded), tmp_path, "yolo")
    assert (folder / "labels" / "train" / "a.txt").read_text() == ""


def test_voc__boxes_count_from_one(clustered_chips, tmp_path):
    chips = outlined(with_edits(clustered_chips, names={0: EVIL}), _0=box(0, 0, 2.5, 3))
    folder = write_results(chips, tmp_path, "voc")
    root = ET.parse(folder / "Annotations" / "a.xml").getroot()
    assert root.findtext("filename") == "a.tif"
    size = [root.findtext(f"size/{name}") for name in ("width", "height", "depth")]
    assert size == ["160", "120", "3"]
    assert [o.findtext("name") for o in root.findall("object")] == [EVIL] * 4 + ["Cluster 1"]
    box_values = [element.text for element in root.find("object/bndbox")]
    # Columns 0, 1 and half of 2, and rows 0 to 2, counted from 1 with both ends included.
    assert box_values == ["1", "1", "3", "3"]
    assert (folder / "ImageSets/Main/default.txt").read_text().split() == ["a", "b#c"]
    assert "Noise:169,175,184::" in (folder / "labelmap.txt").read_text("utf-8").splitlines()


def test_image_formats__without_a_crs(clustered_chips, tmp_path):
    chips = dataclasses.replace(clustered_chips, footprints=np.full(N, None, object))
    coco = read_coco(write_results(chips, tmp_path, "coco"))
    assert len(coco.getAnnIds()) == N
    (note,) = chips.notes()
    assert note.startswith("9 chips of 2 scenes without a CRS (a, b#c) have no geometry")
    assert coco.dataset["info"]["notes"] == [note]


@pytest.mark.parametrize("format_name", ["coco", "yolo", "voc"])
def test_image_formats__excluded_chips_are_left_out(clustered_chips, tmp_path, format_name):
    excluded = np.arange(N) == 3
    chips = with_edits(clustered_chips, excluded=excluded)
    assert sum(len(objects) for _, objects in list_image_objects(chips)) == N - 1
    path = write_results(chips, tmp_path, format_name)
    texts = [p.read_text("utf-8") for p in ([path] if path.is_file() else path.rglob("*.*"))]
    assert not any("a-03" in text for text in texts)


def test_image_objects__order_and_outline(clustered_chips):
    objects = list_image_objects(clustered_chips)
    assert [scene.name for scene, _ in objects] == ["a", "b#c"]
    assert objects[0][1][2].outline.equals(square(60.0))
