"""The input files of stages."""
