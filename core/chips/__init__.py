"""From annotations to chips: extraction, the table of facts, bands and scaling."""
