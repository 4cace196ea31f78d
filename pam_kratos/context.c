#include "context.h"

#include <stdio.h>
#include <unistd.h>

#include "names.h"

/* Sets a field from an item. Returns false where the item's value cannot be sent. */
static bool collect(pam_handle_t *pamh, int item, const char **ret)
{
        const void *value = NULL;

        if (pam_get_item(pamh, item, &value) != PAM_SUCCESS || !value)
                return true;
        if (!context_field_is_valid(value))
                return false;
        *ret = value;
        return true;
}

/* A program with the set-user-ID bit is anybody's to run, and says of whom runs it what it likes:
 * polkit's names the person who is asked for. The number is enough, and asks no database. */
static void collect_caller(client_context *context)
{
        uid_t caller = getuid();

        if (geteuid() == 0 && caller != 0)
                snprintf(context->caller, sizeof(context->caller), "%u", caller);
}

const char *context_collect(pam_handle_t *pamh, client_context *ret)
{
        client_context context = {
                /* Whoever is not root can open no session: it is a screen locker. */
                .purpose = geteuid() == 0 ? PURPOSE_LOGIN : PURPOSE_UNLOCK,
        };
        const char *wrong = NULL;

        if (!collect(pamh, PAM_SERVICE, &context.service))
                wrong = "PAM_SERVICE";
        if (!collect(pamh, PAM_TTY, &context.tty))
                wrong = "PAM_TTY";
        if (!collect(pamh, PAM_RHOST, &context.rhost))
                wrong = "PAM_RHOST";
        if (!collect(pamh, PAM_RUSER, &context.ruser))
                wrong = "PAM_RUSER";

        collect_caller(&context);

        *ret = context;
        return wrong;
}
