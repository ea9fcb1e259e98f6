"""The parts of the contact sheet: chips in pages, named and approved with the keyboard."""
