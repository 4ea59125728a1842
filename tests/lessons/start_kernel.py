"""What JupyterLab starts as a kernel: asks the process of warm_kernels.py for one, and stands for it from then on.

    python -I -S start_kernel.py SOCKET CONNECTION_FILE

Its interrupts reach the kernel, its end is the kernel's, and the kernel's its own. Imports little: that is its point.
"""

import json
import os
import signal
import socket
import sys

connection = socket.socket(socket.AF_UNIX)
connection.connect(sys.argv[1])
connection.sendall(json.dumps([sys.argv[2], os.getcwd(), dict(os.environ)]).encode() + b"\n")
answer = connection.makefile("rb")
kernel = int(answer.readline())
signal.signal(signal.SIGINT, lambda *_: os.killpg(kernel, signal.SIGINT))
answer.read()
