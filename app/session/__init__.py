"""What outlives a page: session state, saved settings, cached results and jobs."""
