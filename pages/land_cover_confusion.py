"""Land cover, confusion: which classes are confused, where, and by which model."""

from app.land_cover.confusion import class_map_panels, matrix_panels
from app.land_cover.land_page import draw_land_cover_page

draw_land_cover_page(
    "Land cover confusion",
    "Which classes are confused with each other, and where on the ground.",
    "confusion view",
    {
        "matrix": ("Matrix", matrix_panels.matrix_panel),
        "two": ("Two models", matrix_panels.comparison_panels),
        "patches": ("Patch by patch", class_map_panels.patch_comparison),
        "maps": ("Class maps", class_map_panels.download_panel),
    },
)
