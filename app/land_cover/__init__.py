"""Parts of the four land-cover pages."""
