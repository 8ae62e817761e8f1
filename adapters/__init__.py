"""Small programs that run other HPACK codecs as co-processes of hpack-conformance."""
