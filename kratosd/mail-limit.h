/*
 * How many codes may be sent to people by mail or message: each makes somebody's telephone ring,
 * and who has a password, or only a name, could have it ring all night. Counted by user and by
 * remote host, in memory, as hashes. A plain value, owned by the logins. (rule 42)
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define MAILS_PER_USER_MAX 5
#define MAILS_PER_HOST_MAX 30
#define MAIL_HOUR_USEC ((int64_t)3600 * 1000000)

/* Of the last hour, for everybody together. */
#define MAILS_MAX 4096

typedef struct mail_limit {
        struct {
                uint64_t user; /* hash_text of either */
                uint64_t host; /* 0: from this host itself */
                int64_t sent;  /* CLOCK_BOOTTIME */
        } mails[MAILS_MAX];
        unsigned next; /* the oldest */
} mail_limit;

/* Whether one more may be sent now. rhost "": the person is at this host. */
bool mail_limit_allows(const mail_limit *m, const char *user, const char *rhost, int64_t now);

/* One was sent. */
void mail_limit_count(mail_limit *m, const char *user, const char *rhost, int64_t now);
