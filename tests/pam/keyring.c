/* A module as those of gnome-keyring and kwallet are: in the auth phase, or when the password is
 * changed, it takes what stands in PAM_AUTHTOK, keeps it with the handle, and uses it in the
 * session phase, where PAM itself has it no more. This one writes it to the file of its argument.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <security/pam_modules.h>

#define NAME "keyring"

static void forget(pam_handle_t *pamh, void *data, int status)
{
        (void)pamh;
        (void)status;
        free(data);
}

static int say(const char *path, const char *what, const void *password)
{
        FILE *file = fopen(path, "a");

        if (!file)
                return PAM_SYSTEM_ERR;
        fprintf(file, "%s: %s\n", what, password ? (const char *)password : "none");
        fclose(file);
        return PAM_SUCCESS;
}

int pam_sm_authenticate(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
        const void *password = NULL;

        (void)flags;
        (void)argc;
        pam_get_item(pamh, PAM_AUTHTOK, &password);
        if (password)
                pam_set_data(pamh, NAME, strdup(password), forget);
        return say(argv[0], "auth", password);
}

int pam_sm_setcred(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
        (void)pamh;
        (void)flags;
        (void)argc;
        (void)argv;
        return PAM_SUCCESS;
}

int pam_sm_open_session(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
        const void *password = NULL;

        (void)flags;
        (void)argc;
        pam_get_data(pamh, NAME, &password);
        return say(argv[0], "session", password);
}

int pam_sm_close_session(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
        return pam_sm_setcred(pamh, flags, argc, argv);
}

int pam_sm_chauthtok(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
        const void *old = NULL, *new = NULL;

        (void)argc;
        if (flags & PAM_PRELIM_CHECK)
                return PAM_SUCCESS;
        pam_get_item(pamh, PAM_OLDAUTHTOK, &old);
        pam_get_item(pamh, PAM_AUTHTOK, &new);
        return say(argv[0], "old", old) == PAM_SUCCESS ? say(argv[0], "new", new) : PAM_SYSTEM_ERR;
}
