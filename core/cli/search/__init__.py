"""Commands that search: chips like examples, more objects in whole scenes, and what changed."""
