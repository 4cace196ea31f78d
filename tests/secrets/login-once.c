/*
 * A PAM program that leaves no copy of the password itself, for the memory of which tests look
 * afterwards. It logs USER in at SERVICE with the line that it reads from standard input, and then
 * takes a step for each further line:
 *
 *   login-once SERVICE USER [keep]     authenticate, account, open_session; tells the results
 *   (a line)                           close_session, pam_end; tells the results
 *   (a line)                           exit
 *
 * With "keep" it keeps a copy, for the proof that it would be found. There is no stdio here: its
 * buffers would keep what went through them.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <security/pam_appl.h>

#define LINE_SIZE 1024

static char *kept;
static bool keep;

/* Reads a line into a buffer. Its end is the program's. */
static void read_line(char *line)
{
        size_t length = 0;

        do
                if (length == LINE_SIZE || read(STDIN_FILENO, line + length, 1) != 1)
                        _exit(1);
        while (line[length++] != '\n');
        line[length - 1] = '\0';
}

static void tell(const char *what, int result)
{
        dprintf(STDOUT_FILENO, "%s %d\n", what, result);
}

static void wait_for_line(void)
{
        char line[LINE_SIZE];

        read_line(line);
}

/* Answers each hidden prompt with a line. libpam frees the answers. */
static int converse(
        int count, const struct pam_message **messages, struct pam_response **ret, void *data)
{
        struct pam_response *responses = calloc((size_t)count, sizeof(struct pam_response));
        char line[LINE_SIZE];

        (void)data;
        if (!responses)
                return PAM_BUF_ERR;
        for (int i = 0; i < count; i++) {
                if (messages[i]->msg_style != PAM_PROMPT_ECHO_OFF)
                        continue;
                read_line(line);
                responses[i].resp = strdup(line);
                if (keep)
                        kept = strdup(line);
                explicit_bzero(line, sizeof(line));
        }
        *ret = responses;
        return PAM_SUCCESS;
}

int main(int argc, char **argv)
{
        static const struct pam_conv conversation = { converse, NULL };
        pam_handle_t *handle = NULL;
        int r;

        keep = argc > 3;
        r = pam_start(argv[1], argv[2], &conversation, &handle);
        if (r == PAM_SUCCESS)
                r = pam_authenticate(handle, 0);
        if (r == PAM_SUCCESS)
                r = pam_acct_mgmt(handle, 0);
        if (r == PAM_SUCCESS)
                r = pam_open_session(handle, 0);
        tell("open", r);
        wait_for_line();
        if (r == PAM_SUCCESS)
                r = pam_close_session(handle, 0);
        r = pam_end(handle, r);
        tell("ended", r);
        wait_for_line();
        return kept != NULL;
}
