"""Land-cover studies in a workspace: data, runs, and stored results for the pages."""
