"""The application of the `chipscape flair` commands."""

import typer

from core.cli.flair import artifact_commands, data_commands, method_commands

app = typer.Typer(
    name="flair",
    help="Labelled land cover (FLAIR #2): classify its pixels with and without labels, and score.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for module in (data_commands, method_commands, artifact_commands):
    for name, command in module.COMMANDS.items():
        app.command(name=name)(command)
