"""Land-cover studies in a workspace: data, runs, and what their pages read."""
