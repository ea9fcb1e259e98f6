"""Land cover, pixels: what the channels say of each class, and of one pixel."""

from app import messages
from app.land_cover import land_data, land_jobs
from app.land_cover.pixels import channel_panels, pixel_inspector

VIEWS = {
    "inspect": ("Inspect a pixel", pixel_inspector.inspect),
    "channel": ("A channel by class", channel_panels.by_class),
    "spectra": ("Spectra", channel_panels.spectra),
    "cloud": ("Two channels", channel_panels.two_channels),
}

land = land_data.enter(
    "Land cover pixels",
    "What a classifier sees: four aerial bands and the elevation, and ten Sentinel-2 bands.",
)
titles = {name: title for name, (title, _) in VIEWS.items()}
chosen = land_jobs.choose(land.place, "View", titles, "pixel view", "inspect")
with messages.guard():
    VIEWS[chosen][1](land)
land_data.credit(land)
