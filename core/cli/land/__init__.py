"""The `chipscape flair` commands: labelled land cover on the command line."""
