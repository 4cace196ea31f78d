#include "context.h"

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

        *ret = context;
        return wrong;
}
