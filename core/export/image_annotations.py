"""Writers for annotation tools and object detectors: COCO, YOLO and Pascal VOC.

All coordinates are pixels of the scenes in raw/, which are not copied.
"""

import json
import math
import xml.etree.ElementTree as ET
from math import ceil, floor
from pathlib import Path
from typing import Any

from core.artifacts.formats import write_atomically
from core.export.clustered_chips import ClusteredChips, ExportedScene
from core.export.file_names import printable_text
from core.export.image_objects import ImageObject, category_names, list_image_objects
from core.progress import Progress

# The subset in the folder layout of Ultralytics, which CVAT reads too.
SUBSET = "train"


def write_coco(results: ClusteredChips, path: Path, _: Progress) -> None:
    """Write a COCO JSON file of object instances, with clusters as categories.

    The format is described at https://cocodataset.org/#format-data. Polygons have no holes there,
    so holes of a footprint are filled; `area` is the area without them.
    """
    look, clusters = results.look, results.cluster_ids()
    chip_ids = results.chips.facts["chip_id"].tolist()
    table = results.table()
    confidence, approved = table["confidence"].tolist(), table["approved"].tolist()
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, (scene, objects) in enumerate(list_image_objects(results), start=1):
        size = {"width": scene.width, "height": scene.height}
        images.append({"id": number, "file_name": scene.path.name, **size})
        for item in objects:
            left, top, right, bottom = item.box
            annotation = {
                "id": len(annotations) + 1,
                "image_id": number,
                "category_id": item.category + 1,
                "bbox": [round(v, 2) for v in (left, top, right - left, bottom - top)],
                "segmentation": item.rings,
                "area": round(float(item.outline.area), 2),
                "iscrowd": 0,
                "attributes": {
                    "chip_id": chip_ids[item.row],
                    "confidence": _finite_number(confidence[item.row]),
                    "approved": approved[item.row],
                },
            }
            annotations.append(annotation)
    names = enumerate(zip(category_names(results), clusters, strict=True), start=1)
    provenance = results.provenance
    document = {
        "info": {
            "description": f"Clusters of chips, {provenance.title}",
            "version": provenance.version,
            "contributor": "Chipscape",
            "date_created": provenance.date,
            "chipscape": provenance.as_table(),
            "notes": results.notes(),
        },
        "licenses": [],
        "images": images,
        "categories": [
            {
                "id": number,
                "name": name,
                "supercategory": "cluster",
                "cluster": cluster,
                "color": look.colour(cluster),
            }
            for number, (name, cluster) in names
        ],
        "annotations": annotations,
    }
    path.write_text(json.dumps(document, ensure_ascii=False, allow_nan=False), encoding="utf-8")


def write_yolo(results: ClusteredChips, folder: Path, _: Progress) -> None:
    """Write boxes for Ultralytics' YOLO: data.yaml, and one text file of labels per scene.

    Each line holds the class and the centre, width and height of a box as fractions of the image
    (https://docs.ultralytics.com/datasets/detect/). The images belong into images/train.
    """
    files = []
    for scene, objects in list_image_objects(results):
        lines = [_yolo_line(item, scene) for item in objects]
        _write_text(folder / "labels" / SUBSET / f"{scene.path.stem}.txt", lines)
        files.append(f"./images/{SUBSET}/{scene.path.name}")
    _write_text(folder / f"{SUBSET}.txt", files)
    # A JSON string is a YAML string too.
    names = [json.dumps(name, ensure_ascii=False) for name in category_names(results)]
    # Without a `path`, the paths are relative to this file.
    paths = [f"train: {SUBSET}.txt", f"val: {SUBSET}.txt"]
    classes = [f"  {number}: {name}" for number, name in enumerate(names)]
    heading = f"# Put the scenes into images/{SUBSET}/. Written by Chipscape."
    _write_text(folder / "data.yaml", [heading, *paths, "names:", *classes])


def write_voc(results: ClusteredChips, folder: Path, _: Progress) -> None:
    """Write boxes as Pascal VOC: one XML file per scene, a list of the scenes, and the labels.

    The layout and the coordinates are those of the VOC 2012 development kit: the upper-left pixel
    is (1, 1), and a box contains its last column and row. labelmap.txt, which CVAT reads, holds the
    colours.
    """
    names, stems = category_names(results), []
    for scene, objects in list_image_objects(results):
        text = _voc_text(results, scene, objects, names)
        stems.append(scene.path.stem)
        write_atomically(folder / "Annotations" / f"{scene.path.stem}.xml", text)
    _write_text(folder / "ImageSets" / "Main" / "default.txt", stems)
    colours = [results.look.colour(cluster) for cluster in results.cluster_ids()]
    labels = [
        # A colon separates the columns.
        f"{name.replace(':', ' ')}:{','.join(str(int(colour[i : i + 2], 16)) for i in (1, 3, 5))}::"
        for name, colour in zip(names, colours, strict=True)
    ]
    _write_text(folder / "labelmap.txt", ["# label:color_rgb:parts:actions", *labels])


def _yolo_line(item: ImageObject, scene: ExportedScene) -> str:
    left, top, right, bottom = item.box
    values = (
        (left + right) / 2 / scene.width,
        (top + bottom) / 2 / scene.height,
        (right - left) / scene.width,
        (bottom - top) / scene.height,
    )
    return " ".join([str(item.category), *(f"{value:.6f}" for value in values)])


def _voc_text(
    results: ClusteredChips, scene: ExportedScene, objects: list[ImageObject], names: list[str]
) -> str:
    root = ET.Element("annotation")
    _add_texts(root, {"folder": "", "filename": printable_text(scene.path.name)})
    source = {"database": "Chipscape", "annotation": printable_text(results.provenance.run_id)}
    _add_texts(ET.SubElement(root, "source"), source)
    size = {"width": scene.width, "height": scene.height, "depth": scene.n_bands}
    _add_texts(ET.SubElement(root, "size"), size)
    _add_texts(root, {"segmented": 0})
    for item in objects:
        element = ET.SubElement(root, "object")
        facts = {"name": names[item.category], "pose": "Unspecified"}
        _add_texts(element, facts | {"truncated": int(item.truncated), "difficult": 0})
        left, top, right, bottom = item.box
        corners = {"xmin": floor(left) + 1, "ymin": floor(top) + 1}
        corners |= {"xmax": ceil(right), "ymax": ceil(bottom)}
        _add_texts(ET.SubElement(element, "bndbox"), corners)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode") + "\n"


def _add_texts(parent: ET.Element, values: dict[str, Any]) -> None:
    for name, value in values.items():
        ET.SubElement(parent, name).text = str(value)


def _write_text(path: Path, lines: list[str]) -> None:
    write_atomically(path, "".join(f"{line}\n" for line in lines))


def _finite_number(value: float) -> float | None:
    return round(float(value), 4) if math.isfinite(value) else None
