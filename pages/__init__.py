"""The pages, in the order of the flow: a title, controls, one call, one chart, one explanation."""
