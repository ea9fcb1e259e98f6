"""Land cover, pixels: what the channels say of each class, and of one pixel."""

from app import flair_inspector, flair_jobs, flair_land, flair_pixels, messages

VIEWS = {
    "inspect": ("Inspect a pixel", flair_inspector.inspect),
    "channel": ("A channel by class", flair_pixels.by_class),
    "spectra": ("Spectra", flair_pixels.spectra),
    "cloud": ("Two channels", flair_pixels.two_channels),
}

land = flair_land.enter(
    "Land cover pixels",
    "What a classifier sees: four aerial bands and the elevation, and ten Sentinel-2 bands.",
)
titles = {name: title for name, (title, _) in VIEWS.items()}
chosen = flair_jobs.choose(land.place, "View", titles, "pixel view", "inspect")
with messages.guard():
    VIEWS[chosen][1](land)
flair_land.credit(land)
