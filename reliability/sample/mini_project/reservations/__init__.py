"""Reservations of rooms: stays, prices, guests' sessions, a database, and requests in plain words."""
