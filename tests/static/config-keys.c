/* config-keys list          says which keys there are: "SECTION KEY", a line each
 * config-keys differ A B    says which of them do not mean the same in the two files
 *
 * Of [Service NAME], the sections of sshd are compared. The table is kratosd's own: hence its
 * source.
 */
#include "kratosd/config-options.c"

#include <stdio.h>
#include <sysexits.h>

#define SERVICE "sshd"

/* One key in one configuration. */
typedef struct place {
        const config *config;
        const char *service; /* NULL where the key is none of a service's */
        const void *field;
} place;

static bool same_text(place a, place b)
{
        const char *x = *(char *const *)a.field, *y = *(char *const *)b.field;

        return x && y ? strcmp(x, y) == 0 : x == y;
}

static bool same_servers(place a, place b)
{
        const server_list *x = a.field, *y = b.field;

        for (size_t i = 0; x->count == y->count && i < x->count; i++)
                if (strcmp(x->urls[i].base, y->urls[i].base) != 0)
                        return false;
        return x->count == y->count;
}

static bool same_words(place a, place b)
{
        const word_list *x = a.field, *y = b.field;

        for (size_t i = 0; x->count == y->count && i < x->count; i++)
                if (strcmp(x->words[i], y->words[i]) != 0)
                        return false;
        return x->count == y->count;
}

static bool same_bool(place a, place b)
{
        return *(const bool *)a.field == *(const bool *)b.field;
}

static bool same_span(place a, place b)
{
        return *(const uint64_t *)a.field == *(const uint64_t *)b.field;
}

static bool same_number(place a, place b)
{
        return *(const unsigned *)a.field == *(const unsigned *)b.field;
}

static bool same_range(place a, place b)
{
        return memcmp(a.field, b.field, sizeof(number_range)) == 0;
}

static bool same_ranges(place a, place b)
{
        return a.config->n_allow_uids == b.config->n_allow_uids &&
               memcmp(a.field, b.field, a.config->n_allow_uids * sizeof(number_range)) == 0;
}

/* What is not set is what it comes to. */
static bool same_level_of_assurance(place a, place b)
{
        return config_login_rules(a.config, a.service ?: "").require_aal ==
               config_login_rules(b.config, b.service ?: "").require_aal;
}

static bool same_factors(place a, place b)
{
        return config_login_rules(a.config, a.service).first_factors ==
               config_login_rules(b.config, b.service).first_factors;
}

static const struct {
        config_setter set;
        bool (*same)(place a, place b);
} kinds[] = {
        { set_servers, same_servers },
        { set_path, same_text },
        { set_proxy, same_text },
        { set_user, same_text },
        { set_identifier, same_text },
        { set_pointer, same_text },
        { set_host_name, same_text },
        { set_home_prefix, same_text },
        { set_shell, same_text },
        { set_span, same_span },
        { set_span_or_none, same_span },
        { set_timeout, same_span },
        { set_lookup_timeout, same_span },
        { set_refresh, same_span },
        { set_bool, same_bool },
        { set_accounts, same_bool },
        { set_schemas, same_words },
        { set_patterns, same_words },
        { set_uid_range, same_range },
        { set_allow_uids, same_ranges },
        { set_require_aal, same_level_of_assurance },
        { set_first_factor, same_factors },
        { set_count, same_number },
        { set_level, same_number },
};

static place find(const config *c, const struct option *o, bool of_service)
{
        static const service_rules none = { 0 };
        place p = { .config = c, .service = of_service ? SERVICE : NULL };
        const void *holder = of_service ? (const void *)&none : c;

        for (size_t i = 0; of_service && i < c->n_services; i++)
                if (strcmp(c->services[i].name, SERVICE) == 0)
                        holder = &c->services[i];
        p.field = (const char *)holder + o->offset;
        return p;
}

static int compare(const config *a, const config *b, const struct option *o, bool of_service)
{
        for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
                if (kinds[i].set == o->set) {
                        if (!kinds[i].same(find(a, o, of_service), find(b, o, of_service)))
                                printf("%s %s\n", o->section, o->key);
                        return EX_OK;
                }
        fprintf(stderr, "%s= in [%s] is of a kind that is not known here\n", o->key, o->section);
        return EX_SOFTWARE;
}

static int list(void)
{
        for (size_t i = 0; i < N_OPTIONS; i++)
                printf("%s %s\n", options[i].section, options[i].key);
        for (size_t i = 0; i < N_SERVICE_OPTIONS; i++)
                printf("%s %s\n", service_options[i].section, service_options[i].key);
        return EX_OK;
}

static int differ(const config *a, const config *b)
{
        int r = EX_OK;

        for (size_t i = 0; i < N_OPTIONS && r == EX_OK; i++)
                r = compare(a, b, &options[i], false);
        for (size_t i = 0; i < N_SERVICE_OPTIONS && r == EX_OK; i++)
                r = compare(a, b, &service_options[i], true);
        return r;
}

static void complain(
        const char *file, unsigned line, bool warning, const char *sentence, void *userdata)
{
        (void)warning;
        (void)userdata;
        fprintf(stderr, "%s:%u: %s\n", file, line, sentence);
}

int main(int argc, char **argv)
{
        _cleanup_config_ config *a = NULL, *b = NULL;

        if (argc == 2 && strcmp(argv[1], "list") == 0)
                return list();
        if (argc != 4 || strcmp(argv[1], "differ") != 0)
                return EX_USAGE;
        if (config_load(argv[2], complain, NULL, &a) < 0 ||
                config_load(argv[3], complain, NULL, &b) < 0)
                return EX_CONFIG;
        return differ(a, b);
}
