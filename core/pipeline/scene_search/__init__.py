"""Search of whole scenes for more objects like some chips, and what the user decides on them."""
