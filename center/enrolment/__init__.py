"""Who is a gateway: a small certificate authority, bundles for boxes, what the broker must know, and renewal."""
