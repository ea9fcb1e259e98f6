"""Land cover, confusion: what is taken for what, where, and by which model."""

from app import messages
from app.land_cover import land_data, land_jobs
from app.land_cover.confusion import class_map_panels, matrix_panels

VIEWS = {
    "matrix": ("Matrix", matrix_panels.matrix),
    "two": ("Two models", matrix_panels.two_models),
    "patches": ("Patch by patch", class_map_panels.patches),
    "maps": ("Class maps", class_map_panels.downloads),
}

land = land_data.enter(
    "Land cover confusion", "Which classes are taken for which, and where on the ground."
)
titles = {name: title for name, (title, _) in VIEWS.items()}
chosen = land_jobs.choose(land.place, "View", titles, "confusion view", "matrix")
with messages.guard():
    VIEWS[chosen][1](land)
land_data.credit(land)
