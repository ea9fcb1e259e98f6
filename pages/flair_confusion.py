"""Land cover, confusion: what is taken for what, where, and by which model."""

from app import flair_confusion, flair_jobs, flair_land, flair_maps, messages

VIEWS = {
    "matrix": ("Matrix", flair_confusion.matrix),
    "two": ("Two models", flair_confusion.two_models),
    "patches": ("Patch by patch", flair_maps.patches),
    "maps": ("Class maps", flair_maps.downloads),
}

land = flair_land.enter(
    "Land cover confusion", "Which classes are taken for which, and where on the ground."
)
titles = {name: title for name, (title, _) in VIEWS.items()}
chosen = flair_jobs.choose(land.place, "View", titles, "confusion view", "matrix")
with messages.guard():
    VIEWS[chosen][1](land)
flair_land.credit(land)
