#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <ini.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>

#include "common/local-users.h"
#include "common/names.h"
#include "timespan.h"

/* inih cuts a line into pieces of this size, so longer ones are refused here. */
#define LINE_MAX_BYTES 190
#define FILE_MAX_BYTES (64 * 1024)

#define CONNECT_TIMEOUT_USEC (3 * USEC_PER_SEC)
#define OPEN_TIMEOUT_USEC (300 * USEC_PER_SEC)
/* The module waits no longer for an answer (common/interface.h). */
#define TIMEOUT_USEC (10 * USEC_PER_SEC)

/* One file as it is being read. */
typedef struct reader {
        config *config;
        config_complaint complain;
        void *userdata;
        const char *name;
        FILE *file;
        char *text; /* the line last read */
        size_t capacity;
        unsigned line;
        bool pending; /* the line last read must yield a key, and has not yet */
} reader;

__attribute__((format(printf, 3, 4))) static void complain(
        reader *r, bool warning, const char *format, ...)
{
        _cleanup_free_ char *sentence = NULL;
        va_list ap;

        va_start(ap, format);
        if (vasprintf(&sentence, format, ap) < 0)
                sentence = NULL;
        va_end(ap);

        if (!warning)
                r->config->mistakes++;
        r->complain(r->name, r->line, warning, sentence ?: "out of memory", r->userdata);
}

static void mistaken(reader *r, const char *key, const char *value, const char *right)
{
        complain(r, false, "%s=%s: %s", key, value, right);
}

static void set_text(reader *r, char **field, const char *value)
{
        char *copy = NULL;

        if (*value) {
                copy = strdup(value);
                if (!copy)
                        complain(r, false, "out of memory");
        }
        free(*field);
        *field = copy;
}

/* Values of one key add up; an empty one begins anew, as in systemd's files. */
static void set_servers(reader *r, const char *key, const char *value, size_t offset)
{
        server_list *list = (server_list *)((char *)r->config + offset);
        _cleanup_free_ char *copy = strdup(value);
        char *save = NULL;

        if (!copy)
                return complain(r, false, "out of memory");
        if (!*value)
                while (list->count > 0)
                        server_url_done(&list->urls[--list->count]);
        for (char *url = strtok_r(copy, " \t", &save); url; url = strtok_r(NULL, " \t", &save)) {
                const char *why = "out of memory";

                if (list->count == SERVERS_MAX)
                        return mistaken(r, key, url, "at most 8 addresses can be given");
                if (server_url_parse(url, &list->urls[list->count], &why) < 0)
                        mistaken(r, key, url, why);
                else
                        list->count++;
        }
}

static void set_path(reader *r, const char *key, const char *value, size_t offset)
{
        struct stat st;

        if (*value && *value != '/')
                return mistaken(r, key, value, "an absolute path is wanted");
        if (*value && (stat(value, &st) < 0 || !S_ISREG(st.st_mode) || access(value, R_OK) < 0))
                return mistaken(r, key, value, "the file cannot be read, or is none");
        set_text(r, (char **)((char *)r->config + offset), value);
}

static void set_proxy(reader *r, const char *key, const char *value, size_t offset)
{
        if (*value && !proxy_is_valid(value))
                return mistaken(
                        r, key, value, "a proxy is written http://HOST:PORT or https://HOST:PORT");
        set_text(r, (char **)((char *)r->config + offset), value);
}

static void set_user(reader *r, const char *key, const char *value, size_t offset)
{
        uid_t uid = 0;

        if (*value && passwd_find_uid(PASSWD_FILE, value, &uid) < 0)
                return mistaken(r, key, value, "no such user in /etc/passwd");
        r->config->server_uid = uid;
        set_text(r, (char **)((char *)r->config + offset), value);
}

static void set_span(reader *r, const char *key, const char *value, size_t offset)
{
        uint64_t usec;

        if (timespan_parse(value, &usec) < 0 || usec == 0)
                return mistaken(r, key, value, "a span of time is wanted, such as 10s or 5min");
        *(uint64_t *)((char *)r->config + offset) = usec;
}

/* A time for which a login program waits. */
static void set_timeout(reader *r, const char *key, const char *value, size_t offset)
{
        uint64_t usec;

        if (timespan_parse(value, &usec) == 0 && usec > TIMEOUT_USEC)
                return mistaken(r, key, value, "at most 10s: no login program waits longer");
        set_span(r, key, value, offset);
}

static void set_identifier(reader *r, const char *key, const char *value, size_t offset)
{
        const char *percent = strstr(value, "%u");

        if (!percent || strchr(percent + 1, '%') || strchr(value, '%') != percent ||
                !context_field_is_valid(value))
                return mistaken(r, key, value,
                        "a pattern with one %u in at most 64 bytes of ASCII is wanted, such as "
                        "%u@example.org");
        set_text(r, (char **)((char *)r->config + offset), value);
}

