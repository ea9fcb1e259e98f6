import subprocess
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"


def test_click__does_not_stand_in_the_way_of_the_package_of_that_name(tmp_path):
    script = "import click, rasterio, typer; print(click.__version__ and click.command.__name__)"
    code = f"import sys; sys.path.insert(0, {str(BENCHMARKS)!r}); {script}"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert said.stdout.strip() == "command", said.stderr
