"""Policies, regions and examples, packaged so that they travel with the wheel."""
