"""A hundred thousand identities at Kratos, in twenty seconds.

Kratos itself takes 3 ms of a processor for each, however many are made by one request. So it makes
the first alone, and PostgreSQL makes the rest of the very rows that Kratos has written for that one.
"""

import csv
import io
import json

from people import Person

from world.kratos import Kratos
from world.postgres import Postgres

# Who has the first's rows, with these values of their own in them.
MULTIPLY = r"""
CREATE TEMPORARY TABLE person (id uuid, name text, traits jsonb, metadata_public jsonb,
    credential uuid DEFAULT gen_random_uuid());
COPY person (id, name, traits, metadata_public) FROM STDIN (FORMAT csv);
{people}\.
INSERT INTO identities SELECT made.* FROM identities AS first, person,
    jsonb_populate_record(first, jsonb_build_object('id', person.id, 'traits', person.traits,
        'metadata_public', person.metadata_public)) AS made
    WHERE first.id = '{first}';
INSERT INTO identity_credentials SELECT made.* FROM identity_credentials AS first, person,
    jsonb_populate_record(first, jsonb_build_object('id', credential, 'identity_id', person.id)) AS made
    WHERE first.identity_id = '{first}';
INSERT INTO identity_credential_identifiers SELECT made.* FROM identity_credential_identifiers AS first
    JOIN identity_credentials AS theirs ON theirs.id = first.identity_credential_id, person,
    jsonb_populate_record(first, jsonb_build_object('id', gen_random_uuid(), 'identifier', name,
        'identity_credential_id', credential)) AS made
    WHERE theirs.identity_id = '{first}';
-- As autovacuum would in a minute: without it, PostgreSQL plans for a few rows.
ANALYZE identities, identity_credentials, identity_credential_identifiers;
"""


def _rows(people: list[Person]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for one in people:
        identity = one.identity()
        public = json.dumps(identity["metadata_public"])
        writer.writerow([one.id, one.name, json.dumps(identity["traits"]), public])
    return text.getvalue()


def _told(kratos: Kratos, one: Person) -> str:
    """What Kratos says of somebody whom it has found by name, with what is only theirs left out."""
    path = f"/admin/identities?credentials_identifier={one.name}"
    found = kratos.admin("GET", path).body
    assert [identity["id"] for identity in found] == [one.id], found
    told = json.dumps([found, kratos.identity(one.id)])
    for own in one.id, one.name, str(one.uid):
        told = told.replace(own, "theirs")
    return told


def create_identities(kratos: Kratos, postgres: Postgres, database: str, people: list[Person]) -> None:
    """Makes them identities of Kratos's, without passwords."""
    first, *rest = people
    public = first.identity()["metadata_public"]
    first.id = kratos.create_identity(first.name, metadata_public=public).id
    postgres.script(MULTIPLY.format(people=_rows(rest), first=first.id), database)
    assert _told(kratos, first) == _told(kratos, rest[-1])
