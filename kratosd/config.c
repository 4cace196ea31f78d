#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include "config-accounts.h"
#include "config-options.h"
#include "reserved.h"

/* inih cuts a line into pieces of this size, so longer ones are refused here. */
#define LINE_MAX_BYTES 190
#define FILE_MAX_BYTES (64 * 1024)

/* One file as it is being read. */
typedef struct source {
        config_reader reader;
        FILE *file;
        char *text; /* the line last read */
        size_t capacity;
        bool pending; /* the line last read must yield a key, and has not yet */
} source;

void config_complain(config_reader *r, bool warning, const char *format, ...)
{
        _cleanup_free_ char *sentence = NULL;
        va_list ap;

        va_start(ap, format);
        if (vasprintf(&sentence, format, ap) < 0)
                sentence = NULL;
        va_end(ap);

        if (!warning)
                r->config->mistakes++;
        r->complain(r->file, r->line, warning, sentence ?: "out of memory", r->userdata);
}

void config_mistaken(config_reader *r, const char *key, const char *value, const char *right)
{
        config_complain(r, false, "%s=%s: %s", key, value, right);
}

static void source_done(source *s)
{
        fclosep(&s->file);
        free(s->text);
}

/* Notices what inih passes over in silence, or tells only of the first time. False for a line that
 * inih must not see. */
static bool check_line(source *s, const char *line, size_t size)
{
        const char *text = line + strspn(line, " \t\r\n");

        if (strlen(line) != size)
                config_complain(&s->reader, false, "the line has a NUL in it");
        else if (size > LINE_MAX_BYTES)
                config_complain(
                        &s->reader, false, "the line is longer than %d bytes", LINE_MAX_BYTES);
        else if (!*text || *text == '#' || *text == ';')
                return true;
        else if (text != line)
                config_complain(&s->reader, false,
                        "the line begins with a space: a value is written on one line");
        else if (*text == '[' && !strchr(text, ']'))
                config_complain(&s->reader, false, "a section is written [NAME]");
        else {
                s->pending = *text != '[';
                return true;
        }
        return false;
}

static void settle_line(source *s)
{
        if (s->pending)
                config_complain(&s->reader, false, "KEY=VALUE is wanted");
        s->pending = false;
}

/* inih's reader: as fgets, but for whole lines, and it counts them. */
static char *read_line(char *buffer, int size, void *userdata)
{
        source *s = userdata;
        ssize_t n;

        settle_line(s);
        n = getline(&s->text, &s->capacity, s->file);
        if (n < 0)
                return NULL;
        s->reader.line++;
        snprintf(buffer, (size_t)size, "%s", check_line(s, s->text, (size_t)n) ? s->text : "\n");
        return buffer;
}

/* Opens a file that is one, and not larger than any configuration is. */
static int open_file(source *s)
{
        struct stat st;

        s->file = fopen(s->reader.file, "re");
        if (!s->file || fstat(fileno(s->file), &st) < 0) {
                int error = errno;

                config_complain(&s->reader, false, "cannot be opened: %s", strerror(error));
                return -error;
        }
        if (!S_ISREG(st.st_mode) || st.st_size > FILE_MAX_BYTES) {
                config_complain(
                        &s->reader, false, "a file of at most %d bytes is wanted", FILE_MAX_BYTES);
                return -EINVAL;
        }
        return 0;
}

static int take_key(void *userdata, const char *section, const char *key, const char *value)
{
        source *s = userdata;

        s->pending = false;
        config_take(&s->reader, section, key, value);
        return 1;
}

static int read_file(const config_reader *r, const char *name)
{
        _cleanup_(source_done) source s = { .reader = *r };
        int error;

        s.reader.file = name;
        error = open_file(&s);
        if (error < 0)
                return error;
        /* Its result tells only of lines that are no key and no section: settle_line has told of
         * all. */
        (void)ini_parse_stream(read_line, &s, take_key, &s);
        settle_line(&s);
        if (ferror(s.file)) {
                config_complain(&s.reader, false, "cannot be read");
                return -EIO;
        }
        return 0;
}

static int is_conf(const struct dirent *entry)
{
        size_t n = strlen(entry->d_name);

        return entry->d_name[0] != '.' && n > 5 && strcmp(entry->d_name + n - 5, ".conf") == 0;
}

