"""Surveys of folders with one odd file each, for `test_file_fuzz.py`.

``python tests/properties/file_fuzz.py FIRST N`` surveys N folders, numbered from FIRST. Each holds
a sound scene and one file that was damaged at random: a raster, one of its sidecar files, or a
vector file. It prints the number of each case before the survey, so that the last number belongs to
a crash, and a line of JSON for each that breaks a promise. A case that takes too long ends the
process.
"""

import faulthandler
import json
import logging
import random
import resource
import sqlite3
import struct
import sys
import warnings
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import geopandas as gpd
import numpy as np
import pandas as pd
import rasterio
from affine import Affine
from rasterio.control import GroundControlPoint
from rasterio.enums import ColorInterp
from rasterio.rpc import RPC
from shapely.geometry import box, mapping

from core.artifacts.formats import write_table
from core.input_settings import GridSettings, SceneSettings
from core.pipeline.scene_survey import survey_scenes
from core.pipeline.workspace import Workspace
from core.raster.annotations.vector_files import find_shared_annotations
from core.raster.scene_report import inspect_scene

SECONDS_PER_CASE = 60
# Most cases inspect the odd file only, which takes a fifth of the time of a survey.
SURVEY_EVERY = 8
MAX_MEMORY = 3 * 2**30
UTM = "EPSG:32631"
NORTH_UP = Affine(0.5, 0, 692_000, 0, -0.5, 4_796_000)
NAME = "odd.tif"
VECTORS = (".geojson", ".json", ".gpkg", ".shp", ".fgb", ".parquet", ".csv")
WEIRD_NUMBERS = (0, 1, 2, 255, 65_535, 2**31 - 1, 2**31, 2**32 - 1)
WEIRD_TEXTS = (
    b"",
    b"\xff\xfe\x80",
    b"\x00",
    b"caf\xe9",
    b"EPSG:999999",
    b"nan",
    b"-inf",
    b"1e999",
    b"[" * 5000,
    b"</GDALMetadata>",
    b'<Item name="x" sample="99">\xe9</Item>',
    b"\xed\xa0\x80",
    "\u202e\U0001f6f0".encode(),
    b"9" * 400,
)
WEIRD_VALUES = (
    None,
    True,
    -1,
    1e308,
    float("nan"),
    float("inf"),
    10**400,
    "",
    "\ud800",
    "\x00",
    [],
    {},
    [[]],
    [[[]]],
    [None],
    ["a", 1, None],
    {"type": "Polygon"},
    {"type": "Point", "coordinates": [None, "x"]},
    "EPSG:0",
    "urn:ogc:def:crs:OGC:1.3:CRS84",
    "+proj=longlat +datum=",
    "EPSG:4978",
    "EPSG:5773",
    "IAU_2015:30100",
)
SQUARES = [box(692_010, 4_795_950, 692_030, 4_795_970), box(692_040, 4_795_950, 692_050, 4_795_990)]
ROWS = [{"class": "a", "n": 1, "when": "2024-01-01"}, {"class": "b", "n": 2, "when": None}]


def rpc_model() -> RPC:
    """Return a model that is an affine transform, near 5 E, 43 N."""
    offsets = {"height_off": 50, "lat_off": 43, "line_off": 60, "long_off": 5, "samp_off": 80}
    scales = {"height_scale": 100, "lat_scale": 0.001, "line_scale": 100, "long_scale": 0.001}
    rows, columns = [0, 0, -1] + [0] * 17, [0, 1] + [0] * 18
    one = [1] + [0] * 19
    return RPC(
        **offsets,
        **scales,
        samp_scale=100,
        line_num_coeff=rows,
        line_den_coeff=one,
        samp_num_coeff=columns,
        samp_den_coeff=one,
    )


