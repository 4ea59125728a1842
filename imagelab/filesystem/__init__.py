"""Files and folders as values: entries, trees, the changes between two trees."""
