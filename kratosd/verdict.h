/*
 * What the daemon answers when it does not fail: the named results of logins, accounts and
 * sessions. All but a grant are above 0. kratosd/operation.c maps each but the last two to an error
 * name of the interface.
 */
#pragma once

enum verdict {
        VERDICT_GRANTED = 0,
        VERDICT_UNKNOWN_USER = 1,
        VERDICT_BAD_CREDENTIALS,
        VERDICT_NOT_ALLOWED,
        VERDICT_DISABLED,
        VERDICT_THROTTLED,
        VERDICT_UNAVAILABLE,
        VERDICT_NO_SUCH_LOGIN,
        VERDICT_INVALID,
        VERDICT_PASSWORD_REFUSED, /* the new one, by Kratos's policy */
        VERDICT_CHANGE_DEMANDED,  /* yes, but the password has to be changed first */
        VERDICT_MORE,             /* no verdict yet: something more is asked */
};
