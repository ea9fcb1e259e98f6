"""Land cover, models: single runs, the notebook's grid, the label economy, live cuts of a tree."""

from app.land_cover.land_page import draw_land_cover_page
from app.land_cover.models import economy_panel, grid_panel, run_form, tree_sliders

draw_land_cover_page(
    "Land cover models",
    "With labels (kNN, boosting), or without: clusters are named after their most common class.",
    "model view",
    {
        "run": ("Run", run_form.run_panel),
        "grid": ("The notebook's grid", grid_panel.grid_panel),
        "economy": ("Label economy", economy_panel.economy_panel),
        "tree": ("HDBSCAN live", tree_sliders.tree_sliders),
    },
)
