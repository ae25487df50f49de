"""Grade on the machines of a Dask cluster.

Who reaches a Dask scheduler can run what they like on all of its machines. So what is not on this
machine must speak TLS, where both ends show a certificate; Dask reads which one from its own
configuration.
"""

import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager
from ipaddress import ip_address
from urllib.parse import urlsplit

from distributed import Client
from distributed.scheduler import KilledWorker

from rnnlib.grading import worker
from rnnlib.grading.assignment import Assignment

DEAD = (BrokenExecutor, KilledWorker)  # a worker died under a task, and those that had it next
ENCRYPTED = ("tls", "wss")
WAY_OUT = (
    "use tls:// with certificates in Dask's configuration (distributed.comm.tls), or let all of "
    "them listen on this machine alone (dask scheduler --host 127.0.0.1)"
)


def is_safe(address: str) -> bool:
    """Can nobody else on the network read or change what goes to an address?

    Parameters
    ----------
    address : str

    Returns
    -------
    bool

    Examples
    --------
    >>> [is_safe(a) for a in ("tls://node7:8786", "tcp://[::1]:8786", "127.0.0.1:8786")]
    [True, True, True]
    >>> [is_safe(a) for a in ("tcp://node7:8786", "tcp://0.0.0.0:8786", "10.0.0.1:8786", "node7")]
    [False, False, False, False]
    """
    parts = urlsplit(address if "://" in address else f"tcp://{address}")
    if parts.scheme in ENCRYPTED or parts.hostname == "localhost":
        return True
    try:
        return ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False


def refuse_unsafe(addresses: Iterable[str]) -> None:
    """Raise ValueError if one of the addresses is open to others."""
    for address in addresses:
        if not is_safe(address):
            raise ValueError(
                f"scheduler: got {address}, over which students' results and our commands would "
                f"go for all to read and to change; {WAY_OUT}"
            )


@contextmanager
def connect(address: str) -> Iterator[Client]:
    """A client of a cluster that has a worker.

    Parameters
    ----------
    address : str
        Of the scheduler, such as ``tls://node1:8786``.

    Yields
    ------
    distributed.Client

    Raises
    ------
    ValueError
        If others could listen, or nobody answers.
    """
    refuse_unsafe([address])
    try:
        client = Client(address)
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        raise ValueError(f"scheduler: got {address}, which does not answer: {error}") from None
    with client:
        refuse_unsafe([client.scheduler.addr])
        if not client.nthreads():
            print(f"Waiting for a first worker of {address}.", file=sys.stderr)
            client.wait_for_workers(1)
        yield client


def examine(
    client: Client, assignment: Assignment, folders: tuple[str, ...], unsafe_local: bool
) -> None:
    """See that each worker can grade.

    Parameters
    ----------
    client : distributed.Client
    assignment : Assignment
    folders : tuple of str
        Of the solutions, the releases and what was handed in.
    unsafe_local : bool

    Raises
    ------
    ValueError
        If one cannot; the message says which, why, and what to do.
    """
    found = client.run(worker.obstacle, assignment.name, assignment.digest, folders, unsafe_local)
    refuse_unsafe(found)
    if obstacles := sorted({reason for reason in found.values() if reason}):
        raise ValueError("scheduler: not all of its workers can grade.\n" + "\n".join(obstacles))
