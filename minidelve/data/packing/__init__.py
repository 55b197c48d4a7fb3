"""Writing a packed store, so that stopping at any moment loses next to nothing.

Not here: the format of a store, and reading one (store.py above)."""
