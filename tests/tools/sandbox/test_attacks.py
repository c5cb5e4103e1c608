"""Attacks that would leave a mark outside. What counts is the world afterwards, not what the code prints;
without walls (`test_without_walls_the_attack_succeeds`) the same code must leave that mark."""
# ruff: noqa: E501  an attack reads better on one line

import platform
from collections.abc import Callable

import pytest

from peerleap.tools.sandbox import Sandbox, Session

Attack = Callable[..., list[str]]

TRY = """
def attempt(work):
    try:
        return work()
    except BaseException as error:
        return type(error).__name__
"""
LIBC = f"""{TRY}
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    libc.syscall.restype = ctypes.c_long
    if libc.syscall(ctypes.c_long(number), *arguments) >= 0:
        print("ESCAPED", number)
"""
OPEN = TRY + "def show(path):\n    print(attempt(lambda: open(path).read(300)))\n"

# name: the cells. Those in CONTROLS succeed where there are no walls, whoever runs the tests: a worker that
# root started has lost its capabilities even there, so it cannot read another process's environment, and it
# has a user id of its own, so it cannot limit one; a user who does not own numpy cannot change it.
ATTACKS: dict[str, tuple[str, ...]] = {
    "read /etc/passwd": (OPEN + "show('/etc/passwd')",),
    "list and read a private folder": (
        OPEN + "names = attempt(lambda: os.listdir(W['secret_folder']))\nprint(names)\n"
        "for name in names if isinstance(names, list) else []: show(W['secret_folder'] + '/' + name)",
    ),
    "read the project": (OPEN + "show(W['project'] + '/pyproject.toml')",),
    "read the environment": (
        OPEN + "print(dict(os.environ))\n"
        "for who in (W['victim'], W['host'], os.getppid(), 'self'): show(f'/proc/{who}/environ')",
    ),
    "write to shared places": (
        TRY + "for place in [*W['places'], W['drop']]:\n"
        "    attempt(lambda: open(place + '/' + W['token'], 'w').write('x'))",
    ),
    "write to numpy and to the worker": (
        TRY + "import numpy\n"
        "for path in (numpy.__file__, sys.modules['worker.cells'].__file__, sys.executable):\n"
        "    if hasattr(attempt(lambda: open(path, 'r+')), 'read'): print('ESCAPED', path)",
    ),
    "chmod, utime, chown, xattr": (
        TRY + "path = W['victim_file']\n"
        "for work in (lambda: os.chmod(path, 0o777), lambda: os.utime(path, (1, 1)), lambda: os.chown(path, 1, 1),\n"
        "             lambda: os.setxattr(path, 'user.x', b'1'), lambda: os.truncate(path, 0),\n"
        "             lambda: os.open(path, os.O_RDONLY | os.O_TRUNC)): attempt(work)",
    ),
    "chmod of an open library file": (
        TRY + "import numpy\nfile = open(numpy.__file__)\n"
        "if attempt(lambda: os.fchmod(file.fileno(), os.fstat(file.fileno()).st_mode & 0o777)) is None: print('ESCAPED')",
    ),
    "symlink and hardlink": (
        TRY + "attempt(lambda: os.symlink('/etc', W['drop'] + '/s'))\n"
        "attempt(lambda: os.link(W['victim_file'], W['drop'] + '/h'))",
    ),
    "rename and unlink": (
        TRY + "attempt(lambda: os.rename(W['victim_file'], W['drop'] + '/r'))\n"
        "attempt(lambda: os.mkdir(W['drop'] + '/m'))",
    ),
    "device nodes": (
        TRY + "for name in ('zero', 'mem', 'kmsg', 'kvm', 'nvidia0', 'nvidiactl', 'fuse', 'full', 'ptmx'):\n"
        "    if isinstance(attempt(lambda: os.open('/dev/' + name, os.O_RDWR)), int): print('ESCAPED', name)",
    ),
    "TCP": (TRY + "import socket\nattempt(lambda: socket.create_connection(W['tcp'], 1))",),
    "UDP": (TRY + "import socket\nattempt(lambda: socket.socket(2, 2).sendto(b'x', W['udp']))",),
    "listen": (
        TRY + "import socket\ndef work():\n    s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen()\n"
        "    print('ESCAPED')\nattempt(work)",
    ),
    "unix socket": (TRY + "import socket\nattempt(lambda: socket.socket(1, 1).connect(W['unix']))",),
    "abstract unix socket": (TRY + "import socket\nattempt(lambda: socket.socket(1, 1).connect('\\0' + W['token']))",),
    "name lookup": (
        TRY
        + "import socket\nif isinstance(attempt(lambda: socket.getaddrinfo('example.com', 80)), list): print('ESCAPED')",
    ),
    "fork": (
        TRY + "import time\nfor _ in range(150):\n    if attempt(os.fork) == 0:\n        time.sleep(4); os._exit(0)",
    ),
    "start a program": (
        TRY + "import subprocess\npath = W['drop'] + '/p'\n"
        "attempt(lambda: subprocess.run(['/bin/touch', path]))\nattempt(lambda: os.system('touch ' + path))\n"
        "attempt(lambda: os.posix_spawn('/bin/touch', ['touch', path], {}))\n"
        "attempt(lambda: os.popen('touch ' + path).read())",
    ),
    "execute": (
        TRY + "attempt(lambda: os.execv(sys.executable, ['python', '-c', 'print(1)']))\n"
        "def work():\n    made = os.memfd_create('x'); print('ESCAPED', made)\nattempt(work)",
    ),
    "execute from memory": (
        TRY + "def work():\n    made = os.memfd_create('x')\n    os.write(made, open('/bin/touch', 'rb').read())\n"
        "    child = attempt(os.fork)\n"
        "    if child == 0 or isinstance(child, str): os.execve(made, ['touch', W['drop'] + '/m'], {})\n"
        "    os.waitpid(child, 0)\nattempt(work)",
    ),
    "plant a module": (
        TRY + "for place in ('.', W['drop']):\n"
        "    attempt(lambda: open(place + '/json.py', 'x').write('print(\"ESCAPED\")'))\n"
        "    sys.path.insert(0, place)\n"
        "for name in [name for name in sys.modules if name.partition('.')[0] == 'json']: del sys.modules[name]\n"
        "import json",
    ),
    "double-fork daemon": (
        TRY
        + "import time\nif attempt(os.fork) == 0:\n    os.setsid()\n    if os.fork() == 0: time.sleep(4)\n    os._exit(0)",
    ),
    "become root": (
        TRY + "for work in (lambda: os.setuid(0), lambda: os.setresuid(0, 0, 0), lambda: os.setgroups([0]),\n"
        "             lambda: os.execv('/usr/bin/su', ['su'])):\n"
        "    if attempt(work) is None: print('ESCAPED')",
    ),
    "kill the victim": (TRY + "import time\nattempt(lambda: os.kill(W['victim'], 9))\ntime.sleep(0.2)",),
    "signal everyone": (
        TRY + "for pid in (os.getppid(), W['host'], 1, 2, 0, -1):\n"
        "    if attempt(lambda: os.kill(pid, 0)) is None: print('ESCAPED', pid)",
    ),
    "have the kernel signal the victim": (
        TRY + "import fcntl, struct\nattempt(lambda: fcntl.fcntl(3, 8, W['victim']))\n"
        "attempt(lambda: fcntl.fcntl(3, 10, 9))\nattempt(lambda: fcntl.fcntl(3, 4, fcntl.fcntl(3, 3) | 0x2000))\n"
        "attempt(lambda: fcntl.ioctl(3, 0x8901, struct.pack('i', W['victim'])))\n"
        "attempt(lambda: fcntl.ioctl(3, 0x5452, struct.pack('i', 1)))\n"
        "def work():\n    r, w = os.pipe()\n    fcntl.fcntl(r, 8, W['victim']); fcntl.fcntl(r, 10, 9)\n"
        "    fcntl.fcntl(r, 4, 0x2000); os.write(w, b'x')\nattempt(work)",
        "import time; time.sleep(0.2)",
    ),
    "renice, pin, limit the victim": (
        TRY + "import resource\nattempt(lambda: os.setpriority(0, W['victim'], 15))\n"
        "attempt(lambda: os.sched_setaffinity(W['victim'], {0}))\n"
        "attempt(lambda: resource.prlimit(W['victim'], resource.RLIMIT_NOFILE, (10, 10)))",
    ),
    "trace": (
        LIBC + "for pid in (W['victim'], W['host'], os.getppid()):\n"
        "    if libc.ptrace(16, pid, 0, 0) == 0: print('ESCAPED')",
    ),
    "read another process's memory": (
        LIBC + "for pid in (W['victim'], W['host'], os.getppid()):\n"
        "    for name in ('mem', 'maps', 'cmdline', 'status'):\n"
        "        got = attempt(lambda: open(f'/proc/{pid}/{name}', 'rb').read(10))\n"
        "        if isinstance(got, bytes): print('ESCAPED', pid, name)\n"
        "    buffer = ctypes.create_string_buffer(8)\n"
        "    vector = (ctypes.c_size_t * 2)(ctypes.addressof(buffer), 8)\n"
        "    if libc.process_vm_readv(pid, vector, 1, vector, 1, 0) > 0: print('ESCAPED', pid)",
    ),
    "list processes": (TRY + "if isinstance(attempt(lambda: os.listdir('/proc')), list): print('ESCAPED')",),
    "namespaces and mounts": (
        LIBC + "for work in (lambda: libc.unshare(0x10000000), lambda: libc.unshare(0x20000),\n"
        "             lambda: libc.mount(b'none', b'/', b'tmpfs', 0, 0), lambda: libc.umount2(b'/usr', 2),\n"
        "             lambda: libc.chroot(b'/usr'), lambda: libc.setns(3, 0), lambda: libc.pivot_root(b'/', b'/')):\n"
        "    if attempt(work) == 0: print('ESCAPED')",
    ),
    "take the parent-death signal back": (
        LIBC + "for option, value in ((1, 0), (4, 1), (36, 1), (38, 0), (47, 2)):\n"
        "    if libc.prctl(option, value, 0, 0, 0) == 0: print('ESCAPED', option)",
    ),
    "clone namespaces as a thread": (
        LIBC + "for flags in (0x10000000 | 17, 0x50000 | 0x10000 | 0x800 | 0x100 | 0x20000, 0x8000 | 17, 17):\n"
        "    call(56 if os.uname().machine == 'x86_64' else 220, ctypes.c_ulong(flags), None, None, None, None)",
    ),
}
CONTROLS = (
    "read /etc/passwd",
    "list and read a private folder",
    "read the project",
    "write to shared places",
    "chmod, utime, chown, xattr",
    "symlink and hardlink",
    "rename and unlink",
    "device nodes",
    "TCP",
    "UDP",
    "listen",
    "unix socket",
    "abstract unix socket",
    "fork",
    "start a program",
    "execute from memory",
    "plant a module",
    "double-fork daemon",
    "kill the victim",
    "have the kernel signal the victim",
    "read another process's memory",
    "list processes",
    "take the parent-death signal back",
)


