"""The season in time series: monthly composites, seasonal indices, and values between pixels."""
