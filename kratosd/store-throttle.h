/*
 * What the store keeps for the throttle (throttle.h): how often something failed, per person and
 * place, and when last. Rows are plain values; what they mean is the throttle's business. Each kind
 * of row has a bound of its own, so that many of one kind push out none of another.
 */
#pragma once

#include "store.h"

/* A place is the name or number of a remote host, or a PAM service of this one with a user's name:
 * what stands before them is "name:" or "local:". */
#define THROTTLE_PLACE_MAX (6 + CONTEXT_FIELD_MAX + 1 + CONTEXT_FIELD_MAX)

enum throttle_row_kind {
        THROTTLE_ROW_PLACE = 1,         /* failures of a person at a place */
        THROTTLE_ROW_HOST = 2,          /* of everybody from a remote host */
        THROTTLE_ROW_USER = 3,          /* of a person from all hosts that are not known */
        THROTTLE_ROW_SECOND_FACTOR = 4, /* the last ones of a person, a slot each */
        THROTTLE_ROW_MAIL = 5,          /* the last mails to a person, a slot each */
        THROTTLE_ROW_MAIL_HOST = 6,     /* the last mails for a remote host, a slot each */
        THROTTLE_ROW_KNOWN = 7,         /* a person has come in from a remote host */
        THROTTLE_ROW_UNASKED = 8,       /* Kratos mails codes to a person that nobody asked for */
};

typedef struct throttle_row {
        /* Together these are the row's key; what its kind does not need is "" or 0. */
        enum throttle_row_kind kind;
        char user[USER_NAME_MAX + 1];
        char place[THROTTLE_PLACE_MAX + 1];
        unsigned slot;

        bool invented; /* nobody has that name: the row is in memory alone, and never stored */
        int64_t count;
        int64_t at; /* microseconds since 1970 */
} throttle_row;

/* A failure more counts an hour longer. */
#define THROTTLE_FADE_USEC INT64_C(3600000000)

/* When a row's count has faded: what orders rows by how much depends on them. */
static inline int64_t throttle_row_fades(const throttle_row *row)
{
        return row->at + row->count * THROTTLE_FADE_USEC;
}

/* Fills in count and at. -ENOENT where there is none. */
int store_find_throttle(store *s, throttle_row *row);
int store_put_throttle(store *s, const throttle_row *row);

/* Deletes the rows of a kind that fade first, where there are more than so many. */
int store_trim_throttle(store *s, enum throttle_row_kind kind, unsigned keep);

/* Deletes the oldest ones of a person. */
int store_trim_throttle_user(
        store *s, enum throttle_row_kind kind, const char *user, unsigned keep);
