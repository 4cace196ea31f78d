#include "config-accounts.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "common/names.h"
#include "config-values.h"
#include "posix.h"
#include "reserved.h"
#include "timespan.h"

/* People are spread over the range by a hash, and each collision costs a further try. */
#define UID_RANGE_MIN 65536U
/* ls and the shell's prompt wait so long for a name that nobody knows (rule 17). */
#define LOOKUP_TIMEOUT_MAX_USEC (5 * USEC_PER_SEC)
/* Each account is one request to Kratos. */
#define REFRESH_MIN_USEC USEC_PER_SEC
#define PATTERN_MAX 64

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"

void set_accounts(config_reader *r, const char *key, const char *value, void *field)
{
        if (strcmp(value, "documents") != 0 && strcmp(value, "all") != 0)
                return config_mistaken(r, key, value, "documents or all is wanted");
        *(bool *)field = *value == 'a';
}

void set_schemas(config_reader *r, const char *key, const char *value, void *field)
{
        add_words(r, key, value, field, context_field_is_valid,
                "the id of an identity schema is wanted, in at most 64 bytes of ASCII");
}

/* RFC 6901: what follows a tilde is 0 or 1. */
static bool pointer_is_valid(const char *pointer)
{
        static const char traits[] = "/traits/";

        if (!context_field_is_valid(pointer) || strchr(pointer, ' ') ||
                strncmp(pointer, traits, strlen(traits)) != 0 || !pointer[strlen(traits)])
                return false;
        for (const char *tilde = strchr(pointer, '~'); tilde; tilde = strchr(tilde + 1, '~'))
                if (tilde[1] != '0' && tilde[1] != '1')
                        return false;
        return true;
}

void set_pointer(config_reader *r, const char *key, const char *value, void *field)
{
        if (*value && !pointer_is_valid(value))
                return config_mistaken(r, key, value,
                        "a JSON pointer to a trait is wanted, such as /traits/username");
        set_text(r, field, value);
}

/* Letters, digits, '-' and '_', in parts of 1 to 63 bytes with dots between them (RFC 1035 2.3.4);
 * some hosts do have a '_'. */
static bool host_name_is_valid(const char *name)
{
        size_t length = strlen(name);

        if (length > CONFIG_HOST_NAME_MAX)
                return false;
        for (const char *part = name;; part++) {
                size_t n = strcspn(part, ".");

                if (n < 1 || n > 63 || part[0] == '-' || part[n - 1] == '-')
                        return false;
                for (size_t i = 0; i < n; i++)
                        if (!isalnum((unsigned char)part[i]) && part[i] != '-' && part[i] != '_')
                                return false;
                part += n;
                if (!*part)
                        return true;
        }
}

void set_host_name(config_reader *r, const char *key, const char *value, void *field)
{
        if (*value && !host_name_is_valid(value))
                return config_mistaken(r, key, value,
                        "a name is wanted, such as example.org, without a dot at the end");
        set_text(r, field, value);
}

static const char *parse_number(const char *text, uid_t *ret)
{
        char *end;
        unsigned long long number;

        if (!isdigit((unsigned char)*text))
                return NULL;
        errno = 0;
        number = strtoull(text, &end, 10);
        if (errno || number > UINT32_MAX)
                return NULL;
        *ret = (uid_t)number;
        return end;
}

/* FIRST-LAST, or one number alone. */
static bool parse_range(const char *text, number_range *ret)
{
        number_range range = { 0 };
        const char *end = parse_number(text, &range.first);

        if (!end)
                return false;
        range.last = range.first;
        if (*end == '-')
                end = parse_number(end + 1, &range.last);
        if (!end || *end || range.first > range.last)
                return false;
        *ret = range;
        return true;
}

void set_uid_range(config_reader *r, const char *key, const char *value, void *field)
{
        number_range range;

        if (!parse_range(value, &range))
                return config_mistaken(
                        r, key, value, "a range is wanted, such as 1879048192-2147352575");
        if (range.first < OWN_NUMBER_MIN || range.last > OWN_NUMBER_MAX)
                return config_mistaken(r, key, value,
                        "a range within 1879048192-2147352575 is wanted: all other numbers may be "
                        "those of the system, of local people or of containers");
        if (range.last - range.first < UID_RANGE_MIN - 1)
                return config_mistaken(r, key, value,
                        "at least 65536 numbers are wanted: people are spread over them by a hash");
        *(number_range *)field = range;
}

