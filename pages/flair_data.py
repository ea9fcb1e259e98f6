"""Land cover, data: what the patches hold, what Sentinel saw, and what is missing."""

from app import flair_data, flair_gallery, flair_jobs, flair_land, messages

VIEWS = {
    "samples": ("One patch", flair_data.samples),
    "series": ("Time series", flair_data.series),
    "gallery": ("All patches", flair_gallery.gallery),
    "classes": ("Classes", flair_data.classes),
    "files": ("Files", flair_data.files),
}

land = flair_land.enter(
    "Land cover data",
    "Aerial patches of 512 × 512 pixels (0.2 m), each with a class for every pixel and a year of "
    "Sentinel-2 around it.",
)
titles = {name: title for name, (title, _) in VIEWS.items()}
chosen = flair_jobs.choose(land.place, "View", titles, "data view", "samples")
with messages.guard():
    VIEWS[chosen][1](land)
flair_land.credit(land)
