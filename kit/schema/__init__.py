"""Files of one meaning, YAML and canonical JSON, and their schemas; not what they are for."""
