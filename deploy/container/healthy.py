#!/opt/coalmine/bin/python -I
"""For health checks within a container: status 0 where a URL answers with success, else 1 and why.

    healthy http://127.0.0.1:9105/health

It asks past any proxy, and certificates are not verified, as a kubelet does not: who answers is a
listener of its own container.
"""

from __future__ import annotations

import ssl
import sys
from urllib import request

DEADLINE_S = 4.0


def main(arguments: list[str]) -> int:
    """The exit status; 2 where it is called wrongly."""
    if len(arguments) != 1:
        print("usage: healthy URL", file=sys.stderr)
        return 2
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    opener = request.OpenerDirector()
    for handler in (
        request.HTTPHandler(),
        request.HTTPSHandler(context=context),
        request.HTTPErrorProcessor(),
        request.HTTPDefaultErrorHandler(),
        request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    try:
        with opener.open(arguments[0], timeout=DEADLINE_S):
            return 0
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
