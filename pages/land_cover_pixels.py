"""Land cover pixels: the channels of each class, and all data of one pixel."""

from app.land_cover import channel_panels, pixel_inspector
from app.land_cover.land_page import draw_land_cover_page

draw_land_cover_page(
    "Land cover pixels",
    "The input of a classifier: four aerial bands, the elevation, and ten Sentinel-2 bands.",
    "pixel view",
    {
        "inspect": ("Inspect a pixel", pixel_inspector.inspector_panel),
        "channel": ("A channel by class", channel_panels.channel_panel),
        "spectra": ("Spectra", channel_panels.spectrum_panel),
        "cloud": ("Two channels", channel_panels.scatter_panel),
    },
)
