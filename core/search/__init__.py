"""Search for chips similar to examples: arrays in, arrays out."""
