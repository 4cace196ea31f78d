/*
 * burst SERVICE
 *
 * Reads lines "USER RHOST PASSWORD" until an empty one, and then logs all these users in at once,
 * each in a process and with a terminal's name of its own, tty-USER. Prints "USER CODE" for each as
 * it is done: PAM's code of the first operation that failed, 0 for an open session. The sessions
 * are closed when the standard input ends.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <security/pam_appl.h>

#define LINE_MAX_SIZE 1024

static int answer(
        int count, const struct pam_message **messages, struct pam_response **ret, void *userdata)
{
        struct pam_response *answers = calloc((size_t)count, sizeof(*answers));

        if (!answers)
                return PAM_BUF_ERR;
        for (int i = 0; i < count; i++)
                if (messages[i]->msg_style == PAM_PROMPT_ECHO_OFF)
                        answers[i].resp = strdup(userdata);
        *ret = answers;
        return PAM_SUCCESS;
}

static int log_in(pam_handle_t *handle)
{
        int r = pam_authenticate(handle, 0);

        if (r == PAM_SUCCESS)
                r = pam_acct_mgmt(handle, 0);
        if (r == PAM_SUCCESS)
                r = pam_setcred(handle, PAM_ESTABLISH_CRED);
        return r == PAM_SUCCESS ? pam_open_session(handle, 0) : r;
}

/* Blocks until nobody holds the other end. */
static void wait_for_end(int fd)
{
        char byte;

        while (read(fd, &byte, 1) > 0)
                ;
}

static int child(const char *service, char *line, int start, int end)
{
        char *password, *user = strtok_r(line, " ", &password);
        char *rhost = strtok_r(NULL, " ", &password);
        struct pam_conv conversation = { .conv = answer, .appdata_ptr = password };
        char tty[LINE_MAX_SIZE + 8];
        pam_handle_t *handle;
        int r;

        if (!user || !rhost || pam_start(service, user, &conversation, &handle) != PAM_SUCCESS)
                return 1;
        snprintf(tty, sizeof(tty), "tty-%s", user);
        pam_set_item(handle, PAM_TTY, tty);
        pam_set_item(handle, PAM_RHOST, rhost);
        wait_for_end(start);
        r = log_in(handle);
        dprintf(STDOUT_FILENO, "%s %d\n", user, r);
        wait_for_end(end);
        if (r == PAM_SUCCESS)
                pam_close_session(handle, 0);
        pam_end(handle, r);
        return 0;
}

int main(int argc, char **argv)
{
        char line[LINE_MAX_SIZE];
        int start[2], end[2], status, failed = 0;

        if (argc != 2 || pipe(start) < 0 || pipe(end) < 0)
                return 2;
        while (fgets(line, sizeof(line), stdin) && line[0] != '\n') {
                pid_t pid;

                line[strcspn(line, "\n")] = '\0';
                pid = fork();
                if (pid < 0)
                        return 2;
                if (pid == 0) {
                        close(start[1]);
                        close(end[1]);
                        _exit(child(argv[1], line, start[0], end[0]));
                }
        }
        close(start[1]);
        wait_for_end(STDIN_FILENO);
        close(end[1]);
        while (wait(&status) > 0)
                failed += status != 0;
        return failed != 0;
}
