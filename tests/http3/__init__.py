"""HTTP/3 over a fake of QUIC."""
