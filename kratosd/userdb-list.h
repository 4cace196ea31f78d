/*
 * Lists: answers of many replies, to calls that take more than one. A list notes at first what
 * there is to tell, by number or name alone, and then tells it as fast as the caller reads, each
 * entry as the directory knows it at that moment; so whoever reads slowly, or not at all, costs
 * little. A list belongs to its call and ends with it.
 */
#pragma once

#include "directory.h"
#include "varlink.h"

/* What a list is noted in, of one call: entries of users or groups, bytes of memberships. What is
 * above that is not told. */
#define LIST_NUMBERS_MAX 100000
#define LIST_PAIRS_MAX (4 * 1024 * 1024)
/* Entries that are told before others have their turn. */
#define LIST_ENTRIES_PER_ROUND 128

/* Each answers the call: with all users, all groups, or the memberships of a user, of a group, or,
 * where NULL stands for both, all. Where there is nothing to tell, or no way to know, it is the
 * error none or failed, which live for ever as the service's name does. */
typedef struct list_words {
        const char *service;
        const char *none;
        const char *failed;
} list_words;

void list_users(varlink_call *call, directory *d, const list_words *words);
void list_groups(varlink_call *call, directory *d, const list_words *words);
void list_memberships(varlink_call *call, directory *d, const char *user, const char *group,
        const list_words *words);
