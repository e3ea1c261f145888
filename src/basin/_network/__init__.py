"""Behind `basin.network`: the build in stages, and the class that is asked."""
