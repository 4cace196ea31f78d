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

typedef struct config {
        unsigned references;
        unsigned mistakes;

        server_list public; /* [Kratos] PublicURL= */
        server_list admin;  /* AdminURL=, may be empty */
        char *ca_file;      /* CAFile=, NULL: the system's */
        char *proxy;        /* Proxy=, NULL: none */
        char *server_user;  /* ServerUser=, NULL: root alone */
        uid_t server_uid;   /* its uid, else 0 */

        /* For the admin API alone. */
        char *client_certificate; /* ClientCertificate=, NULL: none */
        char *client_key;         /* ClientKey=, NULL: the credential, or in the same file */

        uint64_t connect_timeout_usec;
        uint64_t timeout_usec;
        char *identifier;           /* [Accounts] Identifier=: "%u" stands for the name */
        uint64_t open_timeout_usec; /* [Sessions] OpenTimeoutSec= */
        int log_level;              /* [Log] Level=, as in syslog(3) */
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

/* The identifier that is posted for a name: the pattern with each %u replaced. -ENOMEM. */
int config_identifier(const config *c, const char *name, char **ret);
