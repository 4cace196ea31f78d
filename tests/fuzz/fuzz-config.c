/* The configuration: what is taken from a file is whole and keeps the rules of its transports (rule
 * 30), and what is refused was complained of, at a line that there is. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "common/names.h"
#include "kratosd/config.h"
#include "kratosd/reserved.h"
#include "kratosd/timespan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool truth)
{
        if (!truth)
                abort();
}

typedef struct heard {
        const char *file;
        unsigned lines;
        unsigned mistakes;
} heard;

static void hear(
        const char *file, unsigned line, bool warning, const char *sentence, void *userdata)
{
        heard *h = userdata;

        require(strcmp(file, h->file) == 0 && *sentence && line <= h->lines);
        h->mistakes += !warning;
}

/* A host of the loopback network with a port below 1024, and nothing else before the path. */
static void check_plain(const char *base)
{
        const char *authority = base + strlen("http://");
        size_t length = strcspn(authority, "/"), host = length;
        unsigned port = 80, a, b, c;
        char copy[64], end;

        require(length < sizeof(copy));
        snprintf(copy, sizeof(copy), "%.*s", (int)length, authority);
        if (strrchr(copy, ':') && strrchr(copy, ':') > copy + strcspn(copy, "]")) {
                host = (size_t)(strrchr(copy, ':') - copy);
                require(sscanf(copy + host, ":%u%c", &port, &end) == 1);
        } else if (copy[0] != '[' && strchr(copy, ':')) {
                host = strcspn(copy, ":");
                require(sscanf(copy + host, ":%u%c", &port, &end) == 1);
        }
        copy[host] = '\0';
        require(port < 1024);
        require(strcmp(copy, "localhost") == 0 || strcmp(copy, "[::1]") == 0 ||
                sscanf(copy, "127.%u.%u.%u%c", &a, &b, &c, &end) == 3);
}

static void check_url(const server_url *url)
{
        size_t length = strlen(url->base);

        require(length > 0 && url->base[length - 1] != '/');
        if (url->socket) {
                require(url->socket[0] == '/' && url->socket[1]);
                require(strncmp(url->base, "http://localhost", 16) == 0);
                require(url->base[16] == '\0' || url->base[16] == '/');
        }
        for (const char *p = url->base; *p; p++)
                require((unsigned char)*p > ' ' && *p != 0x7f);
        require(!strpbrk(url->base, "?#"));
        if (url->socket)
                return;
        if (strncmp(url->base, "https://", 8) == 0)
                require(!memchr(url->base + 8, '@', strcspn(url->base + 8, "/")));
        else
                check_plain(url->base);
}

/* Numbers that are nobody else's, and as many as are wanted. (rules 13, 37) */
static void check_numbers(const config *c)
{
        require(c->uid_range.first >= OWN_NUMBER_MIN && c->uid_range.last <= OWN_NUMBER_MAX);
        require(c->uid_range.last >= c->uid_range.first + 65535);
        require(c->n_allow_uids <= CONFIG_RANGES_MAX);
        for (size_t i = 0; i < c->n_allow_uids; i++) {
                require(c->allow_uids[i].first <= c->allow_uids[i].last);
                require(!numbers_are_reserved(c->allow_uids[i].first, c->allow_uids[i].last));
                require(config_number_is_allowed(c, c->allow_uids[i].last));
        }
        require(!config_number_is_allowed(c, 0) && !config_number_is_allowed(c, (uid_t)-1));
}

/* Every pattern is whole: a bracket that is opened is closed. */
static void check_patterns(const word_list *list)
{
        require(list->count <= CONFIG_WORDS_MAX);
        for (size_t i = 0; i < list->count; i++) {
                const char *word = list->words[i];

                require(*word && strlen(word) <= 64);
                require(strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789_.-*?[]!^") ==
                        strlen(word));
                for (; *word; word++)
                        if (*word == '[')
                                require(word = strchr(word, ']'));
        }
}

static void check_rules(const access_rules *rules)
{
        check_patterns(&rules->allow_users);
        check_patterns(&rules->allow_groups);
        check_patterns(&rules->deny_users);
        check_patterns(&rules->deny_groups);
}

static void check_accounts(const config *c)
{
        check_numbers(c);
        check_rules(&c->access);
        for (size_t i = 0; i < c->n_services; i++) {
                check_rules(&c->services[i].rules);
                require(config_service(c, c->services[i].name) == &c->services[i].rules);
        }
        for (size_t i = 0; i < c->n_groups; i++) {
                require(user_name_is_valid(c->groups[i].group));
                require(!name_is_reserved(c->groups[i].group));
                for (size_t j = 0; j < c->groups[i].local_groups.count; j++)
                        require(user_name_is_valid(c->groups[i].local_groups.words[j]));
        }
        require(!c->accounts_all || c->schemas.count > 0);
        require(!c->accounts_all || c->access.allow_users.count + c->access.allow_groups.count > 0);
        require(c->trust_trait_names == (c->user_name != NULL));
        require(!c->user_name || strncmp(c->user_name, "/traits/", 8) == 0);
        require(c->home_prefix[0] == '/' && c->home_prefix[1] && !strchr(c->home_prefix, ':'));
        require(c->shell[0] == '/' && access(c->shell, F_OK) == 0);
        require(c->lookup_timeout_usec > 0 && c->lookup_timeout_usec <= 5 * USEC_PER_SEC);
        require(c->refresh_usec >= USEC_PER_SEC && c->refresh_open_usec >= USEC_PER_SEC);
        require(c->fresh_usec <= c->max_stale_usec);
        require(c->host_name && !strpbrk(c->host_name, "*? /"));
}

static void check(config *c)
{
        _cleanup_free_ char *identifier = NULL;

        require(c->public.count > 0 && c->public.count <= SERVERS_MAX);
        require(c->admin.count <= SERVERS_MAX);
        for (size_t i = 0; i < c->public.count; i++)
                check_url(&c->public.urls[i]);
        for (size_t i = 0; i < c->admin.count; i++)
                check_url(&c->admin.urls[i]);
        require(c->timeout_usec > 0 && c->timeout_usec <= 10 * USEC_PER_SEC);
        require(c->connect_timeout_usec > 0 && c->connect_timeout_usec <= c->timeout_usec);
        require(c->open_timeout_usec > 0);
        require(!c->ca_file || c->ca_file[0] == '/');
        check_accounts(c);
        require(config_identifier(c, "alice", &identifier) == 0 && strstr(identifier, "alice") &&
                !strchr(identifier, '%'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_close_ int fd = memfd_create("kratosd.conf", MFD_CLOEXEC);
        _cleanup_config_ config *c = NULL;
        char path[64];
        heard h = { .file = path, .lines = 1 };
        int r;

        require(fd >= 0 && write(fd, data, size) == (ssize_t)size);
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        /* A line that is too long is read in pieces, and each piece counts. */
        for (size_t i = 0, column = 0; i < size; i++) {
                column = data[i] == '\n' ? 0 : column + 1;
                h.lines += data[i] == '\n' || column % 100 == 0;
        }

        r = config_load(path, hear, &h, &c);
        require(r == 0 || r == -EINVAL);
        require((r == 0) == (h.mistakes == 0) && (r == 0) == (c != NULL));
        if (c)
                check(c);
        return 0;
}
