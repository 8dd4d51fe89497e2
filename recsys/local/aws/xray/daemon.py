"""The X-Ray daemon beside a function: it takes what the function sends by UDP, and sends it on with its role."""

import json
import logging
import socket
import threading

from recsys.local.aws.xray.traces import BadSegment, Traces

LARGEST = 65_507  # bytes of a UDP packet
WAITING = 4 * 1024 * 1024  # bytes the system keeps of what nobody has read yet

logger = logging.getLogger(__name__)


class Daemon:
    """A socket on loopback, read by a thread of its own; a packet is a line that names the format, then a document."""

    def __init__(self, traces: Traces) -> None:
        self._traces = traces
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WAITING)
        self._socket.bind(("127.0.0.1", 0))
        self.address = "{}:{}".format(*self._socket.getsockname())
        self._thread = threading.Thread(target=self._listen, name="xray-daemon", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Read what lies ready, then close."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"", self._socket.getsockname())
        self._thread.join(timeout=5)
        self._socket.close()

    def _listen(self) -> None:
        while packet := self._socket.recv(LARGEST):
            try:
                self._traces.put(json.loads(packet.partition(b"\n")[2]))
            except (BadSegment, ValueError, RecursionError) as error:
                logger.warning("a packet to the X-Ray daemon is left out: %s", error)
