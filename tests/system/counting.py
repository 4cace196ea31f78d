"""How many sessions a person's doings make in Kratos."""

from world.kratos import Identity, Kratos
from world.processes import wait_until

REVOKED_WITHIN = 10.0


def active(kratos: Kratos, person: Identity) -> int:
    return len(kratos.active_sessions(person.id))


def ever(kratos: Kratos, person: Identity) -> int:
    """Those that were revoked are still on record."""
    return len(kratos.sessions(person.id))


def over(kratos: Kratos, person: Identity, *, made: int) -> None:
    """All is revoked, and so many sessions have been."""
    wait_until(lambda: not active(kratos, person), "every session is revoked", REVOKED_WITHIN)
    assert ever(kratos, person) == made
