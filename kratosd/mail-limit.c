#include "mail-limit.h"

#include "seal.h"

static uint64_t host_of(const char *rhost)
{
        return *rhost ? hash_text(rhost) : 0;
}

bool mail_limit_allows(const mail_limit *m, const char *user, const char *rhost, int64_t now)
{
        uint64_t name = hash_text(user), host = host_of(rhost);
        unsigned of_user = 0, of_host = 0, all = 0;

        for (unsigned i = 0; i < MAILS_MAX; i++) {
                if (m->mails[i].sent == 0 || now - m->mails[i].sent >= MAIL_HOUR_USEC)
                        continue;
                all++;
                of_user += m->mails[i].user == name;
                of_host += host && m->mails[i].host == host;
        }
        return of_user < MAILS_PER_USER_MAX && of_host < MAILS_PER_HOST_MAX && all < MAILS_MAX;
}

void mail_limit_count(mail_limit *m, const char *user, const char *rhost, int64_t now)
{
        m->mails[m->next].user = hash_text(user);
        m->mails[m->next].host = host_of(rhost);
        m->mails[m->next].sent = now;
        m->next = (m->next + 1) % MAILS_MAX;
}
