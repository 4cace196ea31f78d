/*
 * Numbers: the uid of each identity and the gid of each group. Unless an administrator names one,
 * it follows from the identity's id or the group's name alone, so that hosts that never speak agree
 * on it; only where two fall on one number does the later one get the next try. What was given once
 * is in the store for ever: never another's, never changed (rule 1).
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "store-accounts.h"

enum number_result {
        NUMBER_GIVEN = 0,
        NUMBER_TAKEN = 1,   /* by another owner */
        NUMBER_CHANGED = 2, /* its owner has another already */
        NUMBER_NONE = 3,    /* too many tries: the range is as good as full */
};

/* Tries for one owner: with a range that is half full, one in 2^64 would not suffice. */
#define NUMBER_TRIES_MAX 64

/* Which numbers may be given out, besides those that are taken. 1, 0, -errno. */
typedef int (*number_is_free)(uid_t number, void *userdata);

/* The number of an owner (store-accounts.h): the one it has, or a new one from first to last,
 * inclusive, which is stored. NUMBER_GIVEN, NUMBER_NONE, -errno. */
int number_find(store *s, const char *owner, uid_t first, uid_t last, number_is_free is_free,
        void *userdata, uid_t *ret);

/* Gives an owner the very number that an administrator named. NUMBER_GIVEN, NUMBER_TAKEN,
 * NUMBER_CHANGED, -errno. */
int number_claim(store *s, const char *owner, uid_t number);

/* The number on which an owner falls with a try (0, 1 …). */
uid_t number_of(const char *owner, unsigned attempt, uid_t first, uid_t last);
