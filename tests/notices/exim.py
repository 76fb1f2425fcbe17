"""A real mail server: Exim as Debian has it, with a configuration, a spool and a port of its own.

It takes mail by STARTTLS and a login, and hands all of it on to an "outside" in this process; what is refused there it
reports to whom the envelope names.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.notices.mailhouse import LOGIN, PASSWORD, trust

USER = "Debian-exim"
CONFIGURATION = """
primary_hostname = mta.example
spool_directory = {folder}/spool
log_file_path = {folder}/%slog
exim_user = {user}
exim_group = {group}
keep_environment =
queue_only
tls_advertise_hosts = *
tls_certificate = {folder}/trust/server.pem
auth_advertise_hosts = ${{if def:tls_in_cipher {{*}}}}
host_lookup =
rfc1413_hosts =
acl_smtp_rcpt = take
begin acl
take:
  accept authenticated = *
begin routers
all:
  driver = manualroute
  route_list = * 127.0.0.1
  transport = outside
  self = send
begin transports
outside:
  driver = smtp
  port = {outside}
  hosts_avoid_tls = *
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${{if and {{{{eq{{$auth2}}{{{login}}}}} {{eq{{$auth3}}{{{password}}}}}}}}}
  server_set_id = $auth2
"""


@dataclass(frozen=True)
class Exim:
    port: int
    roots: Path
    program: tuple[str, ...]

    def deliver(self) -> None:
        """All that it has, and then what it has written about that; nothing of it is still under way afterwards."""
        for _ in range(2):
            subprocess.run([*self.program, "-q"], check=True)


@contextlib.contextmanager
def exim(outside: int) -> Iterator[Exim]:
    """Started by root it becomes its own user, who could not get at a folder below pytest's. It is given the socket, as
    by inetd, so that nobody has to wait until it listens."""
    folder = Path(tempfile.mkdtemp(prefix="tokenmgr-exim-"))
    whose = pwd.getpwnam(USER) if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    roots = trust(folder / "trust").roots
    for path in (folder, folder / "trust" / "server.pem"):
        os.chown(path, whose.pw_uid, whose.pw_gid)
    file = folder / "exim.conf"
    values = {
        "folder": folder,
        "user": whose.pw_uid,
        "group": whose.pw_gid,
        "outside": outside,
        "login": LOGIN,
        "password": PASSWORD,
    }
    file.write_text(CONFIGURATION.format(**values))
    try:
        program = ("/usr/sbin/exim4", "-C", str(file))
        with socket.create_server(("127.0.0.1", 0)) as listening:
            running = subprocess.Popen([*program, "-bw600s"], stdin=listening.fileno())
            try:
                yield Exim(listening.getsockname()[1], roots, program)
            finally:
                running.terminate()
                running.wait(10)
    finally:
        shutil.rmtree(folder)
