"""The stages, connected to the artifact store, which no other package of the core uses."""
