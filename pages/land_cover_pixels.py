"""Land cover, pixels: the channels of each class, and everything about one pixel."""

from app.land_cover.land_page import draw_land_cover_page
from app.land_cover.pixels import channel_panels, pixel_inspector

draw_land_cover_page(
    "Land cover pixels",
    "What a classifier sees: four aerial bands, the elevation, and ten Sentinel-2 bands.",
    "pixel view",
    {
        "inspect": ("Inspect a pixel", pixel_inspector.inspector_panel),
        "channel": ("A channel by class", channel_panels.channel_panel),
        "spectra": ("Spectra", channel_panels.spectrum_panel),
        "cloud": ("Two channels", channel_panels.scatter_panel),
    },
)
