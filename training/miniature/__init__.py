"""The paper in miniature: a small model that reasons in steps, listens to its peers, and is trained from nothing."""