static int read_drop_ins(const config_reader *main)
{
        _cleanup_free_ char *folder = NULL;
        struct dirent **entries = NULL;
        int n, r = 0;

        if (asprintf(&folder, "%s.d", main->file) < 0)
                return -ENOMEM;
        n = scandir(folder, &entries, is_conf, alphasort);
        if (n < 0 && errno != ENOENT) {
                config_reader whole = *main;

                r = -errno;
                whole.file = folder;
                config_complain(&whole, false, "cannot be read: %s", strerror(-r));
        }
        for (int i = 0; i < n; i++) {
                _cleanup_free_ char *path = NULL;
                _cleanup_free_ struct dirent *entry = entries[i];

                if (r == 0 && asprintf(&path, "%s/%s", folder, entry->d_name) < 0)
                        r = -ENOMEM;
                if (r == 0)
                        r = read_file(main, path);
        }
        free(entries);
        return r;
}

static config *config_new(void)
{
        config *c = calloc(1, sizeof(config));

        if (!c)
                return NULL;
        c->references = 1;
        return config_set_defaults(c) < 0 ? config_unref(c) : c;
}

int config_load(const char *file, config_complaint complaint, void *userdata, config **ret)
{
        _cleanup_config_ config *c = config_new();
        config_reader whole = {
                .config = c, .complain = complaint, .userdata = userdata, .file = file
        };
        int r;

        if (!c)
                return -ENOMEM;
        r = read_file(&whole, file);
        if (r < 0)
                return r;
        r = read_drop_ins(&whole);
        if (r < 0)
                return r;
        config_check(&whole);
        if (c->mistakes > 0)
                return -EINVAL;
        r = take_system_host_name(c);
        if (r < 0)
                return r;
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

static void word_list_done(word_list *list)
{
        for (size_t i = 0; i < list->count; i++)
                free(list->words[i]);
        free(list->words);
}

static void access_rules_done(access_rules *rules)
{
        word_list_done(&rules->allow_users);
        word_list_done(&rules->allow_groups);
        word_list_done(&rules->deny_users);
        word_list_done(&rules->deny_groups);
}

static void accounts_done(config *c)
{
        free(c->identifier);
        word_list_done(&c->schemas);
        free(c->user_name);
        free(c->strip_domain);
        free(c->home_prefix);
        free(c->shell);
        for (size_t i = 0; i < c->n_groups; i++) {
                free(c->groups[i].group);
                word_list_done(&c->groups[i].local_groups);
        }
}

static void access_done(config *c)
{
        access_rules_done(&c->access);
        free(c->host_name);
        for (size_t i = 0; i < c->n_services; i++) {
                free(c->services[i].name);
                access_rules_done(&c->services[i].rules);
        }
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
        accounts_done(c);
        access_done(c);
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

bool config_number_is_allowed(const config *c, uid_t number)
{
        if (number_is_reserved(number))
                return false;
        if (number >= c->uid_range.first && number <= c->uid_range.last)
                return true;
        for (size_t i = 0; i < c->n_allow_uids; i++)
                if (number >= c->allow_uids[i].first && number <= c->allow_uids[i].last)
                        return true;
        return false;
}

static const service_rules *find_service(const config *c, const char *service)
{
        for (size_t i = 0; i < c->n_services; i++)
                if (strcasecmp(c->services[i].name, service) == 0)
                        return &c->services[i];
        return NULL;
}

const access_rules *config_service(const config *c, const char *service)
{
        const service_rules *found = find_service(c, service);

        return found ? &found->rules : NULL;
}

login_rules config_login_rules(const config *c, const char *service)
{
        const service_rules *found = find_service(c, service);
        login_rules rules = { 0 };

        if (found)
                rules = found->login;
        if (rules.require_aal == REQUIRE_UNSET)
                rules.require_aal = c->require_aal;
        if (rules.require_aal == REQUIRE_UNSET)
                rules.require_aal = REQUIRE_AAL2_ENROLLED;
        if (!rules.first_factors)
                rules.first_factors = FIRST_PASSWORD;
        return rules;
}

const word_list *config_local_groups(const config *c, const char *group)
{
        for (size_t i = 0; i < c->n_groups; i++)
                if (strcmp(c->groups[i].group, group) == 0)
                        return &c->groups[i].local_groups;
        return NULL;
}
