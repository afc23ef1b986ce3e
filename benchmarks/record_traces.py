"""Record what two real programs ask of malloc, as traces of frames for the placement study.

    build/venv/bin/python benchmarks/record_traces.py

- ``tls``: OpenSSL, as Python's ssl uses it: up to twelve sessions at once, each a client and a server joined in memory;
  they are opened, shake hands, exchange up to 6,000 bytes at a time and are closed.
- ``sqlite``: SQLite with up to eight databases in memory, pages of 1,024 bytes: rows of 10 to 3,000 bytes are inserted
  into a log with an index, sorted and deleted; databases are opened and closed.

Every request of at least a frame (256 bytes) is kept and rounded up to frames; what is smaller is no matter for a frame
allocator. A trace is text: ``+5`` asks for five frames, ``-12`` gives back what request 12, counted from 0, got. What
is still held at the end stays held. A second recording differs in details: keys and addresses do. Needs glibc, a C
compiler and the openssl program.
"""

import ctypes
import os
import random
import sqlite3
import ssl
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

FRAME_SIZE = 256
MOST_REQUESTS = 6000
HERE = Path(__file__).resolve().parent


def tls(folder, recorder):
    """Sessions of TLS, opened, used and closed in a random order."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=study"]
    subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_mode = ssl.CERT_NONE
    numbers = random.Random(1)
    recorder.record_start(bytes(folder / "tls"))
    sessions = []
    for _ in range(150):
        if len(sessions) < 12 and numbers.random() < 0.2:
            to_client, from_client, to_server, from_server = (ssl.MemoryBIO() for _ in range(4))
            ends = (
                client.wrap_bio(to_client, from_client),
                server.wrap_bio(to_server, from_server, server_side=True),
            )
            sessions.append((ends, (to_client, from_client, to_server, from_server), [False, False]))
        for ends, (to_client, from_client, to_server, from_server), ready in sessions:
            for i, end in enumerate(ends):
                if not ready[i]:
                    try:
                        end.do_handshake()
                        ready[i] = True
                    except ssl.SSLWantReadError:
                        pass
            to_server.write(from_client.read())
            to_client.write(from_server.read())
        for ends, (_, from_client, to_server, _), ready in numbers.sample(sessions, min(3, len(sessions))):
            if all(ready):
                ends[0].write(bytes(numbers.randrange(1, 6000)))
                to_server.write(from_client.read())
                try:
                    while True:
                        ends[1].read(2000)
                except ssl.SSLWantReadError:
                    pass
        if sessions and numbers.random() < 0.17:
            sessions.pop(numbers.randrange(len(sessions)))
    recorder.record_stop()


def sqlite(folder, recorder):
    """Databases in memory, each a log with an index; filled, queried, thinned and closed in a random order."""
    numbers = random.Random(2)
    recorder.record_start(bytes(folder / "sqlite"))
    databases = []
    for _ in range(600):
        if len(databases) < 8 and numbers.random() < 0.1:
            database = sqlite3.connect(":memory:")
            database.execute("PRAGMA page_size = 1024")
            database.execute("CREATE TABLE log (id INTEGER PRIMARY KEY, time INTEGER, value BLOB)")
            database.execute("CREATE INDEX by_time ON log (time)")
            databases.append(database)
        for database in numbers.sample(databases, min(2, len(databases))):
            for _ in range(numbers.randrange(5)):
                value = bytes(numbers.randrange(10, 3000))
                database.execute("INSERT INTO log (time, value) VALUES (?, ?)", (numbers.randrange(1000), value))
            earliest = "(SELECT id FROM log WHERE time >= ? LIMIT 1)"
            database.execute("DELETE FROM log WHERE id = " + earliest, (numbers.randrange(1000),))
            if numbers.random() < 0.2:
                query = "SELECT time, count(*), max(length(value)) FROM log GROUP BY time ORDER BY 2"
                database.execute(query).fetchall()
        if databases and numbers.random() < 0.08:
            databases.pop(numbers.randrange(len(databases))).close()
    recorder.record_stop()


def frames_of(record):
    """The words of a trace, from a file of record_malloc.c."""
    numbers, words = {}, []
    requests = 0
    for line in record.read_text().splitlines():
        address, *size = line[1:].split()
        if line[0] == "-":
            if address in numbers:
                words.append("-%d" % numbers.pop(address))
        elif int(size[0]) >= FRAME_SIZE:
            if requests == MOST_REQUESTS:
                break
            words.append("+%d" % -(-int(size[0]) // FRAME_SIZE))
            numbers[address] = requests
            requests += 1
    return words


def main():
    if len(sys.argv) > 1:
        globals()[sys.argv[1]](Path(sys.argv[2]), ctypes.CDLL(None))
        return
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "record_malloc.so"
        source = HERE / "record_malloc.c"
        subprocess.run(["cc", "-O1", "-Wall", "-shared", "-fPIC", source, "-o", library], check=True)
        for name in ("tls", "sqlite"):
            environment = dict(os.environ, LD_PRELOAD=str(library), PYTHONHASHSEED="0")
            subprocess.run([sys.executable, __file__, name, folder], check=True, env=environment)
            words = frames_of(Path(folder) / name)
            text = textwrap.fill(" ".join(words), 120, break_on_hyphens=False)
            (HERE / "traces" / (name + ".txt")).write_text(text + "\n")
            print("%s: %d requests" % (name, sum(word[0] == "+" for word in words)))


if __name__ == "__main__":
    main()
