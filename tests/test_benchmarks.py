import subprocess
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"


def test_click__does_not_hide_the_package_of_the_same_name(tmp_path):
    script = "import click, rasterio, typer; print(click.__version__ and click.command.__name__)"
    code = f"import sys; sys.path.insert(0, {str(BENCHMARKS)!r}); {script}"
    command = [sys.executable, "-c", code]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    assert process.stdout.strip() == "command", process.stderr