static void set_level(reader *r, const char *key, const char *value, size_t offset)
{
        static const struct {
                const char *name;
                int level;
        } levels[] = {
                { "error", LOG_ERR },
                { "warning", LOG_WARNING },
                { "notice", LOG_NOTICE },
                { "info", LOG_INFO },
                { "debug", LOG_DEBUG },
        };

        for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
                if (strcmp(value, levels[i].name) == 0) {
                        *(int *)((char *)r->config + offset) = levels[i].level;
                        return;
                }
        mistaken(r, key, value, "error, warning, notice, info or debug is wanted");
}

static const struct option {
        const char *section;
        const char *key;
        void (*set)(reader *r, const char *key, const char *value, size_t offset);
        size_t offset;
} options[] = {
        { "Kratos", "PublicURL", set_servers, offsetof(config, public) },
        { "Kratos", "AdminURL", set_servers, offsetof(config, admin) },
        { "Kratos", "CAFile", set_path, offsetof(config, ca_file) },
        { "Kratos", "Proxy", set_proxy, offsetof(config, proxy) },
        { "Kratos", "ClientCertificate", set_path, offsetof(config, client_certificate) },
        { "Kratos", "ClientKey", set_path, offsetof(config, client_key) },
        { "Kratos", "ServerUser", set_user, offsetof(config, server_user) },
        { "Kratos", "ConnectTimeoutSec", set_timeout, offsetof(config, connect_timeout_usec) },
        { "Kratos", "TimeoutSec", set_timeout, offsetof(config, timeout_usec) },
        { "Accounts", "Identifier", set_identifier, offsetof(config, identifier) },
        { "Sessions", "OpenTimeoutSec", set_span, offsetof(config, open_timeout_usec) },
        { "Log", "Level", set_level, offsetof(config, log_level) },
};

/* Where a misspelt key would let people in, it is more than a warning. */
static bool section_is_strict(const char *section)
{
        return strcmp(section, "Access") == 0 || strcmp(section, "Service") == 0 ||
               strncmp(section, "Service ", strlen("Service ")) == 0;
}

static int take_key(void *userdata, const char *section, const char *key, const char *value)
{
        reader *r = userdata;

        r->pending = false;
        for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
                if (strcmp(section, options[i].section) == 0 && strcmp(key, options[i].key) == 0) {
                        options[i].set(r, key, value, options[i].offset);
                        return 1;
                }
        complain(r, !section_is_strict(section), "%s=: no such key in [%s]", key, section);
        return 1;
}

static void reader_done(reader *r)
{
        fclosep(&r->file);
        free(r->text);
}

/* Notices what inih passes over in silence, or tells only of the first time. False for a line that
 * inih must not see. */
static bool check_line(reader *r, const char *line, size_t size)
{
        const char *text = line + strspn(line, " \t\r\n");

        if (strlen(line) != size)
                complain(r, false, "the line has a NUL in it");
        else if (size > LINE_MAX_BYTES)
                complain(r, false, "the line is longer than %d bytes", LINE_MAX_BYTES);
        else if (!*text || *text == '#' || *text == ';')
                return true;
        else if (text != line)
                complain(r, false, "the line begins with a space: a value is written on one line");
        else if (*text == '[' && !strchr(text, ']'))
                complain(r, false, "a section is written [NAME]");
        else {
                r->pending = *text != '[';
                return true;
        }
        return false;
}

static void settle_line(reader *r)
{
        if (r->pending)
                complain(r, false, "KEY=VALUE is wanted");
        r->pending = false;
}

/* inih's reader: as fgets, but for whole lines, and it counts them. */
static char *read_line(char *buffer, int size, void *userdata)
{
        reader *r = userdata;
        ssize_t n;

        settle_line(r);
        n = getline(&r->text, &r->capacity, r->file);
        if (n < 0)
                return NULL;
        r->line++;
        snprintf(buffer, (size_t)size, "%s", check_line(r, r->text, (size_t)n) ? r->text : "\n");
        return buffer;
}

/* Opens a file that is one, and not larger than any configuration is. */
static int open_file(reader *r)
{
        struct stat st;

        r->file = fopen(r->name, "re");
        if (!r->file || fstat(fileno(r->file), &st) < 0) {
                int error = errno;

                complain(r, false, "cannot be opened: %s", strerror(error));
                return -error;
        }
        if (!S_ISREG(st.st_mode) || st.st_size > FILE_MAX_BYTES) {
                complain(r, false, "a file of at most %d bytes is wanted", FILE_MAX_BYTES);
                return -EINVAL;
        }
        return 0;
}

