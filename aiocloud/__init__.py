"""One vocabulary for every cloud, awaited."""

__version__ = "0.1.0"
