"""Land cover models: single runs, a grid of runs, the label economy, and live cuts of a tree."""

from app.land_cover import bench_panels, run_form, run_panels
from app.land_cover.land_page import draw_land_cover_page

draw_land_cover_page(
    "Land cover models",
    "Models learn from labelled pixels (kNN, boosting), or name clusters after their most common "
    "class.",
    "model view",
    {
        "run": ("Run", run_form.run_panel),
        "grid": ("The notebook's grid", run_panels.grid_panel),
        "economy": ("Label economy", bench_panels.economy_panel),
        "tree": ("HDBSCAN live", bench_panels.tree_sliders),
    },
)
