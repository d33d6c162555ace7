"""A camera's picture: fetched by one child, decoded and measured by another."""
