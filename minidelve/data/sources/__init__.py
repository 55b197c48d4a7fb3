"""Where files lie: a folder, a zip, a tar, each read in place by the names of its members.

Not here: which of the files are images, and of what class (layouts/)."""
