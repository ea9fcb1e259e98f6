"""Land cover confusion: which classes are confused, where, and by which model."""

from app.land_cover import confusion_panels
from app.land_cover.evaluation import map_panels
from app.land_cover.land_page import draw_land_cover_page

draw_land_cover_page(
    "Land cover confusion",
    "This page shows which classes the models confuse with each other, and where.",
    "confusion view",
    {
        "matrix": ("Matrix", confusion_panels.matrix_panel),
        "two": ("Two models", confusion_panels.comparison_panels),
        "patches": ("Patch by patch", confusion_panels.patch_comparison),
        "maps": ("Class maps", map_panels.download_panel),
    },
)
