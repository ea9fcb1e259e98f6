"""The `chipscape flair` commands."""
