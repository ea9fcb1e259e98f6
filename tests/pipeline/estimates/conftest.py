"""Fixtures of the tests of estimates."""

import pytest

from core.pipeline.run_stages import complete_view
from core.pipeline.scene_survey import survey_scenes
from core.pipeline.view import View


@pytest.fixture
def view(workspace, settings):
    """The view of a workspace without results."""
    return complete_view(View(workspace, settings(), survey_scenes(workspace)))
