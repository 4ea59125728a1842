"""Files: as values, on a disk, inside a root folder, and safe from crashes."""
