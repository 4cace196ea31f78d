#include "body.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* A byte becomes at most "\u00xx". */
#define ESCAPED_MAX 6
#define FRAME_MAX 256

/* RFC 3629 §4: how many bytes follow, and within what bounds the first of them lies. */
static int utf8_follow(unsigned char lead, unsigned char *ret_low, unsigned char *ret_high)
{
        *ret_low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
        *ret_high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
        if (lead < 0x80)
                return 0;
        if (lead >= 0xC2 && lead <= 0xDF)
                return 1;
        if (lead >= 0xE0 && lead <= 0xEF)
                return 2;
        if (lead >= 0xF0 && lead <= 0xF4)
                return 3;
        return -EINVAL;
}

bool utf8_is_valid(const char *bytes, size_t size)
{
        const unsigned char *p = (const unsigned char *)bytes, *end = p + size;

        while (p < end) {
                unsigned char low, high;
                int follow = utf8_follow(*p++, &low, &high);

                if (follow < 0 || end - p < follow)
                        return false;
                for (; follow > 0; follow--, p++, low = 0x80, high = 0xBF)
                        if (*p < low || *p > high)
                                return false;
        }
        return true;
}

/* Appends a JSON string, quotes included (RFC 8259 §7). */
static int append_string(secret *s, const char *bytes, size_t size)
{
        int r;

        if (!utf8_is_valid(bytes, size))
                return -EINVAL;
        r = secret_append(s, "\"", 1);
        for (size_t i = 0; i < size && r == 0; i++) {
                unsigned char c = (unsigned char)bytes[i];
                char escaped[ESCAPED_MAX + 1];

                if (c == '"' || c == '\\')
                        r = secret_append(s, "\\", 1);
                if (r < 0)
                        return r;
                if (c >= 0x20) {
                        r = secret_append(s, bytes + i, 1);
                        continue;
                }
                snprintf(escaped, sizeof(escaped), "\\u%04x", c);
                r = secret_append(s, escaped, ESCAPED_MAX);
                explicit_bzero(escaped, sizeof(escaped));
        }
        return r < 0 ? r : secret_append(s, "\"", 1);
}

int body_password_login(const char *identifier, const secret *password, secret **ret)
{
        _cleanup_secret_ secret *s = NULL;
        size_t length = strlen(identifier);
        int r;

        r = secret_new(FRAME_MAX + ESCAPED_MAX * (2 * length + secret_size(password)), &s);
        if (r < 0)
                return r;
        if ((r = secret_append_string(s, "{\"method\":\"password\",\"identifier\":")) < 0 ||
                (r = append_string(s, identifier, length)) < 0 ||
                (r = secret_append_string(s, ",\"password_identifier\":")) < 0 ||
                (r = append_string(s, identifier, length)) < 0 ||
                (r = secret_append_string(s, ",\"password\":")) < 0 ||
                (r = append_string(s, secret_data(password), secret_size(password))) < 0 ||
                (r = secret_append_string(s, "}")) < 0)
                return r;

        *ret = TAKE_PTR(s);
        return 0;
}

/* The beginning of an object, up to the value of a method. Its size is for strings of so many bytes
 * in all. */
static int begin_step(const char *method, size_t size, secret **ret)
{
        _cleanup_secret_ secret *s = NULL;
        int r;

        r = secret_new(FRAME_MAX + ESCAPED_MAX * size, &s);
        if (r < 0)
                return r;
        if ((r = secret_append_string(s, "{\"method\":")) < 0 ||
                (r = append_string(s, method, strlen(method))) < 0)
                return r;
        *ret = TAKE_PTR(s);
        return 0;
}

/* A further member, unless it has no value. */
static int add_member(secret *s, const char *name, const char *bytes, size_t size)
{
        int r;

        if (!bytes)
                return 0;
        if ((r = secret_append_string(s, ",")) < 0 ||
                (r = append_string(s, name, strlen(name))) < 0 ||
                (r = secret_append_string(s, ":")) < 0)
                return r;
        return append_string(s, bytes, size);
}

static int body_of_code(const char *method, const char *name, const secret *code, secret **ret)
{
        _cleanup_secret_ secret *s = NULL;
        int r;

        if ((r = begin_step(method, secret_size(code), &s)) < 0 ||
                (r = add_member(s, name, secret_data(code), secret_size(code))) < 0 ||
                (r = secret_append_string(s, "}")) < 0)
                return r;
        *ret = TAKE_PTR(s);
        return 0;
}

int body_totp(const secret *code, secret **ret)
{
        return body_of_code("totp", "totp_code", code, ret);
}

int body_lookup_secret(const secret *code, secret **ret)
{
        return body_of_code("lookup_secret", "lookup_secret", code, ret);
}

int body_new_password(const secret *password, secret **ret)
{
        return body_of_code("password", "password", password, ret);
}

int body_code(enum body_code what, const char *identifier, const char *address, const secret *code,
        secret **ret)
{
        size_t size = (identifier ? strlen(identifier) : 0) + (address ? strlen(address) : 0);
        _cleanup_secret_ secret *s = NULL;
        int r;

        if ((r = begin_step("code", size + (code ? secret_size(code) : 0), &s)) < 0 ||
                (r = add_member(s, "identifier", identifier, identifier ? strlen(identifier) : 0)) <
                        0 ||
                (r = add_member(s, "address", address, address ? strlen(address) : 0)) < 0 ||
                (what == BODY_RESEND && (r = add_member(s, "resend", "code", 4)) < 0) ||
                (what == BODY_VERIFY &&
                        (r = add_member(s, "code", secret_data(code), secret_size(code))) < 0) ||
                (r = secret_append_string(s, "}")) < 0)
                return r;
        *ret = TAKE_PTR(s);
        return 0;
}

int body_session_token(const secret *token, secret **ret)
{
        _cleanup_secret_ secret *s = NULL;
        int r;

        r = secret_new(FRAME_MAX + ESCAPED_MAX * secret_size(token), &s);
        if (r < 0)
                return r;
        if ((r = secret_append_string(s, "{\"session_token\":")) < 0 ||
                (r = append_string(s, secret_data(token), secret_size(token))) < 0 ||
                (r = secret_append_string(s, "}")) < 0)
                return r;

        *ret = TAKE_PTR(s);
        return 0;
}
