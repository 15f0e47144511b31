"""Starts the sample lake and runs an application's script on it.

    python tests/apps/run.py target/debug/lakefront superset/bin/python superset_app.py …
"""

import os
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def main(binary, *programs):
    """Programs are pairs: a Python and the name of its script."""
    with tempfile.TemporaryDirectory() as directory:
        port, console = free_port(), free_port()
        command = [binary, "demo", "--dir", os.path.join(directory, "demo"), "--days", "14"]
        command += ["--listen", f"127.0.0.1:{port}", "--console", f"127.0.0.1:{console}"]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_for(port, server)
            for python, script in zip(programs[::2], programs[1::2]):
                arguments = {"superset_app.py": [f"mysql+pymysql://root@127.0.0.1:{port}"]}
                subprocess.run(
                    [python, os.path.join(HERE, script), *arguments.get(script, ["127.0.0.1", str(port)])],
                    check=True,
                )
        finally:
            server.terminate()
            server.wait()


def wait_for(port, server):
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline:
        if server.poll() is not None:
            sys.exit(f"the server ended with {server.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.2)
    sys.exit("the server does not listen")


if __name__ == "__main__":
    main(*sys.argv[1:])
