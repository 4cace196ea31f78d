/*
 * A person who logs in through PAM, as a login program would let them: one handle, a conversation
 * that answers every hidden prompt with the password, but the later ones with the code if there is
 * one, after some time of typing, and the times of it. A plain value of whoever holds it;
 * person_end ends the handle and with it the value.
 */
#pragma once

#include <stdbool.h>

#include <security/pam_appl.h>

typedef struct person {
        const char *user, *password, *code;
        unsigned typing_ms;
        unsigned answers; /* given in this call */
        pam_handle_t *handle;
        double typed_us; /* spent in the conversation */
        double entered;  /* when the last answer was given */
} person;

/* Begins a transaction with a PAM service. */
bool person_begin(person *p, const char *service);

/* Authenticates; true for PAM_SUCCESS. The times are then those of this call. Whatever else it is
 * goes to stderr, for nobody else tells it here. */
bool person_authenticate(person *p);

/* Opens the session and closes it again. */
bool person_visit(person *p);

void person_end(person *p);
