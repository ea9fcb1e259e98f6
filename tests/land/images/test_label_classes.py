"""Tables of classes in CSV files, and classes found in labels."""

import pytest

from core.errors import SettingsError
from core.land.images.label_classes import find_classes, read_class_table


def test_read_class_table__names_and_colours(tmp_path):
    path = tmp_path / "classes.csv"
    path.write_text("\ufeffName,Value,Color\nwater,4,#1553AE\nsand,9,\n", encoding="utf-8")
    assert read_class_table(path) == ({"4": "water", "9": "sand"}, {"4": "#1553ae"})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("value,name\n1,\n", "no value or no name in line 2"),
        ("value,name\n1,a\n1,b\n", "the value 1 occurs twice in line 3"),
        ("value,name,colour\n1,a,red\n", "'red' is not a colour"),
        ("number,name\n1,a\n", "the column is missing: value; the first line is 'number,name'"),
        ("1,a\n2,b\n", "the columns are missing: value, name"),
        ("", "the file is empty"),
        ("\n \n", "the file is empty"),
        ("value;name\n", "there is no row below"),
    ],
)
def test_read_class_table__invalid(tmp_path, text, message):
    path = tmp_path / "classes.csv"
    path.write_text(text)
    with pytest.raises(SettingsError, match=message):
        read_class_table(path)


def test_read_class_table__semicolons_and_tabs(tmp_path):
    path = tmp_path / "classes.csv"
    path.write_text("Value;Name;Colour\n1;sand, dry;#ffee00\n\n2;water;\n")
    assert read_class_table(path) == ({"1": "sand, dry", "2": "water"}, {"1": "#ffee00"})
    path.write_text("value\tname\n1\tsand\n")
    assert read_class_table(path)[0] == {"1": "sand"}


def test_read_class_table__not_utf_8(tmp_path):
    path = tmp_path / "classes.csv"
    path.write_bytes("value,name\n1,sand\n2,forêt\n".encode("latin-1"))
    with pytest.raises(SettingsError, match=r"not UTF-8 text \(line 3\).*CSV UTF-8"):
        read_class_table(path)


def test_find_classes__values_of_rasters_are_numbers(make_scene, tmp_path):
    path = make_scene("a.tif", lambda row, _: 1 + row % 2, bands=1, folder=tmp_path)
    table = tmp_path / "classes.csv"
    table.write_text("value,name,colour\n1.0,sand,#ffee00\n02,water,\n")
    problems = []
    rule, legend = find_classes([path], "", "", table, problems)
    assert rule.values == ("1", "2")
    assert legend.classes[0].colour == "#ffee00"
    assert not problems
    table.write_text("value,name\nsand,1\nwater,2\n")
    with pytest.raises(SettingsError, match="'sand' is no whole number, and the labels are"):
        find_classes([path], "", "", table, [])
    table.write_text("value,name\n5,sand\n6,water\n")
    with pytest.raises(SettingsError, match=r"none of the values in the table \(5, 6\) .* 1, 2"):
        find_classes([path], "", "", table, [])


def test_find_classes__names_that_differ_only_in_case(polygon_folder):
    files = sorted(polygon_folder.glob("*.geojson"))
    files[0].write_text(files[0].read_text().replace('"sand", "n": 3', '"Sand", "n": 3'))
    problems = []
    find_classes(files, "kind", "", None, problems)
    assert problems[0].name == files[0].name
    assert "the classes 'Sand' and 'sand' differ only in capital letters" in problems[0].reason


def test_read_class_table__missing_file(tmp_path):
    with pytest.raises(SettingsError, match="cannot be read"):
        read_class_table(tmp_path / "absent.csv")


def test_find_classes__zero_without_nodata_is_reported(make_scene, tmp_path):
    path = make_scene("a.tif", lambda row, _: row % 2, bands=1, folder=tmp_path)
    problems = []
    rule, legend = find_classes([path], "", "", None, problems)
    assert rule.values == ("0", "1")
    assert [cover.name for cover in legend.classes] == ["class 0", "class 1"]
    assert "the value 0 is a class" in problems[0].reason


def test_find_classes__names_of_known_land_cover_have_their_colours(polygon_folder):
    files = sorted(polygon_folder.glob("*.geojson"))
    text = files[0].read_text().replace("sand", "water")
    files[0].write_text(text)
    _, legend = find_classes(files, "kind", "", None, [])
    assert {cover.name: cover.colour for cover in legend.classes}["water"] == "#1553ae"


def test_find_classes__labels_that_are_left_out_are_reported(polygon_folder, tmp_path):
    files = sorted(polygon_folder.glob("*.geojson"))
    text = files[0].read_text()
    files[0].write_text(text.replace('"sand", "n": 3', 'null, "n": 3'))
    table = tmp_path / "classes.csv"
    table.write_text("value,name\nsand,Sand\nice,Ice\n")
    problems = []
    rule, _ = find_classes(files, "kind", "", table, problems)
    assert rule.values == ("sand", "ice")
    reasons = [problem.reason for problem in problems]
    assert reasons == [
        "1 polygon has no value of 'kind'",
        "labels with values that are not in this table are left out: soil",
        "no label has the value ice (Ice)",
    ]


def test_find_classes__two_classes_with_one_name(polygon_folder):
    files = sorted(polygon_folder.glob("*.geojson"))
    with pytest.raises(SettingsError, match="two classes are named 'sand'"):
        find_classes(files, "kind", "sand", None, [])
