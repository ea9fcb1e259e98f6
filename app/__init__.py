"""The web app of Chipscape: navigation, session state, widgets, charts and jobs."""
