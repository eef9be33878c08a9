"""The W3C SPARQL 1.1 test suite, through HTTP against a running service."""
