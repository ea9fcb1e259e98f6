"""The stages joined to the store: the only place that knows both."""
