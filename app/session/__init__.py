"""State that is kept across pages: session state, saved settings, cached results and jobs."""
