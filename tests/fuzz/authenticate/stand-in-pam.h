/*
 * What the module needs of libpam and of the host, as a program, a person and an administrator
 * would have it who do whatever the input says. Included by fuzz-authenticate.c alone.
 */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <security/pam_ext.h>
#include <security/pam_modules.h>
#include <security/pam_modutil.h>

#include "choices.h"
#include "local-users.h"
#include "names.h"
#include "pam_kratos/client.h"
#include "pam_kratos/hand-over.h"
#include "pam_kratos/library.h"
#include "pam_kratos/user-database.h"

extern const client_library kratosd_client;

#define DATA_MAX 8

/* A PAM handle, in the place of libpam's. */
struct pam_handle {
        char user[64];
        char service[80], tty[80];
        char password[600];
        char *environment;
        struct {
                char *name;
                void *data;
                void (*cleanup)(pam_handle_t *pamh, void *data, int status);
        } data[DATA_MAX];
};

int pam_get_user(pam_handle_t *pamh, const char **user, const char *prompt)
{
        (void)prompt;
        *user = pamh->user;
        return PAM_SUCCESS;
}

int pam_get_item(const pam_handle_t *pamh, int item, const void **value)
{
        *value = item == PAM_USER ? pamh->user : item == PAM_SERVICE ? pamh->service : NULL;
        if (item == PAM_TTY && pamh->tty[0])
                *value = pamh->tty;
        return PAM_SUCCESS;
}

static int find_data(const pam_handle_t *pamh, const char *name)
{
        for (int i = 0; i < DATA_MAX; i++)
                if (pamh->data[i].name && strcmp(pamh->data[i].name, name) == 0)
                        return i;
        return -1;
}

int pam_get_data(const pam_handle_t *pamh, const char *name, const void **data)
{
        int i = find_data(pamh, name);

        if (i < 0)
                return PAM_NO_MODULE_DATA;
        *data = pamh->data[i].data;
        return PAM_SUCCESS;
}

int pam_set_data(pam_handle_t *pamh, const char *name, void *data,
        void (*cleanup)(pam_handle_t *pamh, void *data, int status))
{
        int i = find_data(pamh, name);

        if (choose(64) == 63)
                return PAM_BUF_ERR;
        if (i >= 0 && pamh->data[i].cleanup)
                pamh->data[i].cleanup(pamh, pamh->data[i].data, PAM_DATA_REPLACE);
        for (int j = 0; i < 0; j++)
                if (!pamh->data[j].name) {
                        i = j;
                        pamh->data[i].name = strdup(name);
                }
        pamh->data[i].data = data;
        pamh->data[i].cleanup = cleanup;
        return PAM_SUCCESS;
}

/* The person's answer, or another end of the conversation. */
static int converse(pam_handle_t *pamh, char **ret)
{
        char text[1200];

        seen.prompts++;
        switch (choose(12)) {
        case 9:
                return PAM_CONV_ERR;
        case 10:
                *ret = NULL;
                return PAM_SUCCESS;
        case 11:
                strncpy(pamh->user, "bob", sizeof(pamh->user));
                break;
        default:
                break;
        }
        choose_text(text, sizeof(text));
        *ret = strdup(text);
        return PAM_SUCCESS;
}

int pam_get_authtok(pam_handle_t *pamh, int item, const char **text, const char *prompt)
{
        char *answer = NULL;
        int r;

        require(item == PAM_AUTHTOK && prompt && strlen(prompt) <= PROMPT_TEXT_MAX);
        if (choose(16) == 15)
                return PAM_AUTH_ERR;
        r = converse(pamh, &answer);
        strncpy(pamh->password, answer ? answer : "", sizeof(pamh->password) - 1);
        *text = answer ? pamh->password : NULL;
        free(answer);
        return r;
}

int pam_prompt(pam_handle_t *pamh, int style, char **response, const char *format, ...)
{
        va_list arguments;
        const char *text;

        require(strcmp(format, "%s") == 0);
        va_start(arguments, format);
        text = va_arg(arguments, const char *);
        va_end(arguments);
        require(strlen(text) <= PROMPT_TEXT_MAX);
        for (const char *p = text; *p; p++)
                require((unsigned char)*p >= ' ' && *p != 0x7f);
        if (style != PAM_PROMPT_ECHO_OFF && style != PAM_PROMPT_ECHO_ON)
                return PAM_SUCCESS;
        return converse(pamh, response);
}

int pam_putenv(pam_handle_t *pamh, const char *setting)
{
        free(pamh->environment);
        pamh->environment = strchr(setting, '=') ? strdup(setting) : NULL;
        return PAM_SUCCESS;
}

const char *pam_getenv(pam_handle_t *pamh, const char *name)
{
        require(strcmp(name, LOGIN_ID_VARIABLE) == 0);
        return pamh->environment ? strchr(pamh->environment, '=') + 1 : NULL;
}

int pam_fail_delay(pam_handle_t *pamh, unsigned usec)
{
        (void)pamh;
        require(usec == 2000000);
        return PAM_SUCCESS;
}

void pam_syslog(const pam_handle_t *pamh, int priority, const char *format, ...)
{
        char line[4096];
        va_list arguments;

        (void)pamh;
        (void)priority;
        va_start(arguments, format);
        require(vsnprintf(line, sizeof(line), format, arguments) < 1100);
        va_end(arguments);
        for (const char *p = line; *p; p++)
                require((unsigned char)*p >= ' ' && *p != 0x7f);
}

struct passwd *pam_modutil_getpwnam(pam_handle_t *pamh, const char *user)
{
        static struct passwd found = { .pw_dir = (char *)"/nonexistent" };

        (void)pamh;
        (void)user;
        found.pw_uid = seen.root_elsewhere ? 0 : 5001;
        return seen.known_elsewhere ? &found : NULL;
}

/* kratosd's user database. */
int user_database_ask(const char *user, uint64_t *left_usec)
{
        unsigned answer = choose(4);

        (void)user;
        (void)left_usec;
        if (answer >= 2)
                return answer == 2 ? USER_DATABASE_IN_DOUBT : -EPERM;
        seen.disowned++;
        return answer == 0 ? USER_DATABASE_UNKNOWN : USER_DATABASE_GONE;
}

const char *local_users_describe(int error)
{
        (void)error;
        return "of no use";
}

/* The user's place in the local files. */
int local_user_find(const char *list, const char *passwd, const char *name, local_user *ret)
{
        (void)list;
        (void)passwd;
        (void)name;
        switch (seen.standing) {
        case LISTED:
        case LISTED_FALLBACK:
                *ret = (local_user){ .uid = 2001, .fallback = seen.standing == LISTED_FALLBACK };
                return LOCAL_USER_LISTED;
        case ABSENT:
                return LOCAL_USER_ABSENT;
        case UNLISTED:
                return LOCAL_USER_UNLISTED;
        case BROKEN:
                return -EBADMSG;
        default:
                return -EPERM;
        }
}

/* The way of an answer to the daemon where the program is not root's. */
int hand_over(const char *login, int secret_fd)
{
        static const int errors[] = { -ENOENT, -EPERM, -EIO, -ENOMEM };

        require(id_is_valid(login) && fcntl(secret_fd, F_GET_SEALS) >= 0);
        return choose(8) == 7 ? errors[choose(4)] : 0;
}

int library_open(library *l)
{
        if (choose(64) == 63) {
                seen.no_library = true;
                return -ELIBACC;
        }
        l->methods = &kratosd_client;
        return 0;
}

void library_close(library *l)
{
        l->methods = NULL;
}