def write_raster(path: Path, kind: int) -> None:
    """Write one of ten kinds of small, sound rasters."""
    options = {"crs": UTM, "transform": NORTH_UP}
    georeferenced = {"crs": None, "transform": Affine.identity()}
    points = [GroundControlPoint(r, c, *(NORTH_UP @ (c, r))) for r in (0, 80) for c in (0, 90)]
    options |= {
        1: {"tiled": True, "blockxsize": 32, "blockysize": 32, "compress": "deflate"},
        2: {"compress": "lzw", "predictor": 2, "interleave": "band"},
        3: georeferenced | {"rpcs": rpc_model()},
        4: georeferenced,
        5: {"bigtiff": "yes"},
        6: {"crs": "EPSG:4326", "transform": Affine(1e-5, 0, 5, 0, -1e-5, 43)},
        7: {"photometric": "palette", "nodata": 0},
        8: {"endianness": "big", "crs": "EPSG:27700", "transform": NORTH_UP},
        9: {"crs": "EPSG:2180", "compress": "jpeg", "tiled": True, "dtype": "uint8"},
    }.get(kind, {})
    count = 1 if kind in (3, 4, 7) else 3
    dtype = "uint8" if kind in (7, 9) else "uint16"
    profile = {"driver": "GTiff", "width": 96, "height": 80, "count": count, "dtype": dtype}
    values = np.arange(count * 80 * 96).reshape(count, 80, 96) % 251
    with rasterio.open(path, "w", **(profile | options)) as target:
        target.write(values.astype(dtype))
        if kind == 0:
            target.descriptions = ("red", "green", "near infrared")
            target.scales, target.offsets = (0.1, 1, 1), (0, 5, 0)
            target.update_tags(AREA_OR_POINT="Point", TIFFTAG_SOFTWARE="a program")
            target.build_overviews([2, 4])
        if kind == 2:
            target.colorinterp = (ColorInterp.red, ColorInterp.green, ColorInterp.alpha)
        if kind == 4:
            target.gcps = points, rasterio.crs.CRS.from_user_input(UTM)
        if kind == 7:
            target.write_colormap(1, {value: (value, 0, 255 - value, 255) for value in range(256)})


@cache
def sound_raster(kind: int) -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / NAME
        write_raster(path, kind)
        return path.read_bytes()


@cache
def sound_vectors(suffix: str) -> dict[str, bytes]:
    """Return the files of a vector dataset by their suffixes."""
    with TemporaryDirectory() as name:
        path = Path(name) / f"odd{suffix}"
        frame = gpd.GeoDataFrame(ROWS, geometry=SQUARES, crs=UTM)
        if suffix == ".parquet":
            frame.to_parquet(path)
        elif suffix == ".csv":
            texts = [square.wkt for square in frame.to_crs("EPSG:4326").geometry]
            pd.DataFrame(ROWS).assign(wkt=texts).to_csv(path, index=False)
        elif suffix in (".geojson", ".json"):
            path.write_text(json.dumps(json_document(suffix)), encoding="utf-8")
        else:
            frame.to_file(path, engine="pyogrio")
        return {file.suffix: file.read_bytes() for file in path.parent.iterdir()}


def json_document(suffix: str) -> dict[str, object]:
    """Return a GeoJSON document, or for .json a COCO document."""
    if suffix == ".json":
        rings = [[10, 10, 30, 10, 30, 30, 10, 30]]
        images = [{"id": 1, "file_name": NAME, "width": 96, "height": 80}]
        categories = [{"id": 7, "name": "boat"}]
        labels = [
            {"id": 1, "image_id": 1, "category_id": 7, "segmentation": rings, "bbox": [1] * 4}
        ]
        return {"images": images, "categories": categories, "annotations": labels}
    features = [
        {"type": "Feature", "id": n, "properties": dict(row), "geometry": mapping(square)}
        for n, (row, square) in enumerate(zip(ROWS, SQUARES, strict=True))
    ]
    crs = {"type": "name", "properties": {"name": UTM}}
    return {"type": "FeatureCollection", "crs": crs, "features": features}


