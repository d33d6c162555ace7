"""A month's figures from spans: Parquet for each city and day, and the SQL of center/sql over it.

Derived: all of it can be thrown away and built again from the facts.
"""
