"""Land cover, data: what the patches hold, what Sentinel saw, and what is missing."""

from app import messages
from app.land_cover import land_data, land_jobs
from app.land_cover.data import patch_gallery, patch_panels

VIEWS = {
    "samples": ("One patch", patch_panels.samples),
    "series": ("Time series", patch_panels.series),
    "gallery": ("All patches", patch_gallery.gallery),
    "classes": ("Classes", patch_panels.classes),
    "files": ("Files", patch_panels.files),
}

land = land_data.enter(
    "Land cover data",
    "Aerial patches of 512 × 512 pixels (0.2 m), each with a class for every pixel and a year of "
    "Sentinel-2 around it.",
)
titles = {name: title for name, (title, _) in VIEWS.items()}
chosen = land_jobs.choose(land.place, "View", titles, "data view", "samples")
with messages.guard():
    VIEWS[chosen][1](land)
land_data.credit(land)
