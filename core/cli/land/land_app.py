"""The application of the `chipscape flair` commands."""

import typer

from core.cli.land import (
    artifact_commands,
    data_commands,
    grid_command,
    method_commands,
    predict_command,
)

app = typer.Typer(
    name="flair",
    help="Land cover with reference labels (FLAIR #2): classify pixels by supervised and "
    "unsupervised methods, and score the results.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
_COMMANDS = {
    "demo": data_commands.patches_demo_command,
    "fetch": data_commands.fetch_command,
    "settings": data_commands.land_settings_command,
    "describe": data_commands.describe_command,
    "run": method_commands.run_protocol_command,
    "predict": predict_command.predict_patches_command,
    "grid": grid_command.run_grid_command,
    "score": method_commands.score_protocol_command,
    "survey": artifact_commands.survey_command,
    "maps": artifact_commands.maps_command,
    "bench": artifact_commands.bench_command,
    "recut": artifact_commands.recut_command,
    "economy": artifact_commands.economy_command,
}
for name, command in _COMMANDS.items():
    app.command(name=name)(command)