static int read_file(const char *name, config *c, config_complaint complaint, void *userdata)
{
        _cleanup_(reader_done) reader r = {
                .config = c, .complain = complaint, .userdata = userdata, .name = name
        };
        int error;

        error = open_file(&r);
        if (error < 0)
                return error;
        /* Its result tells only of lines that are no key and no section: settle_line has told of
         * all. */
        (void)ini_parse_stream(read_line, &r, take_key, &r);
        settle_line(&r);
        if (ferror(r.file)) {
                complain(&r, false, "cannot be read");
                return -EIO;
        }
        return 0;
}

static int is_conf(const struct dirent *entry)
{
        size_t n = strlen(entry->d_name);

        return entry->d_name[0] != '.' && n > 5 && strcmp(entry->d_name + n - 5, ".conf") == 0;
}

static int read_drop_ins(const char *name, config *c, config_complaint complaint, void *userdata)
{
        _cleanup_free_ char *folder = NULL;
        struct dirent **entries = NULL;
        int n, r = 0;

        if (asprintf(&folder, "%s.d", name) < 0)
                return -ENOMEM;
        n = scandir(folder, &entries, is_conf, alphasort);
        if (n < 0 && errno != ENOENT) {
                reader whole = {
                        .config = c, .complain = complaint, .userdata = userdata, .name = folder
                };

                r = -errno;
                complain(&whole, false, "cannot be read: %s", strerror(-r));
        }
        for (int i = 0; i < n; i++) {
                _cleanup_free_ char *path = NULL;
                _cleanup_free_ struct dirent *entry = entries[i];

                if (r == 0 && asprintf(&path, "%s/%s", folder, entry->d_name) < 0)
                        r = -ENOMEM;
                if (r == 0)
                        r = read_file(path, c, complaint, userdata);
        }
        free(entries);
        return r;
}

/* What only the whole can show. */
static void check_whole(const char *file, config *c, config_complaint complaint, void *userdata)
{
        reader r = { .config = c, .complain = complaint, .userdata = userdata, .name = file };

        if (c->public.count == 0)
                complain(&r, false,
                        "PublicURL= in [Kratos] is missing: where is Kratos's public API?");
        /* Unless it was set, it fits. */
        if (c->connect_timeout_usec == 0)
                c->connect_timeout_usec = CONNECT_TIMEOUT_USEC < c->timeout_usec
                                                  ? CONNECT_TIMEOUT_USEC
                                                  : c->timeout_usec;
        if (c->client_key && !c->client_certificate)
                complain(&r, false,
                        "ClientKey= in [Kratos] is of no use without ClientCertificate=");
        if (c->connect_timeout_usec > c->timeout_usec)
                complain(&r, false, "ConnectTimeoutSec= is at most TimeoutSec=");
}

static config *config_new(void)
{
        config *c = calloc(1, sizeof(config));

        if (!c)
                return NULL;
        c->references = 1;
        c->timeout_usec = TIMEOUT_USEC;
        c->open_timeout_usec = OPEN_TIMEOUT_USEC;
        c->log_level = LOG_INFO;
        c->identifier = strdup("%u");
        return c->identifier ? c : config_unref(c);
}

int config_load(const char *file, config_complaint complaint, void *userdata, config **ret)
{
        _cleanup_config_ config *c = config_new();
        int r;

        if (!c)
                return -ENOMEM;
        r = read_file(file, c, complaint, userdata);
        if (r < 0)
                return r;
        r = read_drop_ins(file, c, complaint, userdata);
        if (r < 0)
                return r;
        check_whole(file, c, complaint, userdata);
        if (c->mistakes > 0)
                return -EINVAL;
        *ret = TAKE_PTR(c);
        return 0;
}

config *config_ref(config *c)
{
        c->references++;
        return c;
}

static void server_list_done(server_list *list)
{
        for (size_t i = 0; i < list->count; i++)
                server_url_done(&list->urls[i]);
}

config *config_unref(config *c)
{
        if (!c || --c->references > 0)
                return NULL;
        server_list_done(&c->public);
        server_list_done(&c->admin);
        free(c->ca_file);
        free(c->proxy);
        free(c->client_certificate);
        free(c->client_key);
        free(c->server_user);
        free(c->identifier);
        free(c);
        return NULL;
}

int config_identifier(const config *c, const char *name, char **ret)
{
        const char *percent = strstr(c->identifier, "%u");

        if (asprintf(ret, "%.*s%s%s", (int)(percent - c->identifier), c->identifier, name,
                    percent + 2) < 0)
                return -ENOMEM;
        return 0;
}
