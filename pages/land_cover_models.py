"""Land cover models: single runs, a grid of runs, the label economy, and live cuts of a tree."""

from app.land_cover import bench_panels, run_form
from app.land_cover.evaluation import economy_panel, grid_panel
from app.land_cover.land_page import draw_land_cover_page

draw_land_cover_page(
    "Land cover models",
    "Models learn from labelled pixels (kNN, boosting), or name clusters after their most common "
    "class.",
    "model view",
    {
        "run": ("Run", run_form.run_panel),
        "grid": ("The notebook's grid", grid_panel.grid_panel),
        "economy": ("Label economy", economy_panel.economy_panel),
        "tree": ("HDBSCAN live", bench_panels.tree_sliders),
    },
)
