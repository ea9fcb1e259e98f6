"""The live clustering sliders and the sweeps drawn below them."""
