"""Guests' requests in plain words, read with spaCy."""

import spacy

NUMBERS = {"a": 1, "one": 1, "two": 2, "three": 3, "four": 4}


class Reader:
    """Reads rooms, nights and dates out of a request."""

    def __init__(self, model="en_core_web_sm"):
        self._language = spacy.load(model)

    def read(self, text):
        """Find what a guest wants."""
        wanted = {"rooms": 1, "nights": None, "dates": [], "guests": []}
        words = self._language(text)
        for word in words:
            if word.lemma_ in {"room", "night"}:
                self._count(wanted, word)
        for entity in words.ents:
            if entity.label_ == "DATE":
                wanted["dates"].append(entity.text)
            elif entity.label_ == "PERSON":
                wanted["guests"].append(entity.text)
        return wanted

    @staticmethod
    def _count(wanted, word):
        for child in word.children:
            if child.dep_ == "nummod" or child.text.lower() in NUMBERS:
                text = child.text.lower()
                wanted[f"{word.lemma_}s"] = NUMBERS.get(text) or int(text)
