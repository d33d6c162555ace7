"""The registry: which camera positions are required, where, since when, and at which gateway they are heard.

What a gateway reports must not be known here: a position is registered because a person registered it.
"""
