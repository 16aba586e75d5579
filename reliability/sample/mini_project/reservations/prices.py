"""Prices in cents: seasons, long stays and children."""

BASE_CENTS = 9_000
SEASONS = {7: 140, 8: 150, 12: 130}


def night_cents(day):
    """Price of one night by the season, in percent of the base."""
    percent = SEASONS.get(day.month, 100)
    if day.weekday() >= 4:
        percent += 10
    return BASE_CENTS * percent // 100


def discount_percent(nights):
    """Discount for long stays."""
    if nights >= 28:
        return 30
    if nights >= 7:
        return 10
    return 0


def stay_cents(days, *, children=0):
    """Price of a stay; children cost a quarter each."""
    total = sum(night_cents(day) for day in days)
    total -= total * discount_percent(len(days)) // 100
    total += total * children // 4
    return total


def as_euros(cents):
    """Write cents for people."""
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02d} EUR"
