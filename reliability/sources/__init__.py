"""Each module touches one system and returns frozen numbers; deciding does not belong here."""
