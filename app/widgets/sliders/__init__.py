"""The clustering sliders, and charts of the results over all values of a slider."""
