"""YAML files of one meaning, checked against schemas; knows nothing of what they are for."""
