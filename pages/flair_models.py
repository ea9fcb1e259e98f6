"""Land cover, models: run one, run the notebook's grid, count labels, cut the tree live."""

from app import (
    flair_economy,
    flair_grid,
    flair_jobs,
    flair_land,
    flair_models,
    flair_tree,
    messages,
)

VIEWS = {
    "run": ("Run", flair_models.run),
    "grid": ("The notebook's grid", flair_grid.grid),
    "economy": ("Label economy", flair_economy.economy),
    "tree": ("HDBSCAN live", flair_tree.sliders),
}

land = flair_land.enter(
    "Land cover models",
    "With labels (kNN, boosting), or without: clusters take the name of their commonest class.",
)
titles = {name: title for name, (title, _) in VIEWS.items()}
chosen = flair_jobs.choose(land.place, "View", titles, "model view", "run")
with messages.guard():
    VIEWS[chosen][1](land)
flair_land.credit(land)
