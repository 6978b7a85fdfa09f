"""Serve an embedded BigQuery alone: python -m emulators.bigquery --port 9050 --data-dir DIR [--ready-file FILE].

With --permissions FILE each call needs a bearer token of that file and the permissions that Google documents for it;
`emulators.bigquery.access.grants` says how the file is written, GET /emulator/permissions what was asked for.
"""

from __future__ import annotations

import argparse
import pathlib
import socket
import sys

import uvloop

from emulators.bigquery import create_app
from emulators.bigquery.api.server import serve


def main() -> None:
    """Parse, bind, serve until SIGTERM or Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=9050, help="0 picks a free one")
    parser.add_argument("--data-dir", type=pathlib.Path, required=True)
    parser.add_argument("--ready-file", type=pathlib.Path, help="gets the URL when everything answers")
    parser.add_argument("--permissions", type=pathlib.Path, help="JSON: bearer tokens, accounts, grants")
    options = parser.parse_args()
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind(("127.0.0.1", options.port))
        except OSError as error:
            sys.exit(f"cannot listen on 127.0.0.1:{options.port}: {error.strerror}; choose another --port")
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        try:
            app = create_app(options.data_dir, permissions=options.permissions)
        except (OSError, ValueError) as error:
            sys.exit(f"cannot use --permissions: {error}")
        try:
            _ = app.service  # opened here, so that a bad directory is one clear line
        except OSError as error:
            sys.exit(f"cannot use the data directory {options.data_dir}: {error}")
        listening.listen(1024)

        def started() -> None:
            """Say where it listens."""
            sys.stdout.write(f"{url}\n")
            sys.stdout.flush()
            if options.ready_file is not None:
                draft = options.ready_file.with_suffix(".tmp")
                draft.write_text(url)
                draft.replace(options.ready_file)

        uvloop.run(serve(app, listening, started))


if __name__ == "__main__":
    main()
