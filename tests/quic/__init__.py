"""QUIC: what is ours of it, and what is made of aioquic."""
