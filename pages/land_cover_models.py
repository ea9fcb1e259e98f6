"""Land cover, models: run one, run the notebook's grid, count labels, cut the tree live."""

from app import messages
from app.land_cover import land_data, land_jobs
from app.land_cover.models import economy_panel, grid_panel, run_form, tree_sliders

VIEWS = {
    "run": ("Run", run_form.run),
    "grid": ("The notebook's grid", grid_panel.grid),
    "economy": ("Label economy", economy_panel.economy),
    "tree": ("HDBSCAN live", tree_sliders.sliders),
}

land = land_data.enter(
    "Land cover models",
    "With labels (kNN, boosting), or without: clusters take the name of their commonest class.",
)
titles = {name: title for name, (title, _) in VIEWS.items()}
chosen = land_jobs.choose(land.place, "View", titles, "model view", "run")
with messages.guard():
    VIEWS[chosen][1](land)
land_data.credit(land)
