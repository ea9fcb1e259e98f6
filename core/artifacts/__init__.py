"""Artifacts: the result of each stage, stored under a key made from all of its inputs."""
