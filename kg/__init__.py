"""A knowledge graph of open source AI, and the service that answers questions over it."""

__version__ = "0.2.0"