def damage_bytes(content: bytes, rng: random.Random) -> bytes:
    """Change, cut, repeat or insert bytes."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 4, 16, 64))):
        if not data:
            break
        # Headers are short, and at the beginning or, in some formats, the end.
        near = rng.choice((len(data), 128, 1024))
        at = rng.randrange(min(near, len(data)))
        at = len(data) - 1 - at if rng.random() < 0.3 else at
        act = rng.randrange(8)
        if act < 4:
            data[at] = rng.choice(
                (0, 255, 128, rng.randrange(256), data[at] ^ 1 << rng.randrange(8))
            )
        elif act == 4:
            del data[at : at + rng.choice((1, 4, 64))]
        elif act == 5:
            data[at:at] = rng.choice(WEIRD_TEXTS)
        elif act == 6:
            number = struct.pack(rng.choice("<>") + "I", rng.choice(WEIRD_NUMBERS))
            data[at : at + 4] = number
        elif rng.random() < 0.3:
            del data[at:]
    return bytes(data)


def damage_tiff(content: bytes, rng: random.Random) -> bytes:
    """Change the type, count or value of an entry in the first directory of a TIFF."""
    data, order = bytearray(content), "<" if content[:2] == b"II" else ">"
    if data[2 if order == "<" else 3] != 42:
        return damage_bytes(content, rng)
    (start,) = struct.unpack_from(order + "I", data, 4)
    (n_entries,) = struct.unpack_from(order + "H", data, start)
    for _ in range(rng.choice((1, 1, 2, 3))):
        entry = start + 2 + 12 * rng.randrange(n_entries)
        kind, count, value = struct.unpack_from(order + "HII", data, entry + 2)
        act = rng.randrange(5)
        if act == 0:
            struct.pack_into(order + "H", data, entry, rng.choice((256, 257, 277, 339, 65_000)))
        elif act == 1:
            struct.pack_into(order + "H", data, entry + 2, rng.randrange(20))
        elif act == 2:
            struct.pack_into(order + "I", data, entry + 4, rng.choice(WEIRD_NUMBERS))
        elif act == 3 or count * 8 < 8 or value >= len(data):
            struct.pack_into(order + "I", data, entry + 8, rng.choice(WEIRD_NUMBERS))
        else:
            at = value + rng.randrange(max(1, min(count * 2, len(data) - value)))
            text = rng.choice(WEIRD_TEXTS) if kind == 2 else rng.randbytes(8)
            data[at : at + len(text)] = text
    return bytes(data)


def damage_json(document: object, rng: random.Random) -> object:
    """Replace one value, anywhere in a document."""
    if isinstance(document, dict | list) and document and rng.random() < 0.85:
        keys = list(document) if isinstance(document, dict) else list(range(len(document)))
        key = rng.choice(keys)
        document[key] = damage_json(document[key], rng)
        return document
    return deepcopy(rng.choice(WEIRD_VALUES))


def damage_database(path: Path, rng: random.Random) -> None:
    """Change a table of a GeoPackage, or the bytes of a geometry."""
    statements = (
        "UPDATE gpkg_contents SET srs_id = 424242",
        "UPDATE gpkg_geometry_columns SET geometry_type_name = 'TRIANGLE'",
        "UPDATE gpkg_geometry_columns SET column_name = 'nothing'",
        "DELETE FROM gpkg_contents",
        "DELETE FROM gpkg_spatial_ref_sys",
        "UPDATE gpkg_spatial_ref_sys SET definition = 'GEOGCS['",
        "DROP TABLE gpkg_geometry_columns",
        "ALTER TABLE odd ADD COLUMN geometry TEXT",
        'ALTER TABLE odd ADD COLUMN "a b\'c" JSON',
        "UPDATE odd SET n = 'text'",
        "UPDATE odd SET class = x'fffe80'",
        "UPDATE odd SET \"when\" = 'the 40th of May'",
        "CREATE VIEW other AS SELECT * FROM odd JOIN odd AS b",
    )
    with sqlite3.connect(path) as database:
        try:
            if rng.random() < 0.5:
                database.execute(rng.choice(statements))
            else:
                (blob,) = database.execute("SELECT geom FROM odd LIMIT 1").fetchone()
                blob = damage_bytes(blob, rng)
                # Triggers need functions of Spatialite that sqlite3 lacks.
                names = database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
                for (name,) in names.fetchall():
                    database.execute(f'DROP TRIGGER "{name}"')
                database.execute("UPDATE odd SET geom = ? WHERE rowid = 1", (blob,))
        except sqlite3.Error:
            pass
    database.close()


def odd_raster(raw: Path, rng: random.Random) -> None:
    content = sound_raster(rng.randrange(10))
    damage = damage_tiff if rng.random() < 0.7 else damage_bytes
    (raw / NAME).write_bytes(damage(content, rng))


def odd_sidecar(raw: Path, rng: random.Random) -> None:
    (raw / NAME).write_bytes(sound_raster(rng.randrange(10)))
    pam = b"<PAMDataset><SRS>%s</SRS><GeoTransform>%s</GeoTransform><PAMRasterBand band='%s'>"
    pam += b"<Description>%s</Description></PAMRasterBand></PAMDataset>"
    names = [b"EPSG:32631", b"1, 2, 3, 4, 5, 6", b"1", b"red"]
    texts = [rng.choice((name, *WEIRD_TEXTS)) for name in names]
    contents = {
        f"{NAME}.aux.xml": pam % tuple(texts),
        "odd.tfw": b"\n".join(rng.choice((b"0.5", b"0", *WEIRD_TEXTS)) for _ in range(6)),
        "odd.prj": rng.choice((b'PROJCS["x",GEOGCS["y"', *WEIRD_TEXTS)),
        "odd_RPC.TXT": b"LINE_OFF: 1\nSAMP_OFF: " + rng.choice(WEIRD_TEXTS),
        f"{NAME}.msk": damage_tiff(sound_raster(7), rng),
        f"{NAME}.ovr": damage_tiff(sound_raster(1), rng),
        "odd.IMD": rng.choice(WEIRD_TEXTS),
        "odd.RPB": rng.choice(WEIRD_TEXTS),
    }
    for name in rng.sample(sorted(contents), rng.choice((1, 1, 2))):
        (raw / name).write_bytes(contents[name])


def odd_vector(raw: Path, rng: random.Random) -> None:
    (raw / NAME).write_bytes(sound_raster(1))
    suffix, stem = rng.choice(VECTORS), rng.choice(("odd", "odd", "shared"))
    files = dict(sound_vectors(suffix))
    part = rng.choice(sorted(files))
    if suffix in (".geojson", ".json") and rng.random() < 0.7:
        document: object = json_document(suffix)
        for _ in range(rng.choice((1, 1, 2, 4))):
            document = damage_json(document, rng)
        files[suffix] = json.dumps(document).encode()
    elif suffix == ".shp" and part == ".dbf" and rng.random() < 0.3:
        data = bytearray(files[part])
        # The names of the fields, at most eleven bytes each.
        names = [rng.choice((b"n", b"class", b"geometry", b"\xff\xfe", b"")) for _ in range(3)]
        for n, name in enumerate(names):
            data[32 + 32 * n : 43 + 32 * n] = name.ljust(11, b"\0")
        files[part] = bytes(data)
    elif suffix != ".gpkg" or rng.random() < 0.4:
        files[part] = damage_bytes(files[part], rng)
    for ending, content in files.items():
        (raw / f"{stem}{ending}").write_bytes(content)
    if suffix == ".gpkg" and files[".gpkg"] == sound_vectors(".gpkg")[".gpkg"]:
        damage_database(raw / f"{stem}.gpkg", rng)


KINDS: dict[str, tuple[Callable[[Path, random.Random], None], float]] = {
    "raster": (odd_raster, 4),
    "sidecar": (odd_sidecar, 2),
    "vector": (odd_vector, 4),
}


class _UnexpectedErrors(logging.Handler):
    """Counts the library errors that only the outermost handler converted."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.counts: Counter[str] = Counter()

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            self.counts[f"{type(error).__name__}: {str(error)[:80]}"] += 1


