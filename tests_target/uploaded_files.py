"""A file system in the GC heap: what the host uploads to a board, so that `import` finds it there."""

import io
import sys

import vfs

_REGULAR_FILE = 0x8000
_ENOENT = 2


class UploadedFiles:
    """Read-only for MicroPython. The host adds to `contents`, name -> bytes."""

    def __init__(self):
        self.contents = {}

    def mount(self, readonly, mkfs):
        pass

    def umount(self):
        pass

    def add(self, name, data):
        """Append *data* to the file *name*."""
        self.contents[name] = self.contents.get(name, b"") + data

    def stat(self, path):
        return (_REGULAR_FILE, 0, 0, 0, 0, 0, len(self._content(path)), 0, 0, 0)

    def open(self, path, mode):
        return io.BytesIO(self._content(path))

    def _content(self, path):
        try:
            return self.contents[path.lstrip("/")]
        except KeyError:
            raise OSError(_ENOENT) from None


uploaded_files = UploadedFiles()
vfs.mount(uploaded_files, "/tests")
sys.path.append("/tests")
