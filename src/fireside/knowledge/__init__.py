"""Documents: read, cut, searched and cited. Not their bytes, which are files/ and blobs/."""
