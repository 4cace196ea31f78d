/* Kratos's answers: whatever a server sends, what is taken from it has its form. The first byte
 * says which kind of answer it is; the next two of an error are its status. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "kratosd/answer.h"

#define NONCE "0123456789abcdef0123456789abcdef"
#define SESSION "11111111-2222-4333-8444-555555555555"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool truth)
{
        if (!truth)
                abort();
}

static void try_flow(const char *body, size_t size)
{
        kratos_flow flow = { .id = "untouched" };
        int r = answer_flow(body, size, &flow);

        require(r == KRATOS_OK || r == KRATOS_BAD_ANSWER);
        require(r == KRATOS_OK ? uuid_is_valid(flow.id) : strcmp(flow.id, "untouched") == 0);
}

static void try_login(const char *body, size_t size)
{
        _cleanup_(kratos_login_done) kratos_login login = { 0 };
        int r = answer_login(body, size, NONCE, &login);

        require(r == KRATOS_OK || r == KRATOS_BAD_ANSWER);
        if (login.token)
                require(token_is_valid(secret_data(login.token), secret_size(login.token)));
        require(!login.has_nonce || memmem(body, size, NONCE, strlen(NONCE)) ||
                memmem(body, size, "\\u", 2));
        if (r != KRATOS_OK)
                return;
        require(login.token && uuid_is_valid(login.session));
        require(!login.identity[0] || uuid_is_valid(login.identity));
        require(!login.posix_name[0] || user_name_is_valid(login.posix_name));
        require(!login.has_nonce || login.lists_devices);
}

static void try_error(const char *body, size_t size)
{
        unsigned status;
        int r;

        if (size < 2)
                return;
        status = 300 + ((unsigned char)body[0] << 8 | (unsigned char)body[1]) % 300;
        r = answer_error(status, body + 2, size - 2);
        require(r > KRATOS_OK && r <= KRATOS_UNREACHABLE);
        require(r != KRATOS_BAD_CREDENTIALS || status == 400);
        require((r == KRATOS_FAULT) == (status >= 500));
}

static void try_list(const char *body, size_t size, const char *session)
{
        char id[UUID_LENGTH + 1] = "untouched";
        int r = answer_find_session(body, size, NONCE, session, SESSIONS_PAGE, id);

        require(r == KRATOS_OK || r == KRATOS_NOT_FOUND || r == KRATOS_BAD_ANSWER);
        require(r == KRATOS_OK ? uuid_is_valid(id) : strcmp(id, "untouched") == 0);
        require(r != KRATOS_OK || !session[0] || strcmp(id, session) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const char *body = (const char *)data + 1;

        if (size < 1)
                return 0;
        switch (data[0] % 5) {
        case 0:
                try_flow(body, size - 1);
                break;
        case 1:
                try_login(body, size - 1);
                break;
        case 2:
                try_error(body, size - 1);
                break;
        case 3:
                try_list(body, size - 1, "");
                break;
        case 4:
                try_list(body, size - 1, SESSION);
                break;
        }
        return 0;
}
