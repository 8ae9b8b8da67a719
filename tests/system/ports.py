"""Free TCP ports in a row, for clusters that tests make. As a program: ports.py COUNT."""
import os
import socket
import sys

FIRST, LAST = 20000, 32000  # below Linux's range for outgoing connections


def free_ports(count):
    """The first of `count` free ports. Where the search begins depends on the process, so that two
    runs at a time seldom meet."""
    base = FIRST + os.getpid() * 31 % (LAST - FIRST)
    for _ in range(LAST - FIRST):
        sockets = []
        try:
            for port in range(base, base + count):
                sockets.append(socket.socket())
                sockets[-1].bind(("127.0.0.1", port))
            return base
        except OSError:
            base = base + count if base < LAST else FIRST
        finally:
            for one in sockets:
                one.close()
    raise OSError("no free ports")


if __name__ == "__main__":
    print(free_ports(int(sys.argv[1])))
