#include "config-values.h"

#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>

#include "common/cleanup.h"
#include "common/local-users.h"
#include "common/names.h"
#include "timespan.h"
#include "url.h"

void set_text(config_reader *r, char **field, const char *value)
{
        char *copy = NULL;

        if (*value) {
                copy = strdup(value);
                if (!copy)
                        config_complain(r, false, "out of memory");
        }
        free(*field);
        *field = copy;
}

/* Values of one key add up; an empty one begins anew, as in systemd's files. */
void set_servers(config_reader *r, const char *key, const char *value, void *field)
{
        server_list *list = field;
        _cleanup_free_ char *copy = strdup(value);
        char *save = NULL;

        if (!copy)
                return config_complain(r, false, "out of memory");
        if (!*value)
                while (list->count > 0)
                        server_url_done(&list->urls[--list->count]);
        for (char *url = strtok_r(copy, " \t", &save); url; url = strtok_r(NULL, " \t", &save)) {
                const char *why = "out of memory";

                if (list->count == SERVERS_MAX)
                        return config_mistaken(r, key, url, "at most 8 addresses can be given");
                if (server_url_parse(url, &list->urls[list->count], &why) < 0)
                        config_mistaken(r, key, url, why);
                else
                        list->count++;
        }
}

static bool add_word(word_list *list, const char *word)
{
        _cleanup_free_ char *copy = strdup(word);
        char **words = reallocarray(list->words, list->count + 1, sizeof(char *));

        if (words)
                list->words = words;
        if (!words || !copy)
                return false;
        list->words[list->count++] = TAKE_PTR(copy);
        return true;
}

void add_words(config_reader *r, const char *key, const char *value, word_list *list,
        word_check check, const char *right)
{
        _cleanup_free_ char *copy = strdup(value);
        char *save = NULL;

        if (!copy)
                return config_complain(r, false, "out of memory");
        if (!*value)
                while (list->count > 0)
                        free(list->words[--list->count]);
        for (char *word = strtok_r(copy, " \t", &save); word; word = strtok_r(NULL, " \t", &save)) {
                if (!check(word))
                        config_mistaken(r, key, word, right);
                else if (list->count == CONFIG_WORDS_MAX)
                        return config_mistaken(r, key, word, "at most 256 words can be given");
                else if (!add_word(list, word))
                        return config_complain(r, false, "out of memory");
        }
}

void set_path(config_reader *r, const char *key, const char *value, void *field)
{
        struct stat st;

        if (*value && *value != '/')
                return config_mistaken(r, key, value, "an absolute path is wanted");
        if (*value && (stat(value, &st) < 0 || !S_ISREG(st.st_mode) || access(value, R_OK) < 0))
                return config_mistaken(r, key, value, "the file cannot be read, or is none");
        set_text(r, field, value);
}

void set_proxy(config_reader *r, const char *key, const char *value, void *field)
{
        if (*value && !proxy_is_valid(value))
                return config_mistaken(
                        r, key, value, "a proxy is written http://HOST:PORT or https://HOST:PORT");
        set_text(r, field, value);
}

void set_user(config_reader *r, const char *key, const char *value, void *field)
{
        uid_t uid = 0;

        if (*value && passwd_find_uid(PASSWD_FILE, value, &uid) < 0)
                return config_mistaken(r, key, value, "no such user in /etc/passwd");
        r->config->server_uid = uid;
        set_text(r, field, value);
}

void set_span(config_reader *r, const char *key, const char *value, void *field)
{
        uint64_t usec;

        if (timespan_parse(value, &usec) < 0 || usec == 0)
                return config_mistaken(
                        r, key, value, "a span of time is wanted, such as 10s or 5min");
        *(uint64_t *)field = usec;
}

void set_span_or_none(config_reader *r, const char *key, const char *value, void *field)
{
        uint64_t usec;

        if (timespan_parse(value, &usec) < 0)
                return config_mistaken(
                        r, key, value, "a span of time is wanted, such as 10s or 5min, or 0");
        *(uint64_t *)field = usec;
}

void set_count(config_reader *r, const char *key, const char *value, void *field)
{
        unsigned number = 0;

        for (const char *p = value; *p && number <= CONFIG_COUNT_MAX; p++)
                number = *p >= '0' && *p <= '9' ? number * 10 + (unsigned)(*p - '0') : UINT_MAX;
        if (number < 1 || number > CONFIG_COUNT_MAX)
                return config_mistaken(r, key, value, "a number from 1 to 100 is wanted");
        *(unsigned *)field = number;
}

/* A time for which a login program waits. */
void set_timeout(config_reader *r, const char *key, const char *value, void *field)
{
        uint64_t usec;

        if (timespan_parse(value, &usec) == 0 && usec > TIMEOUT_MAX_USEC)
                return config_mistaken(r, key, value, "at most 10s: no login program waits longer");
        set_span(r, key, value, field);
}

void set_identifier(config_reader *r, const char *key, const char *value, void *field)
{
        const char *percent = strstr(value, "%u");

        if (!percent || strchr(percent + 1, '%') || strchr(value, '%') != percent ||
                !context_field_is_valid(value))
                return config_mistaken(r, key, value,
                        "a pattern with one %u in at most 64 bytes of ASCII is wanted, such as "
                        "%u@example.org");
        set_text(r, field, value);
}

bool config_choose(config_reader *r, const char *key, const char *value,
        const config_choice *choices, const char *right, int *ret)
{
        for (; choices->word; choices++)
                if (strcmp(value, choices->word) == 0) {
                        *ret = choices->meaning;
                        return true;
                }
        config_mistaken(r, key, value, right);
        return false;
}

void set_level(config_reader *r, const char *key, const char *value, void *field)
{
        static const config_choice levels[] = {
                { "error", LOG_ERR },
                { "warning", LOG_WARNING },
                { "notice", LOG_NOTICE },
                { "info", LOG_INFO },
                { "debug", LOG_DEBUG },
                { NULL, 0 },
        };
        int level;

        if (config_choose(r, key, value, levels, "error, warning, notice, info or debug is wanted",
                    &level))
                *(int *)field = level;
}

void set_bool(config_reader *r, const char *key, const char *value, void *field)
{
        static const config_choice words[] = {
                { "yes", true },
                { "no", false },
                { "true", true },
                { "false", false },
                { "on", true },
                { "off", false },
                { "1", true },
                { "0", false },
                { NULL, 0 },
        };
        int truth;

        if (config_choose(r, key, value, words, "yes or no is wanted", &truth))
                *(bool *)field = truth;
}
