"""Private parts of other packages, one module for each package, with an upper version bound.

`tests/internals` fails with a clear message when an upgrade changes one of them.
"""
