#include "access.h"

#include <fnmatch.h>
#include <string.h>

#include "common/words.h"
#include "verdict.h"

#define HOST_SENTENCE N_("You may not log in to this host; its administrator can change that.")
#define PLACE_SENTENCE N_("Your account is not meant for this host or service; ask who manages it.")
#define EARLY_SENTENCE N_("Your account is not valid yet.")
#define LATE_SENTENCE N_("Your account has expired; ask who manages it.")

/* A way to be refused. The sentences do not tell which rule it was: that is in the journal. */
typedef struct refusal {
        int verdict;
        const char *reason;
        const char *sentence;
} refusal;

static const refusal not_yet_valid = { VERDICT_DISABLED, "not-yet-valid", EARLY_SENTENCE };
static const refusal expired = { VERDICT_DISABLED, "expired", LATE_SENTENCE };
static const refusal denied_user = { VERDICT_NOT_ALLOWED, "denied-user", HOST_SENTENCE };
static const refusal denied_group = { VERDICT_NOT_ALLOWED, "denied-group", HOST_SENTENCE };
static const refusal not_in_list = { VERDICT_NOT_ALLOWED, "not-in-allow-list", HOST_SENTENCE };
static const refusal host_not_allowed = { VERDICT_NOT_ALLOWED, "host-not-allowed", PLACE_SENTENCE };
static const refusal service_not_allowed = { VERDICT_NOT_ALLOWED, "service-not-allowed",
        PLACE_SENTENCE };

static bool matches(char *const *patterns, size_t count, const char *text, int flags)
{
        for (size_t i = 0; i < count; i++)
                if (fnmatch(patterns[i], text, flags) == 0)
                        return true;
        return false;
}

static bool names_user(const word_list *list, const access_request *request)
{
        return matches(list->words, list->count, request->user, 0);
}

static bool names_group(const word_list *list, const access_request *request)
{
        for (size_t i = 0; i < request->n_groups; i++)
                if (matches(list->words, list->count, request->groups[i], 0))
                        return true;
        return false;
}

static const refusal *check_rules(const access_rules *rules, const access_request *request)
{
        if (names_user(&rules->deny_users, request))
                return &denied_user;
        if (names_group(&rules->deny_groups, request))
                return &denied_group;
        if (rules->allow_users.count + rules->allow_groups.count > 0 &&
                !names_user(&rules->allow_users, request) &&
                !names_group(&rules->allow_groups, request))
                return &not_in_list;
        return NULL;
}

static bool names_host(const posix_list *hosts, const char *host)
{
        char label[CONFIG_HOST_NAME_MAX + 1];

        snprintf(label, sizeof(label), "%.*s", (int)strcspn(host, "."), host);
        return matches(hosts->words, hosts->count, host, FNM_CASEFOLD) ||
               matches(hosts->words, hosts->count, label, FNM_CASEFOLD);
}

static const refusal *check_dates(const posix *document, int64_t now)
{
        if (now < document->not_before)
                return &not_yet_valid;
        return now >= document->not_after ? &expired : NULL;
}

static const refusal *check_places(const posix *document, const access_request *request)
{
        if (document->has_hosts && !names_host(&document->hosts, request->host))
                return &host_not_allowed;
        if (document->has_services && !matches(document->services.words, document->services.count,
                                              request->service, FNM_CASEFOLD))
                return &service_not_allowed;
        return NULL;
}

static const refusal *check(const config *c, const access_request *request)
{
        const access_rules *service = config_service(c, request->service);
        const refusal *found = NULL;

        if (request->document)
                found = check_dates(request->document, request->now);
        if (!found)
                found = check_rules(&c->access, request);
        if (!found && service)
                found = check_rules(service, request);
        if (!found && request->document)
                found = check_places(request->document, request);
        return found;
}

int access_check(const config *c, const access_request *request, const char **ret_reason,
        const char **ret_sentence)
{
        const refusal *found = check(c, request);

        if (!found)
                return 0;
        *ret_reason = found->reason;
        *ret_sentence = found->sentence;
        return found->verdict;
}

int access_check_user(const config *c, const char *user, const posix *document, const char *service,
        int64_t now, const char **ret_reason, const char **ret_sentence)
{
        const char *groups[POSIX_GROUPS_MAX];
        access_request request = { .user = user,
                .groups = groups,
                .n_groups = document ? document->n_groups : 0,
                .document = document,
                .service = service,
                .host = c->host_name,
                .now = now };

        for (size_t i = 0; i < request.n_groups; i++)
                groups[i] = document->groups[i].name;
        return access_check(c, &request, ret_reason, ret_sentence);
}
