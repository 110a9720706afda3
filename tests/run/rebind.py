# SPDX-License-Identifier: BSD-2-Clause
# A port that is bound and given up, again and again, while other processes want the CPUs: prints how often it was still in use.
import errno, os, signal, socket

busy = []
for _ in range(os.cpu_count() - 1):
    pid = os.fork()
    while not pid:
        pass
    busy.append(pid)
used, port = 0, 0
for _ in range(5000):
    with socket.socket() as s:
        try:
            s.bind(("127.0.0.1", port))
            s.listen()
            port = s.getsockname()[1]
        except OSError as e:
            assert e.errno == errno.EADDRINUSE, e
            used += 1
for pid in busy:
    os.kill(pid, signal.SIGKILL)
print(used)
