"""Small programs that turn HPACK codecs of others into co-processes of hpack-conformance."""
