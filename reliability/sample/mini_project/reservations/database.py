"""Stays in PostgreSQL, over the wire protocol; enough of it to show what its tests need."""

import os
import socket
import struct

from reservations.stays import Stay, StayError

ADDRESS = os.environ.get("RESERVATIONS_DATABASE", "127.0.0.1:1")


class Database:
    """One connection."""

    def __init__(self, address=ADDRESS):
        host, _, port = address.partition(":")
        try:
            self._socket = socket.create_connection((host, int(port)), timeout=5)
        except ConnectionRefusedError as err:
            raise ConnectionRefusedError(err.errno, f"Connection refused by PostgreSQL at {address}") from err
        self._start("reservations")

    def add(self, stay):
        """Store a stay unless a night of it is taken."""
        rows = self._query(
            f"SELECT id FROM stays WHERE room = {stay.room:d} AND begin < '{stay.end}' AND '{stay.begin}' < \"end\""
        )
        if rows:
            raise StayError(f"room {stay.room} is taken by {len(rows)} stays")
        self._query(f"INSERT INTO stays VALUES ({stay.room:d}, '{stay.begin}', '{stay.end}')")

    def all(self, *, room=None):
        """Read stays, of one room or of all."""
        where = "" if room is None else f" WHERE room = {room:d}"
        stays = []
        for row in self._query(f'SELECT room, begin, "end" FROM stays{where}'):
            room_text, begin, end = row
            stays.append(Stay(int(room_text), begin, end))
        return stays

    def remove(self, stay):
        """Forget a stay."""
        gone = self._query(f"DELETE FROM stays WHERE room = {stay.room:d} AND begin = '{stay.begin}' RETURNING id")
        if not gone:
            raise StayError(f"no stay in room {stay.room} from {stay.begin}")

    def close(self):
        """Say goodbye."""
        self._socket.sendall(b"X" + struct.pack("!i", 4))
        self._socket.close()

    def _start(self, user):
        words = f"user\0{user}\0database\0{user}\0\0".encode()
        self._socket.sendall(struct.pack("!ii", len(words) + 8, 196608) + words)
        while True:
            kind, body = self._message()
            if kind == b"E":
                raise ConnectionError(body.decode(errors="replace"))
            if kind == b"Z":
                return

    def _query(self, text):
        words = text.encode() + b"\0"
        self._socket.sendall(b"Q" + struct.pack("!i", len(words) + 4) + words)
        rows = []
        while True:
            kind, body = self._message()
            if kind == b"D":
                rows.append(self._row(body))
            elif kind == b"E":
                raise StayError(body.decode(errors="replace"))
            elif kind == b"Z":
                return rows

    def _message(self):
        kind = self._read(1)
        (length,) = struct.unpack("!i", self._read(4))
        return kind, self._read(length - 4)

    def _read(self, count):
        body = b""
        while len(body) < count:
            part = self._socket.recv(count - len(body))
            if not part:
                raise ConnectionError("the server hung up")
            body += part
        return body

    @staticmethod
    def _row(body):
        (count,) = struct.unpack_from("!h", body)
        place, row = 2, []
        for _ in range(count):
            (length,) = struct.unpack_from("!i", body, place)
            place += 4
            if length < 0:
                row.append(None)
                continue
            row.append(body[place : place + length].decode())
            place += length
        return row
