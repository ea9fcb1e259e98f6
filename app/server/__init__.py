"""What the server answers before a page is drawn: the check of requests, and its own routes."""
