// The questions of an eval: what LeaP rescued, what it spoiled.