void set_allow_uids(config_reader *r, const char *key, const char *value, void *field)
{
        number_range *ranges = field;
        _cleanup_free_ char *copy = strdup(value);
        char *save = NULL;

        if (!copy)
                return config_complain(r, false, "out of memory");
        if (!*value)
                r->config->n_allow_uids = 0;
        for (char *word = strtok_r(copy, " \t", &save); word; word = strtok_r(NULL, " \t", &save)) {
                number_range range;

                if (!parse_range(word, &range))
                        config_mistaken(r, key, word, "a range is wanted, such as 1000-59999");
                else if (numbers_are_reserved(range.first, range.last))
                        config_mistaken(r, key, word,
                                "0-999, 60001-60577, 61184-65519, 65534, 65535 and all from "
                                "2147352576 up can never be people's");
                else if (r->config->n_allow_uids == CONFIG_RANGES_MAX)
                        return config_mistaken(r, key, word, "at most 32 ranges can be given");
                else
                        ranges[r->config->n_allow_uids++] = range;
        }
}

/* As it can stand in a passwd file, and names one place in one way. */
static bool path_is_plain(const char *path, size_t max)
{
        size_t length = strlen(path);

        if (length < 2 || length > max || path[0] != '/' || path[length - 1] == '/')
                return false;
        for (size_t i = 0; i < length; i++)
                if (path[i] <= ' ' || path[i] > '~' || path[i] == ':')
                        return false;
        for (const char *part = path; *part;) {
                size_t n = strcspn(++part, "/");

                if (n == 0 || (n == 1 && part[0] == '.') || (n == 2 && strncmp(part, "..", 2) == 0))
                        return false;
                part += n;
        }
        return true;
}

void set_home_prefix(config_reader *r, const char *key, const char *value, void *field)
{
        if (!path_is_plain(value, POSIX_PATH_MAX - 1 - USER_NAME_MAX))
                return config_mistaken(r, key, value,
                        "an absolute path is wanted, such as /home: without spaces, :, . and .., "
                        "and without / at the end");
        set_text(r, field, value);
}

void set_shell(config_reader *r, const char *key, const char *value, void *field)
{
        struct stat st;

        if (!path_is_plain(value, POSIX_PATH_MAX))
                return config_mistaken(r, key, value,
                        "the absolute path of a program is wanted, such as /bin/bash");
        if (stat(value, &st) < 0 || !S_ISREG(st.st_mode) || !(st.st_mode & 0111))
                return config_mistaken(r, key, value, "there is no such program");
        set_text(r, field, value);
}

void set_lookup_timeout(config_reader *r, const char *key, const char *value, void *field)
{
        uint64_t usec;

        if (timespan_parse(value, &usec) == 0 && usec > LOOKUP_TIMEOUT_MAX_USEC)
                return config_mistaken(
                        r, key, value, "at most 5s: programs such as ls wait for it");
        set_span(r, key, value, field);
}

void set_refresh(config_reader *r, const char *key, const char *value, void *field)
{
        uint64_t usec;

        if (timespan_parse(value, &usec) == 0 && usec < REFRESH_MIN_USEC)
                return config_mistaken(
                        r, key, value, "at least 1s: Kratos is asked for each account");
        set_span(r, key, value, field);
}

static bool is_name_byte(char c)
{
        return c && strchr(LOWER DIGITS "_.-", c);
}

/* What stands in brackets, after the first of them: where it ends, or NULL where it does not, or
 * has a range that nothing is in. */
static const char *bracket_end(const char *text)
{
        text += *text == '!' || *text == '^';
        do {
                if (!is_name_byte(*text))
                        return NULL;
                if (text[1] == '-' && text[2] != ']') {
                        if (!is_name_byte(text[2]) || text[0] > text[2])
                                return NULL;
                        text += 2;
                }
                text++;
        } while (*text != ']');
        return text;
}

/* A pattern that could match a name. One that never does would be a hole in a list of denials. */
static bool pattern_is_valid(const char *pattern)
{
        if (strlen(pattern) > PATTERN_MAX)
                return false;
        for (; *pattern; pattern++)
                if (*pattern == '[') {
                        pattern = bracket_end(pattern + 1);
                        if (!pattern)
                                return false;
                } else if (!is_name_byte(*pattern) && *pattern != '*' && *pattern != '?')
                        return false;
        return true;
}

void set_patterns(config_reader *r, const char *key, const char *value, void *field)
{
        add_words(r, key, value, field, pattern_is_valid,
                "a name is wanted, or a pattern such as web-* or [a-f]*: at most 64 of a-z, 0-9, "
                "_ . - * ? and [ ]");
}

void set_require_aal(config_reader *r, const char *key, const char *value, void *field)
{
        static const config_choice words[] = {
                { "", REQUIRE_UNSET },
                { "aal1", REQUIRE_AAL1 },
                { "aal2-if-enrolled", REQUIRE_AAL2_ENROLLED },
                { "aal2", REQUIRE_AAL2 },
                { NULL, 0 },
        };
        int meaning;

        if (config_choose(
                    r, key, value, words, "aal1, aal2-if-enrolled or aal2 is wanted", &meaning))
                *(enum require_aal *)field = (enum require_aal)meaning;
}

