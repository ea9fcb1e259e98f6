"""Chipscape in the browser: navigation, state, controls, charts and jobs over the core."""
