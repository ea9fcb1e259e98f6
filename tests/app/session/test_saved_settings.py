import tomllib
from pathlib import Path

import pytest

from app.session.saved_settings import load_settings, save_settings, write_job_settings
from core.errors import WorkspaceError
from core.settings import ChipSettings, EmbedSettings, RunSettings
from core.tables import settings_from_table

SIZE_96 = RunSettings(chips=ChipSettings(size=96, bands=("red", "nir")))


def test_load_settings__returns_the_saved_settings(workspace):
    assert load_settings(workspace) == RunSettings()
    save_settings(workspace, SIZE_96)
    assert load_settings(workspace) == SIZE_96


@pytest.mark.parametrize(
    "text", ["not = [toml", "[chips]\nsize = 5\n", "unknown = 1\n", 'method = "dbscan"\n']
)
def test_load_settings__unreadable_settings_give_the_defaults(workspace, text):
    path = save_settings(workspace, SIZE_96)
    path.write_text(text)
    assert load_settings(workspace) == RunSettings()


def test_write_job_settings__one_file_for_each_set_of_settings(workspace):
    paths = [write_job_settings(workspace, settings) for settings in (RunSettings(), SIZE_96)]
    assert paths[0] != paths[1]
    assert paths[0] == write_job_settings(workspace, RunSettings())
    for path, settings in zip(paths, (RunSettings(), SIZE_96), strict=True):
        assert settings_from_table(RunSettings, tomllib.loads(path.read_text())) == settings
    assert not (workspace.root / "app" / "settings.toml").exists()
    assert sorted(paths[0].parent.iterdir()) == sorted(paths)


def test_save_settings__interrupted_write_keeps_the_previous_file(workspace, monkeypatch):
    path = save_settings(workspace, RunSettings())
    before = path.read_text()

    def write_a_part(self: Path, text: str, **_: object) -> None:
        self.write_bytes(text.encode()[:20])
        raise OSError("no space left on device")

    monkeypatch.setattr(Path, "write_text", write_a_part)
    with pytest.raises(WorkspaceError, match="the disk is full"):
        save_settings(workspace, SIZE_96)
    assert path.read_text() == before


def test_save_settings__writes_nothing_into_raw(workspace):
    assert workspace.raw not in save_settings(workspace, RunSettings()).parents


def test_load_settings__a_removed_encoder_is_replaced(workspace):
    for saved, loaded in (("rcf", "texture"), ("rcf+colour", "texture+colour")):
        save_settings(workspace, RunSettings(embed=EmbedSettings(encoder=saved)))
        assert load_settings(workspace).embed.encoder == loaded
