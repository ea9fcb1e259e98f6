"""Functions applied to many items, in threads or on a Dask cluster."""
