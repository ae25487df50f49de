"""A seccomp filter, as the bytes of a BPF program: no new process, no call without use here.

    clone with CLONE_THREAD    allowed: threads
    clone without it           EPERM: a process
    clone3                     ENOSYS: its flags lie in memory, so libc falls back to clone
    fork, vfork, ptrace, ...   EPERM

A call of another architecture, whose numbers mean other things, ends the process.
"""

import platform
import struct

ALLOW, KILL, ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
EPERM, ENOSYS = 1, 38
CLONE_THREAD = 0x00010000
LOAD, EQUAL, AT_LEAST, BITS, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
NUMBER, ARCHITECTURE, FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data

# audit architecture, clone, clone3, and the numbers of what is refused
REFUSED = (
    "fork vfork ptrace process_vm_readv process_vm_writev memfd_create memfd_secret shmget msgget "
    "semget mount umount2 pivot_root unshare setns keyctl add_key request_key bpf perf_event_open "
    "userfaultfd io_uring_setup open_by_handle_at kexec_load init_module finit_module fsopen "
    "open_tree move_mount mount_setattr quotactl personality"
).split()
X86_64 = dict(
    zip(
        REFUSED,
        "57 58 101 310 311 319 447 29 68 64 165 166 155 272 308 250 248 249 321 298 "
        "323 425 304 246 175 313 430 428 429 442 179 135".split(),
        strict=True,
    )
)
AARCH64 = dict(
    zip(
        REFUSED,
        "- - 117 270 271 279 447 194 186 190 40 39 41 97 268 219 217 218 280 241 "
        "282 425 265 104 105 273 430 428 429 442 60 92".split(),
        strict=True,
    )
)
MACHINES = {
    "x86_64": (0xC000003E, 56, X86_64),
    "aarch64": (0xC00000B7, 220, AARCH64),
}
CLONE3, X32 = 435, 0x40000000


def no_processes(machine: str = "") -> bytes:
    """The filter for a machine.

    Parameters
    ----------
    machine : str
        As :func:`platform.machine` calls it; by default this one.

    Returns
    -------
    bytes
        What ``bwrap --seccomp`` reads.

    Raises
    ------
    ValueError
        If the machine's numbers are not known here.
    """
    machine = machine or platform.machine()
    if machine not in MACHINES:
        raise ValueError(f"machine: got {machine!r}, expected one of {', '.join(MACHINES)}")
    architecture, clone, refused = MACHINES[machine]
    numbers = [int(number) for number in refused.values() if number != "-"]
    # Each is code, jump if true, jump if false, constant; jumps count from the next instruction.
    program = [
        (LOAD, 0, 0, ARCHITECTURE),
        (EQUAL, 1, 0, architecture),
        (RETURN, 0, 0, KILL),
        (LOAD, 0, 0, NUMBER),
        (AT_LEAST, 0, 1, X32),
        (RETURN, 0, 0, KILL),
        (EQUAL, 0, 1, CLONE3),
        (RETURN, 0, 0, ERRNO | ENOSYS),
        (EQUAL, 0, 4, clone),
        (LOAD, 0, 0, FIRST_ARGUMENT),
        (BITS, 1, 0, CLONE_THREAD),
        (RETURN, 0, 0, ERRNO | EPERM),
        (RETURN, 0, 0, ALLOW),
    ]
    for number in numbers:
        program += [(EQUAL, 0, 1, number), (RETURN, 0, 0, ERRNO | EPERM)]
    program.append((RETURN, 0, 0, ALLOW))
    return b"".join(struct.pack("<HBBI", *instruction) for instruction in program)
