"""What the four land-cover pages share."""