@pytest.mark.parametrize("name", ATTACKS)
def test_attack_is_contained(name: str, session: Session, attack: Attack) -> None:
    assert attack(session, *ATTACKS[name]) == []


@pytest.mark.parametrize("name", ATTACKS)
def test_attack_is_contained_without_landlock(name: str, lone: Session, attack: Attack) -> None:
    assert attack(lone, *ATTACKS[name]) == []


@pytest.mark.parametrize("name", CONTROLS)
def test_without_walls_the_attack_succeeds(name: str, naked: Sandbox, attack: Attack) -> None:
    with naked.session("control") as session:
        assert attack(session, *ATTACKS[name], patience_s=5) != []


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the numbers are x86-64's")
def test_exotic_system_calls_are_denied(session: Session, attack: Attack) -> None:
    numbers = {
        "io_uring_setup": 425, "bpf": 321, "add_key": 248, "request_key": 249, "keyctl": 250, "userfaultfd": 323,
        "perf_event_open": 298, "memfd_create": 319, "memfd_secret": 447, "open_by_handle_at": 304, "kexec_load": 246,
        "init_module": 175, "pidfd_open": 434, "pidfd_send_signal": 424, "rt_sigqueueinfo": 129, "process_vm_writev": 311,
        "fanotify_init": 300, "inotify_init1": 294, "setxattr": 188, "sethostname": 170, "reboot": 169, "shmget": 29,
        "msgget": 68, "mq_open": 240, "personality": 135, "acct": 163, "swapon": 167, "fsopen": 430, "socketpair": 53,
        "landlock_create_ruleset": 444, "seccomp": 317, "timer_create": 222, "setsid": 112, "modify_ldt": 154,
    }  # fmt: skip
    code = LIBC + f"for number in {sorted(numbers.values())}: call(number, 0, 0, 0, 0, 0, 0)"
    assert attack(session, code) == []


@pytest.mark.skipif(platform.machine() != "x86_64", reason="a 32-bit system call is x86's")
def test_a_32_bit_system_call_kills_the_process(session: Session) -> None:
    # mov eax, 20 (getpid of i386); int 0x80; ret
    code = """
import ctypes, mmap
page = mmap.mmap(-1, 4096, prot=7)
page.write(bytes.fromhex('b814000000cd80c3'))
ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
print('ESCAPED')
"""
    result = session.run(code)
    assert "ESCAPED" not in result.stdout
    assert result.state_lost


def test_file_metadata(sandbox: Sandbox, session: Session, attack: Attack, request: pytest.FixtureRequest) -> None:
    if sandbox.walls is not None and not sandbox.walls.bwrap:
        request.applymarker(
            pytest.mark.xfail(strict=True, reason="documented leak of tier 2: Landlock does not cover stat")
        )
    code = TRY + "if not isinstance(attempt(lambda: os.stat(W['victim_file']).st_size), str): print('ESCAPED')"
    assert attack(session, code) == []
