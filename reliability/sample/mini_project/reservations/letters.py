"""Letters to guests, in the tone that their history deserves."""

from reservations.prices import as_euros


def names_in(letter):
    """Find the names of people in a letter, with spaCy when it is called."""
    import spacy  # noqa: PLC0415 -- heavy: only who asks for names pays for it

    return [entity.text for entity in spacy.load("en_core_web_sm")(letter).ents if entity.label_ == "PERSON"]


def confirmation(stay, *, guest, cents):
    """Confirm a stay."""
    lines = [f"Dear {guest},", f"room {stay.room} is yours from {stay.begin} to {stay.end}."]
    if stay.nights >= 7:
        lines.append("For a stay of a week or more breakfast is on us.")
    if cents:
        lines.append(f"Please pay {as_euros(cents)} on arrival.")
    return "\n".join(lines)


def reminder(stay, *, guest, days_left):
    """Remind of a stay."""
    if days_left < 0:
        return None
    if days_left == 0:
        opening = "today is the day"
    elif days_left == 1:
        opening = "tomorrow is the day"
    else:
        opening = f"{days_left} days to go"
    return f"Dear {guest}, {opening}: room {stay.room} is ready."


def statement(stays, prices):
    """Sum up a guest's year."""
    lines, total = [], 0
    for stay in sorted(stays, key=lambda stay: stay.begin):
        cents = prices.get(stay)
        if cents is None:
            lines.append(f"{stay.begin}: not billed")
            continue
        total += cents
        lines.append(f"{stay.begin}: {as_euros(cents)}")
    lines.append(f"In all: {as_euros(total)}")
    return "\n".join(lines)
