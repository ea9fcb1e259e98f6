"""Land cover data: the patches, their Sentinel series and classes, and problems with files."""

from app.land_cover import patch_panels
from app.land_cover.labelling import label_panel
from app.land_cover.land_page import draw_land_cover_page

draw_land_cover_page(
    "Land cover data",
    "Aerial patches of 512 × 512 pixels (0.2 m) with a class for every pixel and a year of "
    "Sentinel-2 images.",
    "data view",
    {
        "samples": ("One patch", patch_panels.sample_panel),
        "series": ("Time series", patch_panels.series_panel),
        "gallery": ("All patches", patch_panels.patch_gallery),
        "classes": ("Classes", patch_panels.class_panel),
        "files": ("Files", patch_panels.file_panel),
        "labels": ("Label regions", label_panel.labelling_panel),
    },
)
