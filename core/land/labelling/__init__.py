"""Interactive labelling of land cover: labelled regions, and a classifier fitted to them."""
