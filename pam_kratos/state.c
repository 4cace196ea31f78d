#include "state.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"

#define STATE_NAME "pam_kratos"

static const char *const kinds[] = {
        [SESSION_LOGIN] = "session",
        [SESSION_CHANGE] = "change",
};

/* A name of PAM data that holds a user's session. */
typedef struct session_name {
        char text[sizeof("pam_kratos session of ") + USER_NAME_MAX];
} session_name;

static session_name name_of(enum session_kind kind, const char *user)
{
        session_name name;

        snprintf(name.text, sizeof(name.text), "pam_kratos %s of %s", kinds[kind], user);
        return name;
}

static void state_free(pam_handle_t *pamh, void *data, int status)
{
        (void)pamh;
        (void)status;
        if (!data)
                return;
        explicit_bzero(data, sizeof(state));
        free(data);
}

static void session_free(pam_handle_t *pamh, void *data, int status)
{
        client_session *session = data;

        (void)pamh;
        (void)status;
        if (!session)
                return;
        closep(&session->lifeline);
        free(session);
}

static const void *find(pam_handle_t *pamh, const char *name)
{
        const void *data = NULL;

        return pam_get_data(pamh, name, &data) == PAM_SUCCESS ? data : NULL;
}

state *state_find(pam_handle_t *pamh)
{
        return (state *)find(pamh, STATE_NAME);
}

state *state_get(pam_handle_t *pamh)
{
        state *s = state_find(pamh);

        if (s)
                return s;
        s = calloc(1, sizeof(*s));
        if (s && pam_set_data(pamh, STATE_NAME, s, state_free) != PAM_SUCCESS) {
                free(s);
                return NULL;
        }
        return s;
}

void state_reset(state *s, const char *user, const char *service)
{
        client_peer peer = s->peer;

        explicit_bzero(s, sizeof(*s));
        s->peer = peer;
        snprintf(s->user, sizeof(s->user), "%s", user);
        snprintf(s->service, sizeof(s->service), "%s", service);
}

const client_session *session_find(pam_handle_t *pamh, enum session_kind kind, const char *user)
{
        return find(pamh, name_of(kind, user).text);
}

int session_keep(
        pam_handle_t *pamh, enum session_kind kind, const char *user, const client_session *session)
{
        client_session *kept = malloc(sizeof(*kept));

        if (!kept)
                return -ENOMEM;
        *kept = *session;
        if (pam_set_data(pamh, name_of(kind, user).text, kept, session_free) != PAM_SUCCESS) {
                free(kept);
                return -ENOMEM;
        }
        return 0;
}

void session_drop(pam_handle_t *pamh, enum session_kind kind, const char *user)
{
        if (session_find(pamh, kind, user))
                pam_set_data(pamh, name_of(kind, user).text, NULL, NULL);
}
