"""OKKI and Yida as their users meet them, on loopback, with faults on demand.

Beside the journey, not on it: the demo, the tests and users' dry runs start it, and the daemon does not know
that it exists. A second opinion on what is known of the vendors: it imports nothing else of the package.
"""
