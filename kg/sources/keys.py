"""Where loaders look for the keys of things; they stand in ``kg.keys``, because resolution compares by them too."""

from kg.keys import crunchbase, homepage, host, hub_model, plain_name, repository

__all__ = ["crunchbase", "homepage", "host", "hub_model", "plain_name", "repository"]
