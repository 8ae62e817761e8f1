"""A tutorial server with h2static.h2 that answers each request with the request's fields as JSON.

python examples/h2_server.py 8080
curl --http2-prior-knowledge http://127.0.0.1:8080/hello
"""

import json
import socket
import sys
import threading

from h2static import h2


def answer(connection: h2.Connection, stream_id: int, request: h2.Request) -> None:
    shown = ((b":method", request.method), (b":path", request.path), *request.fields)
    fields = {name.decode(): value.decode("latin-1") for name, value in shown}
    text = json.dumps(fields, indent=2).encode() + b"\n"
    head = ((b"content-type", b"application/json"), (b"content-length", b"%d" % len(text)))
    connection.respond(stream_id, 200, head, text)


def serve(sock: socket.socket) -> None:
    connection = h2.Connection(h2.SERVER)
    requests: dict[int, h2.Request] = {}
    with sock:
        while not connection.closed:
            while octets := connection.octets_to_send():
                sock.sendall(octets)
            received = sock.recv(65_536)
            for event in connection.receive(received) if received else connection.receive_eof():
                match event:
                    case h2.RequestReceived():
                        requests[event.stream_id] = event.request
                    case h2.DataReceived():
                        connection.acknowledge(event.stream_id)
                    case h2.MessageEnded():
                        answer(connection, event.stream_id, requests.pop(event.stream_id))


def main() -> None:
    with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
        print(f"http://127.0.0.1:{listener.getsockname()[1]}/", flush=True)
        while True:
            sock, _ = listener.accept()
            threading.Thread(target=serve, args=(sock,), daemon=True).start()


if __name__ == "__main__":
    main()
