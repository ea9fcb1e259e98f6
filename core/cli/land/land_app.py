"""The applications of the `chipscape flair` and `chipscape land` commands."""

from collections.abc import Callable, Mapping
from typing import Any

import typer

from core.cli.land import (
    artifact_commands,
    data_commands,
    estimate_land_command,
    grid_command,
    import_command,
    label_map_command,
    method_commands,
    predict_command,
    score_command,
)

_FLAIR_DATA = {
    "demo": data_commands.patches_demo_command,
    "fetch": data_commands.fetch_command,
    "unpack": data_commands.unpack_command,
}
_OWN_DATA = {"import": import_command.import_images_command}
_MODELS = {
    "estimate": estimate_land_command.estimate_land_command,
    "settings": data_commands.land_settings_command,
    "describe": data_commands.describe_command,
    "run": method_commands.run_protocol_command,
    "predict": predict_command.predict_command,
    "grid": grid_command.run_grid_command,
    "score": score_command.score_protocol_command,
    "survey": artifact_commands.survey_command,
    "maps": artifact_commands.maps_command,
    "bench": artifact_commands.bench_command,
    "recut": artifact_commands.recut_command,
    "economy": artifact_commands.economy_command,
    "label-map": label_map_command.label_map_command,
    "label-export": label_map_command.label_export_command,
}


def _command_group(name: str, text: str, commands: Mapping[str, Callable[..., Any]]) -> typer.Typer:
    app = typer.Typer(
        name=name,
        help=text,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    for command, function in commands.items():
        app.command(name=command)(function)
    return app


flair_app = _command_group(
    "flair",
    "Land cover with FLAIR's data: classify pixels by supervised and unsupervised methods, and "
    "score the results.",
    {**_FLAIR_DATA, **_MODELS},
)
land_app = _command_group(
    "land",
    "Land cover with images and labels of your own: import them, then use the same commands as "
    "for FLAIR's data.",
    {**_OWN_DATA, **_MODELS},
)
