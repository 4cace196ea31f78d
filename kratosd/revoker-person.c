#include <string.h>

#include "revoker-job.h"

static void use_token_after(
        revoker *r, const char *user, const char *identity, const char *after, secret *person);

/* Goes on with the person's next row that waits. One that cannot be ended now hides no other. */
static void end_person_job(job *j, bool gone)
{
        revoker *r = j->revoker;
        session_row row = j->row;
        char identity[UUID_LENGTH + 1];
        secret *person = TAKE_PTR(j->person);

        memcpy(identity, j->identity, sizeof(identity));
        if (gone)
                revoker_confirmed(j);
        else
                revoker_end_job(j);
        use_token_after(r, row.user, identity, row.id, person);
}

static void on_person_looked(int outcome, const char *session, void *userdata);

void revoker_ask_person(job *j)
{
        if (kratos_find_session(j->revoker->kratos, j->person, j->row.id, j->row.session,
                    on_person_looked, j, &j->call) < 0)
                revoker_end_job(j);
}

static void on_person_deleted(int outcome, void *userdata)
{
        job *j = userdata;

        j->call = NULL;
        j->deleted = outcome == KRATOS_OK;
        if (j->deleted)
                revoker_ask_person(j);
        else
                end_person_job(j, false);
}

/* A row that cannot be ended goes on waiting, for another login. */
static void on_person_looked(int outcome, const char *session, void *userdata)
{
        job *j = userdata;

        j->call = NULL;
        /* No list was had with this token: it would be the same for the next row. */
        if (outcome != KRATOS_OK && outcome != KRATOS_NOT_FOUND && outcome != KRATOS_BAD_ANSWER) {
                revoker_end_job(j);
        } else if (outcome == KRATOS_NOT_FOUND) {
                end_person_job(j, j->deleted || j->row.session[0] || revoker_has_settled(&j->row));
        } else if (outcome == KRATOS_OK && strcmp(session, j->row.borrowed) == 0) {
                j->row.session[0] = '\0';
                end_person_job(j, true);
        } else if (outcome == KRATOS_OK && !j->deleted) {
                memcpy(j->row.session, session, UUID_LENGTH + 1);
                if (kratos_delete_session(j->revoker->kratos, j->person, session, on_person_deleted,
                            j, &j->call) < 0)
                        revoker_end_job(j);
        } else {
                end_person_job(j, false);
        }
}

/* Takes the token over. */
static void use_token_after(
        revoker *r, const char *user, const char *identity, const char *after, secret *person)
{
        _cleanup_secret_ secret *token = person;
        char last[ID_LENGTH + 1];
        session_row row;
        job *j;

        snprintf(last, sizeof(last), "%s", after);
        while (store_find_waiting(r->store, user, identity, last, &row) == 0) {
                if (!revoker_is_running(r, row.id)) {
                        if (revoker_job_new(r, &row, &j) < 0)
                                return;
                        j->stored = true;
                        j->person = TAKE_PTR(token);
                        snprintf(j->identity, sizeof(j->identity), "%s", identity);
                        revoker_run_job(j);
                        return;
                }
                memcpy(last, row.id, sizeof(last));
        }
}

void revoker_use_token(revoker *r, const char *user, const char *identity, const secret *token)
{
        session_row row;
        secret *copy;

        if (store_find_waiting(r->store, user, identity, "", &row) == 0 &&
                secret_copy(token, &copy) == 0)
                use_token_after(r, user, identity, "", copy);
}