void set_first_factor(config_reader *r, const char *key, const char *value, void *field)
{
        unsigned factors = 0;

        if (strcmp(value, "password") == 0)
                factors = FIRST_PASSWORD;
        else if (strcmp(value, "code") == 0)
                factors = FIRST_CODE;
        else if (strcmp(value, "password,code") == 0)
                factors = FIRST_PASSWORD | FIRST_CODE;
        else
                return config_mistaken(r, key, value, "password, code or password,code is wanted");
        *(unsigned *)field = factors;
}

static word_list *mapping_of(config_reader *r, const char *group)
{
        config *c = r->config;

        for (size_t i = 0; i < c->n_groups; i++)
                if (strcmp(c->groups[i].group, group) == 0)
                        return &c->groups[i].local_groups;
        if (c->n_groups == CONFIG_GROUPS_MAX) {
                config_complain(r, false, "%s=: at most 256 groups can be given", group);
                return NULL;
        }
        set_text(r, &c->groups[c->n_groups].group, group);
        return c->groups[c->n_groups].group ? &c->groups[c->n_groups++].local_groups : NULL;
}

void take_group(config_reader *r, const char *key, const char *value)
{
        word_list *list;

        if (!user_name_is_valid(key))
                return config_complain(r, false,
                        "%s=: the name of a group is wanted: [a-z_][a-z0-9_.-]{0,31}", key);
        if (name_is_reserved(key))
                return config_complain(r, false,
                        "%s=: the name is reserved, and no group of Kratos's can have it", key);
        list = mapping_of(r, key);
        if (list)
                add_words(r, key, value, list, user_name_is_valid,
                        "the name of a local group is wanted: [a-z_][a-z0-9_.-]{0,31}");
}

/* As a program names itself to PAM, which turns capitals into small letters (pam_start(3)). */
static bool service_name_is_valid(const char *name)
{
        size_t length = strlen(name);

        return length >= 1 && length <= CONFIG_SERVICE_NAME &&
               strspn(name, LOWER DIGITS "_.@+-") == length;
}

service_rules *take_service(config_reader *r, const char *name)
{
        config *c = r->config;

        for (size_t i = 0; i < c->n_services; i++)
                if (strcmp(c->services[i].name, name) == 0)
                        return &c->services[i];
        if (!service_name_is_valid(name)) {
                config_complain(r, false,
                        "[Service %s]: the name of a PAM service is wanted: at most 32 of a-z, 0-9 "
                        "and _ . @ + -",
                        name);
                return NULL;
        }
        if (c->n_services == CONFIG_SERVICES_MAX) {
                config_complain(r, false, "[Service %s]: at most 64 services can be given", name);
                return NULL;
        }
        set_text(r, &c->services[c->n_services].name, name);
        return c->services[c->n_services].name ? &c->services[c->n_services++] : NULL;
}

/* Accounts=all opens the host to whoever has an identity: it must be said who. */
static void check_all(config_reader *r)
{
        const config *c = r->config;

        if (c->accounts_all && c->schemas.count == 0)
                config_complain(r, false,
                        "Accounts=all needs Schemas= in [Accounts]: whose identities are "
                        "accounts?");
        if (c->accounts_all && c->access.allow_users.count + c->access.allow_groups.count == 0)
                config_complain(r, false,
                        "Accounts=all needs AllowUsers= or AllowGroups= in [Access]: who of them "
                        "may "
                        "come in?");
        if (c->accounts_all && !c->trust_trait_names)
                config_complain(r, true,
                        "Accounts=all without TrustTraitNames=yes: an identity without a document "
                        "has no name, and is no account");
}

void check_accounts(config_reader *r)
{
        const config *c = r->config;

        check_all(r);
        if (c->trust_trait_names && !c->user_name)
                config_complain(r, false,
                        "TrustTraitNames=yes needs UserName= in [Accounts]: which trait is the "
                        "name?");
        if (c->user_name && !c->trust_trait_names)
                config_complain(r, false,
                        "UserName= needs TrustTraitNames=yes in [Accounts]: people may be able to "
                        "change their traits");
        if (c->strip_domain && !c->user_name)
                config_complain(r, false,
                        "StripDomain= needs UserName= in [Accounts]: which trait is the address?");
        if (c->fresh_usec > c->max_stale_usec)
                config_complain(r, false, "FreshSec= is at most MaxStaleSec=");
}

int take_system_host_name(config *c)
{
        char name[HOST_NAME_MAX + 1];

        if (c->host_name)
                return 0;
        if (gethostname(name, sizeof(name)) < 0 || !host_name_is_valid(name))
                name[0] = '\0';
        c->host_name = strdup(name);
        return c->host_name ? 0 : -ENOMEM;
}
