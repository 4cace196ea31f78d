"""Asks the user database for names that nobody has, one after the other: flood.py COUNT PREFIX

Prints how many of them were nobody's, which is all of them."""

import json
import socket
import sys

SOCKET = "/run/systemd/userdb/org.kratosd1"


def main() -> None:
    count, prefix = int(sys.argv[1]), sys.argv[2]
    nobody = 0
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(30)
    connection.connect(SOCKET)
    for i in range(count):
        parameters = {"userName": f"{prefix}{i}", "service": "org.kratosd1"}
        call = {"method": "io.systemd.UserDatabase.GetUserRecord", "parameters": parameters}
        connection.sendall(json.dumps(call).encode() + b"\0")
        answer = b""
        while not answer.endswith(b"\0"):
            more = connection.recv(65536)
            if not more:
                raise ConnectionError(f"closed after {i}")
            answer += more
        nobody += b"NoRecordFound" in answer
    print(nobody)


if __name__ == "__main__":
    main()
