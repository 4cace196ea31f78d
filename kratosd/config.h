/*
 * The configuration: /etc/kratosd/kratosd.conf and its drop-ins, read once into a value that never
 * changes and is shared by reference. A reload makes a new one; work that is under way keeps the
 * one with which it began.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/cleanup.h"
#include "url.h"

#define CONFIG_FILE "/etc/kratosd/kratosd.conf"

/* Addresses of one kind; they are tried in order. */
#define SERVERS_MAX 8

typedef struct server_list {
        server_url urls[SERVERS_MAX];
        size_t count;
} server_list;

/* Limits of what the files can hold besides. */
#define CONFIG_WORDS_MAX 256     /* words of one list */
#define CONFIG_RANGES_MAX 32     /* of AllowUIDs= */
#define CONFIG_SERVICES_MAX 64   /* sections [Service NAME] */
#define CONFIG_SERVICE_NAME 32   /* bytes of a PAM service's name */
#define CONFIG_GROUPS_MAX 256    /* keys of [Groups] */
#define CONFIG_COUNT_MAX 100     /* of tries or mails */
#define CONFIG_HOST_NAME_MAX 253 /* bytes of a host name or domain (RFC 1035 2.3.4) */

/* Words in the order in which they were given. */
typedef struct word_list {
        char **words;
        size_t count;
} word_list;

/* Numbers from first to last, inclusive. */
typedef struct number_range {
        uid_t first;
        uid_t last;
} number_range;

/* Who may come in: shell-style patterns of names (kratosd/access.h). */
typedef struct access_rules {
        word_list allow_users;
        word_list allow_groups;
        word_list deny_users;
        word_list deny_groups;
} access_rules;

/* How sure Kratos must be of a person: its authenticator assurance level. */
enum require_aal {
        REQUIRE_UNSET = 0,     /* of a service: as for all */
        REQUIRE_AAL1,          /* what Kratos itself does not refuse */
        REQUIRE_AAL2_ENROLLED, /* a second factor of everybody who has one */
        REQUIRE_AAL2,          /* of everybody */
};

/* With what a login may begin; none: a password. */
enum first_factor {
        FIRST_PASSWORD = 1,
        FIRST_CODE = 2,
};

/* What is asked of a person. */
typedef struct login_rules {
        enum require_aal require_aal;
        unsigned first_factors; /* of enum first_factor */
        bool single_prompt;     /* who asks can do so once */
} login_rules;

/* [Service NAME]: further rules for one PAM service. */
typedef struct service_rules {
        char *name;
        access_rules rules;
        login_rules login;
} service_rules;

/* A key of [Groups]: members of this group of Kratos's are also in these local groups. */
typedef struct group_mapping {
        char *group;
        word_list local_groups;
} group_mapping;

/* [Throttle]: how often may be guessed (kratosd/throttle.h). */
typedef struct throttle_rules {
        bool enabled;            /* Enabled= */
        unsigned free_tries;     /* FreeTries= */
        uint64_t max_delay_usec; /* MaxDelaySec= */
        uint64_t forget_usec;    /* ForgetSec= */
        unsigned second_factor;  /* SecondFactorPerHour= */
        unsigned mails;          /* MailPerHour= */
        unsigned mails_of_host;  /* MailPerHostPerHour= */
} throttle_rules;

typedef struct config {
        unsigned references;
        unsigned mistakes;

        server_list public; /* [Kratos] PublicURL= */
        server_list admin;  /* AdminURL=, may be empty */
        char *ca_file;      /* CAFile=, NULL: the system's */
        char *proxy;        /* Proxy=, NULL: none */
        char *server_user;  /* ServerUser=, NULL: root alone */
        uid_t server_uid;   /* its uid, else 0 */
        /* [Access] RequireAAL=, for services without one; unset: aal2-if-enrolled */
        enum require_aal require_aal;

        /* For the admin API alone. */
        char *client_certificate; /* ClientCertificate=, NULL: none */
        char *client_key;         /* ClientKey=, NULL: the credential, or in the same file */

        uint64_t connect_timeout_usec;
        uint64_t timeout_usec;

        char *identifier;  /* [Accounts] Identifier=: "%u" stands for the name */
        bool accounts_all; /* Accounts=all: also identities without a document */
        word_list schemas; /* Schemas=: the only ones whose identities are accounts; none: any */
        bool trust_trait_names; /* TrustTraitNames= */
        char *user_name;    /* UserName=, a JSON pointer, NULL: names come from documents only */
        char *strip_domain; /* StripDomain=, NULL: the trait is the name itself */
        number_range uid_range; /* UIDRange=, within OWN_NUMBER_MIN to OWN_NUMBER_MAX */
        number_range allow_uids[CONFIG_RANGES_MAX]; /* AllowUIDs=, never with reserved numbers */
        size_t n_allow_uids;
        char *home_prefix; /* HomePrefix=, without a slash at the end */
        char *shell;       /* Shell= */
        bool enumerate;    /* Enumerate= */
        uint64_t lookup_timeout_usec;
        uint64_t refresh_usec;
        uint64_t refresh_open_usec;

        access_rules access;     /* [Access] AllowUsers= and so on */
        uint64_t fresh_usec;     /* FreshSec=, may be 0 */
        uint64_t max_stale_usec; /* MaxStaleSec=, may be 0 */
        char *host_name;         /* HostName=, else the system's; "" where that is none */
        service_rules services[CONFIG_SERVICES_MAX];
        size_t n_services;
        group_mapping groups[CONFIG_GROUPS_MAX];
        size_t n_groups;

        uint64_t open_timeout_usec; /* [Sessions] OpenTimeoutSec= */

        throttle_rules throttle; /* [Throttle] */

        int log_level; /* [Log] Level=, as in syslog(3) */
} config;

/* Hears of each mistake: file, line (0 for the file as a whole), whether it is only a warning, and
 * a sentence that names the key and what would be right. */
typedef void (*config_complaint)(
        const char *file, unsigned line, bool warning, const char *sentence, void *userdata);

/* Reads FILE and then the *.conf files of FILE.d in the order of their names. All mistakes are
 * told, not only the first. Returns -EINVAL if one of them was more than a warning, or -errno
 * (which is told too). */
int config_load(const char *file, config_complaint complain, void *userdata, config **ret);

config *config_ref(config *c);
config *config_unref(config *c);
DEFINE_CLEANUP(config *, config_unref);
#define _cleanup_config_ _cleanup_(config_unrefp)

/* False for a configuration as a package installs it, which does not say where Kratos is: nobody
 * logs in with Kratos then, and nothing else is done. */
static inline bool config_names_kratos(const config *c)
{
        return c->public.count > 0;
}

/* The identifier that is posted for a name: the pattern with each %u replaced. -ENOMEM. */
int config_identifier(const config *c, const char *name, char **ret);

/* True for a number that a document may name: one of UIDRange= or AllowUIDs=, and not reserved. */
bool config_number_is_allowed(const config *c, uid_t number);

/* The rules of [Service NAME] for a PAM service, or NULL where there is no such section. */
const access_rules *config_service(const config *c, const char *service);

/* What is asked of a person at a PAM service; every field is set. */
login_rules config_login_rules(const config *c, const char *service);

/* The local groups that [Groups] gives to members of a group of Kratos's, or NULL. */
const word_list *config_local_groups(const config *c, const char *group);
