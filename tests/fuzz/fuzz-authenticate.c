/*
 * A whole login against a daemon, a person and a program that do whatever the input says.
 *
 * The module is the real one, from pam_sm_authenticate to pam_sm_close_session, with the client's
 * reading of answers. What stands around it is below: libpam's part, the user's place in
 * local-users, and a connection whose answers are built from the input. The input is read as a
 * sequence of choices, and where it ends all further choices are 0, which is a plain login.
 *
 * Whatever the input: success only after an answer that says "granted", never PAM_IGNORE for a user
 * that is ours, never on to the next module save as the rules allow, and nothing is left open.
 */
#include "authenticate/stand-in-connection.h"
#include "authenticate/stand-in-pam.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check_authenticated(int r)
{
        require(r != PAM_IGNORE);
        if (r == PAM_SUCCESS) {
                require(seen.granted && seen.prompts > 0);
                require(seen.standing <= ABSENT);
                require(seen.standing != ABSENT || !seen.known_elsewhere || !seen.root_elsewhere);
        }
        if (r == PAM_USER_UNKNOWN && seen.standing == LISTED)
                abort();
        if (r == PAM_USER_UNKNOWN && seen.standing == LISTED_FALLBACK)
                require(seen.unavailable);
        if (r == PAM_USER_UNKNOWN && seen.standing == ABSENT)
                require(!seen.begun &&
                        (seen.unknown || ((seen.unavailable || seen.no_library) &&
                                                 seen.known_elsewhere && seen.disowned >= 2)));
        if (seen.standing == UNLISTED || seen.standing == DISTRUSTED)
                require(r == PAM_USER_UNKNOWN && seen.calls == 0);
        if (seen.standing == BROKEN)
                require(r == PAM_SYSTEM_ERR && seen.calls == 0);
}

static void log_in(pam_handle_t *pamh)
{
        static const char *arguments[] = { "login-id=env", "use_first_pass", "mistyped=1" };
        int argc = (int)choose(4), r;
        bool authenticated, denied;

        seen.granted = seen.account_ok = seen.opened = seen.unknown = seen.unavailable = false;
        seen.begun = seen.refusing = seen.no_library = false;
        seen.prompts = seen.calls = seen.disowned = 0;
        r = pam_sm_authenticate(pamh, 0, argc, arguments);
        check_authenticated(r);
        require(argc < 3 || r != PAM_SUCCESS);
        authenticated = r == PAM_SUCCESS && strcmp(pamh->user, "alice") == 0;

        r = pam_sm_acct_mgmt(pamh, choose(2) ? PAM_SILENT : 0, argc, arguments);
        require(r != PAM_IGNORE);
        if (r == PAM_SUCCESS || r == PAM_NEW_AUTHTOK_REQD)
                require(seen.account_ok);
        if (authenticated && seen.standing != LISTED_FALLBACK)
                require(r != PAM_USER_UNKNOWN);
        denied = r != PAM_SUCCESS && r != PAM_NEW_AUTHTOK_REQD && r != PAM_USER_UNKNOWN;
        r = pam_sm_setcred(pamh, PAM_ESTABLISH_CRED, argc, arguments);
        require(!authenticated || r == PAM_SUCCESS);
        if (choose(4) == 3)
                return;
        r = pam_sm_open_session(pamh, 0, argc, arguments);
        require(!pamh->environment);
        /* A program that goes on in spite of a denial opens nothing that was granted. */
        require(!denied || !seen.opened);
        if (authenticated)
                require(r != PAM_IGNORE && (r != PAM_SUCCESS || seen.opened || denied));
        if (choose(4) != 3)
                (void)pam_sm_close_session(pamh, 0, argc, arguments);
}

/* Frees a handle as pam_end does. */
static void end(pam_handle_t *pamh)
{
        for (int i = 0; i < DATA_MAX; i++) {
                if (pamh->data[i].cleanup)
                        pamh->data[i].cleanup(pamh, pamh->data[i].data, PAM_SUCCESS);
                free(pamh->data[i].name);
        }
        free(pamh->environment);
}

/* The lowest descriptor that is free, by which a leak shows. */
static int lowest_fd(void)
{
        int fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);

        close(fd);
        return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
        struct pam_handle handle = { .user = "alice", .service = "fuzz" };
        int before;

        input = bytes;
        input_left = size;
        memset(&seen, 0, sizeof(seen));
        (void)paper_bus();
        before = lowest_fd();

        seen.standing = choose(8) < STANDINGS ? choose(STANDINGS) : LISTED;
        seen.known_elsewhere = choose(2);
        seen.root_elsewhere = choose(4) == 3;
        if (choose(8) == 7)
                choose_text(handle.tty, sizeof(handle.tty));
        log_in(&handle);
        if (choose(4) == 3)
                log_in(&handle);
        end(&handle);
        require(lowest_fd() == before);
        return 0;
}
