/*
 * An account check: PAM's account phase. It asks whether a name of ours may be used here now, which
 * is all that stands between a public key and a shell. What is known of the identity may be
 * [Access] FreshSec= old; else Kratos is asked, and where it does not answer, what is known counts
 * for MaxStaleSec=; where its answer cannot be read, nothing does. A check belongs to whoever began
 * it, until it has called back or is cancelled.
 */
#pragma once

#include "account.h"
#include "verdict.h"

typedef struct account_check account_check;

/* The verdict: 0, with the user's name known to be ours; VERDICT_CHANGE_DEMANDED, likewise, for
 * login programs; VERDICT_UNKNOWN_USER, VERDICT_NOT_ALLOWED, VERDICT_DISABLED, VERDICT_UNAVAILABLE,
 * -errno. The sentence is for the person, or NULL. */
typedef void (*account_checked)(int verdict, const char *sentence, void *userdata);

/* Begins a check, for a login program or for the person itself, whose refusals are not all told: it
 * can ask as often as it likes. The account is what account_find returned for the name. Calls back
 * once, from the loop or before it returns. 0 with the check, or NULL there if it has called back;
 * -ENOMEM. */
int account_check_begin(accounts *a, bool program, const char *name, const local_user *account,
        const char *service, const char *rhost, account_checked done, void *userdata,
        account_check **ret);

account_check *account_check_cancel(account_check *check);
DEFINE_CLEANUP(account_check *, account_check_cancel);

/* Ends all that are under way, as unavailable. */
void account_checks_end(accounts *a);
