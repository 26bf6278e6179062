"""An AudioSocket server: sends back what it hears, and ends at the key 9. Prints its port, then the id and the keys of calls."""
import socketserver
import struct


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        while True:
            head = self.rfile.read(3)
            if len(head) < 3:
                return
            kind, length = struct.unpack("!BH", head)
            payload = self.rfile.read(length)
            if kind == 0x00:
                print("end", flush=True)
                return
            if kind == 0x01:
                print("id", payload.hex(), flush=True)
            elif kind == 0x03:
                print("key", payload.decode(), flush=True)
                if payload == b"9":
                    self.wfile.write(struct.pack("!BH", 0x00, 0))
                    return
            elif kind == 0x10:
                self.wfile.write(head + payload)


with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
    server.daemon_threads = True
    print("port", server.server_address[1], flush=True)
    server.serve_forever()
