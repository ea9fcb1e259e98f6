"""FLAIR #2 data: files, patches, pixels, Sentinel-2 series and samples."""
