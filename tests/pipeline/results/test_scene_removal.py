import pytest

from core.errors import WorkspaceError
from core.pipeline.results.scene_removal import list_scene_files, remove_scene, restore_scene


def raw_names(workspace):
    return sorted(path.name for path in workspace.raw.iterdir())


def test_remove_scene__with_annotations_and_sidecars(workspace, raw_files):
    for name in ("a.tfw", "a.tif.aux.xml", "a.tif.msk"):
        (workspace.raw / name).touch()
    (workspace.raw / "all.geojson").touch()
    before = raw_files(workspace.root)
    removed = remove_scene(workspace, "a.tif")
    names = ["a.geojson", "a.tfw", "a.tif", "a.tif.aux.xml", "a.tif.msk"]
    assert sorted(removed.files) == names
    assert sorted(path.name for path in workspace.replaced.iterdir()) == names
    assert raw_names(workspace) == ["all.geojson", "b.geojson", "b.tif"]
    restore_scene(workspace, removed)
    assert raw_files(workspace.root) == before
    assert list(workspace.replaced.iterdir()) == []


def test_remove_scene__files_of_scenes_with_longer_names_stay(workspace, add_scene):
    add_scene("a.2020", seed=3)
    (workspace.raw / "a.2020.tfw").touch()
    names = [file.name for file in list_scene_files(workspace, "a.tif")]
    assert names == ["a.geojson", "a.tif"]
    names = [file.name for file in list_scene_files(workspace, "a.2020.tif")]
    assert names == ["a.2020.geojson", "a.2020.tfw", "a.2020.tif"]


def test_remove_scene__twice_keeps_both_versions(workspace, add_scene):
    remove_scene(workspace, "a.tif")
    add_scene("a", seed=7)
    removed = remove_scene(workspace, "a.tif")
    assert removed.files["a.tif"].name == "a_2.tif"
    assert len(list(workspace.replaced.iterdir())) == 4


def test_restore_scene__overwrites_nothing(workspace, add_scene):
    removed = remove_scene(workspace, "a.tif")
    add_scene("a", seed=7)
    content = (workspace.raw / "a.tif").read_bytes()
    with pytest.raises(WorkspaceError, match="cannot be put back, because the file has been"):
        restore_scene(workspace, removed)
    assert (workspace.raw / "a.tif").read_bytes() == content
    (workspace.raw / "a.tif").unlink()
    (workspace.raw / "a.geojson").unlink()
    removed.files["a.geojson"].unlink()
    with pytest.raises(WorkspaceError, match="because the file no longer exists"):
        restore_scene(workspace, removed)
    assert raw_names(workspace) == ["b.geojson", "b.tif"]


@pytest.mark.parametrize("name", ["c.tif", "../a.tif", "a.geojson"])
def test_remove_scene__only_scenes_in_raw(workspace, name):
    with pytest.raises(WorkspaceError, match=r"this is not a file in raw/"):
        remove_scene(workspace, name)


def test_remove_scene__a_remote_scene_is_a_line_in_a_list(workspace):
    (workspace.raw / "urls.txt").write_text("https://example.org/far.tif\n")
    with pytest.raises(WorkspaceError, match=r"Remove its address from urls\.txt"):
        remove_scene(workspace, "far.tif")


def test_remove_scene__a_failed_move_is_undone(workspace, monkeypatch):
    from core.pipeline.results import scene_removal

    move = scene_removal.set_file_aside

    def fail_at_the_scene(file, folder):
        if file.suffix == ".tif":
            raise OSError(28, "No space left on device")
        return move(file, folder)

    monkeypatch.setattr(scene_removal, "set_file_aside", fail_at_the_scene)
    with pytest.raises(WorkspaceError, match="No space left on device"):
        remove_scene(workspace, "a.tif")
    assert raw_names(workspace) == ["a.geojson", "a.tif", "b.geojson", "b.tif"]
