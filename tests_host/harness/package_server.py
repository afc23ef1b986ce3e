"""Serve the packages of build/dist/mip by HTTP, as a release is served."""

import contextlib
import functools
import http.server
import threading

from emulated_board import ROOT

PACKAGES = ROOT / "build" / "dist" / "mip"


class _Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@contextlib.contextmanager
def server():
    """Serve the folder on this machine. Yield the address, such as http://127.0.0.1:8000."""
    handler = functools.partial(_Handler, directory=str(PACKAGES))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as serving:
        thread = threading.Thread(target=serving.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{serving.server_port}"
        finally:
            serving.shutdown()
            thread.join()
