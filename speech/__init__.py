"""Speech: reserved for enhancement and dereverberation; this version has none."""
