"""The view in which regions of land cover are labelled."""