def broken_promise(folder: Path, number: int) -> str:
    """Survey a folder with an odd file; return what is wrong with the outcome, if anything is."""
    rng, raw = random.Random(number), folder / "raw"
    raw.mkdir()
    make = rng.choices([f for f, _ in KINDS.values()], [w for _, w in KINDS.values()])[0]
    make(raw, rng)
    (raw / "sound.tif").write_bytes(sound_raster(1))
    (raw / "sound.geojson").write_bytes(sound_vectors(".geojson")[".geojson"])
    settings = SceneSettings(grid=GridSettings(size=rng.choice((0, 32))))
    try:
        if number % SURVEY_EVERY:
            shared = find_shared_annotations(raw, ("odd", "sound"))
            odd, _, footprints = inspect_scene(raw / NAME, settings, shared)
            if footprints is not None:
                write_table(folder / "properties.parquet", footprints.properties)
        else:
            survey = survey_scenes(Workspace(folder), settings=settings)
            scenes = {scene.path.name: scene for scene in survey.scenes}
            if not scenes["sound.tif"].usable:
                return f"the sound scene is not usable: {scenes['sound.tif'].report}"
            odd = scenes[NAME].report
            if scenes[NAME].usable:
                scenes[NAME].footprints()
        json.dumps(odd.as_table())
    except Exception as error:  # noqa: BLE001  # this is what must not happen
        return f"{type(error).__name__}: {error}"
    return "" if odd.ok or odd.error.startswith(NAME) else f"no verdict: {odd}"


def report(line: object) -> None:
    sys.stdout.write(f"{json.dumps(line)}\n")
    sys.stdout.flush()


def _peak_memory() -> int:
    """Return the peak of this process's memory in bytes."""
    with suppress(OSError):
        # On Linux, `ru_maxrss` is at least the memory of the process that started this one.
        status = Path("/proc/self/status").read_text("ascii")
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main(first: int, n: int) -> None:
    """Survey the cases and print what each broke; the last line is a summary."""
    warnings.simplefilter("ignore")
    unexpected = _UnexpectedErrors()
    logging.getLogger().addHandler(unexpected)
    for number in range(first, first + n):
        report(number)
        faulthandler.dump_traceback_later(SECONDS_PER_CASE, exit=True)
        with TemporaryDirectory() as folder:
            if problem := broken_promise(Path(folder), number):
                report({"case": number, "problem": problem})
    faulthandler.cancel_dump_traceback_later()
    memory = _peak_memory()
    if memory > MAX_MEMORY:
        report({"case": first, "problem": f"{memory / 2**30:.1f} GiB of memory"})
    report({"finished": n, "unexpected": unexpected.counts.most_common(40)})


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
