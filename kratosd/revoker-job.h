/*
 * A job of the revoker: a row on its way to its end at Kratos. What revoker.c, which owns the jobs,
 * and revoker-person.c, which goes the way by a person's next token, know of each other. A job is
 * freed when it has ended; its row goes on in the store.
 */
#pragma once

#include <sys/queue.h>

#include "revoker.h"

typedef struct job {
        revoker *revoker;
        session_row row;
        secret *token;  /* of the session itself */
        secret *person; /* another token of the same person, for what waited for one */
        char identity[UUID_LENGTH + 1]; /* whose that is */
        bool stored;                    /* the row's state is on disk */
        bool deleted; /* a session was found and revoked with the person's token */
        kratos_call *call;
        TAILQ_ENTRY(job) jobs;
} job;

TAILQ_HEAD(job_list, job);

struct revoker {
        sd_event_source *timer;
        store *store;
        sealer *sealer;
        kratos *kratos;
        struct job_list running;
        struct job_list unsaved; /* could not be stored, and wait for the next round */
        unsigned n_running;
        unsigned pause_step;
        int64_t pause_until;
        bool tidied;
};

/* Makes a job for a row, which is not under way yet. -ENOMEM. */
int revoker_job_new(revoker *r, const session_row *row, job **ret);

/* Begins it. The revoker owns it from here on. */
void revoker_run_job(job *j);

/* Ends it, whatever became of its row. */
void revoker_end_job(job *j);

/* Ends it with its row: Kratos has confirmed that the session is over, or has never had it. */
void revoker_confirmed(job *j);

/* Likewise, for the session is another row's, which this one's login had renewed. */
void revoker_give_back(job *j);

/* Whether a row has a job already. */
bool revoker_is_running(const revoker *r, const char *id);

/* True once Kratos can have made nothing more of what was posted. */
bool revoker_has_settled(const session_row *row);

/* Goes on with a job that has a person's token. */
void revoker_ask_person(job *j);
