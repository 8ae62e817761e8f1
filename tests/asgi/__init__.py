"""Applications behind ASGI: each rule of the specification on each protocol."""
