#include "posix-keys.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "posix-values.h"
#include "posix.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

#define WHY_LINE                                                                                   \
        "sshKeys: each is one line of at most 8192 bytes of UTF-8, without control characters"
#define WHY_BEGINNING                                                                              \
        "sshKeys: a line begins with one of the types of keys, or with some of the options, that " \
        "doc/account-document.md lists, written as there"
#define WHY_TYPE                                                                                   \
        "sshKeys: a key is of type ssh-ed25519, ssh-rsa, ecdsa-sha2-nistp256, -nistp384 or "       \
        "-nistp521, sk-ssh-ed25519@openssh.com or sk-ecdsa-sha2-nistp256@openssh.com"
#define WHY_BLOB "sshKeys: after its type stands the key itself, in base64, and it is of that type"

/* A host name, with room to spare (RFC 1035 §2.3.4). */
#define HOST_MAX 255
#define PORT_MAX 65535
#define PORT_DIGITS_MAX 5

/* A piece of a line, which ends without a NUL. */
typedef struct piece {
        const char *bytes;
        size_t size;
} piece;

/* True if a piece is of these characters alone, and there are any. */
static bool consists_of(piece p, const char *characters)
{
        for (size_t i = 0; i < p.size; i++)
                if (!strchr(characters, p.bytes[i]))
                        return false;
        return p.size > 0;
}

static bool is(piece p, const char *word)
{
        return p.size == strlen(word) && memcmp(p.bytes, word, p.size) == 0;
}

static bool from_is_valid(piece value)
{
        return consists_of(value, LETTERS DIGITS "_.:*?!/,%-");
}

static bool command_is_valid(piece value)
{
        return value.size > 0;
}

/* YYYYMMDD[HHMM[SS]][Z] */
static bool expiry_is_valid(piece value)
{
        struct tm time = { 0 };
        const char *text = value.bytes;
        int64_t seconds;

        if (value.size > 0 && text[value.size - 1] == 'Z')
                value.size--;
        if (!consists_of(value, DIGITS) || !read_digits(text, 4, &time.tm_year) ||
                !read_digits(text + 4, 2, &time.tm_mon) || !read_digits(text + 6, 2, &time.tm_mday))
                return false;
        if (value.size > 8 && (!read_digits(text + 8, 2, &time.tm_hour) ||
                                      !read_digits(text + 10, 2, &time.tm_min)))
                return false;
        if (value.size > 12 && !read_digits(text + 12, 2, &time.tm_sec))
                return false;
        return (value.size == 8 || value.size == 12 || value.size == 14) &&
               calendar_seconds(&time, &seconds);
}

static bool port_is_valid(piece port)
{
        int number = 0;

        if (is(port, "*"))
                return true;
        return port.size <= PORT_DIGITS_MAX && consists_of(port, DIGITS) && port.bytes[0] != '0' &&
               read_digits(port.bytes, port.size, &number) && number <= PORT_MAX;
}

/* HOST:PORT, or [ADDRESS]:PORT. sshd ends a host without brackets at its first colon. */
static bool permitopen_is_valid(piece value)
{
        const char *colon = memrchr(value.bytes, ':', value.size);
        piece host, port;

        if (!colon)
                return false;
        host = (piece){ value.bytes, (size_t)(colon - value.bytes) };
        port = (piece){ colon + 1, value.size - host.size - 1 };
        if (!port_is_valid(port) || host.size > HOST_MAX)
                return false;
        if (host.size < 2 || host.bytes[0] != '[' || host.bytes[host.size - 1] != ']')
                return consists_of(host, LETTERS DIGITS "_.*?-");
        return consists_of((piece){ host.bytes + 1, host.size - 2 }, LETTERS DIGITS "_.:%*?-");
}

/* A port alone is any address's. */
static bool permitlisten_is_valid(piece value)
{
        return port_is_valid(value) || permitopen_is_valid(value);
}

typedef struct option {
        const char *name;
        bool (*value_is_valid)(piece value); /* NULL: it takes none */
        bool once;                           /* sshd refuses a second one */
} option;

/* All others are refused. Those that would give something: cert-authority and principals make one
 * key open the account to others, environment reaches into programs that trust theirs, tunnel makes
 * network devices, no-touch-required takes a security key's guard away. */
static const option options[] = {
        { "restrict", NULL, false },
        { "pty", NULL, false },
        { "no-pty", NULL, false },
        { "port-forwarding", NULL, false },
        { "no-port-forwarding", NULL, false },
        { "agent-forwarding", NULL, false },
        { "no-agent-forwarding", NULL, false },
        { "X11-forwarding", NULL, false },
        { "no-X11-forwarding", NULL, false },
        { "user-rc", NULL, false },
        { "no-user-rc", NULL, false },
        { "verify-required", NULL, false },
        { "from", from_is_valid, true },
        { "command", command_is_valid, true },
        { "permitopen", permitopen_is_valid, false },
        { "permitlisten", permitlisten_is_valid, false },
        { "expiry-time", expiry_is_valid, false },
};
#define N_OPTIONS (sizeof(options) / sizeof(options[0]))

/* Reads a value in quotes, in which \" is a quote, and any other backslash is one; *p moves behind
 * it. */
static bool read_value(const char **p, bool (*is_valid)(piece))
{
        const char *begin = *p + 2, *end = begin;

        if ((*p)[0] != '=' || (*p)[1] != '"')
                return false;
        for (; *end && *end != '"'; end++)
                if (end[0] == '\\' && end[1] == '"')
                        end++;
        if (!*end || !is_valid((piece){ begin, (size_t)(end - begin) }))
                return false;
        *p = end + 1;
        return true;
}

static bool read_option(const char **p, bool seen[static N_OPTIONS])
{
        piece name = { *p, strspn(*p, LETTERS DIGITS "-") };

        for (size_t i = 0; i < N_OPTIONS; i++) {
                if (!is(name, options[i].name))
                        continue;
                if (options[i].once && seen[i])
                        return false;
                seen[i] = true;
                *p += name.size;
                return !options[i].value_is_valid || read_value(p, options[i].value_is_valid);
        }
        return false;
}

/* Reads options up to the space that ends them; *p moves there. */
static bool read_options(const char **p)
{
        bool seen[N_OPTIONS] = { false };

        while (read_option(p, seen)) {
                if (**p == ' ')
                        return true;
                if (*(*p)++ != ',')
                        return false;
        }
        return false;
}

typedef struct key_type {
        const char *name;
        unsigned fields; /* in its encoding, the name included (RFC 4253 §6.6, 5656, 8709) */
} key_type;

static const key_type key_types[] = {
        { "ssh-ed25519", 2 },
        { "ssh-rsa", 3 },
        { "ecdsa-sha2-nistp256", 3 },
        { "ecdsa-sha2-nistp384", 3 },
        { "ecdsa-sha2-nistp521", 3 },
        { "sk-ssh-ed25519@openssh.com", 3 },
        { "sk-ecdsa-sha2-nistp256@openssh.com", 4 },
};

/* Reads a word that is a key's type; *p moves behind it, and behind the spaces that follow. */
static const key_type *read_type(const char **p)
{
        piece word = { *p, strcspn(*p, " ") };

        for (size_t i = 0; i < sizeof(key_types) / sizeof(key_types[0]); i++)
                if (is(word, key_types[i].name)) {
                        *p += word.size;
                        *p += strspn(*p, " ");
                        return &key_types[i];
                }
        return NULL;
}

/* Decodes base64 with its padding, in the one form that each value has (RFC 4648 §4, §3.5). The
 * number of bytes, or 0. */
static size_t decode(piece text, unsigned char *ret)
{
        static const char digits[] =
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" DIGITS "+/";
        size_t size = 0;
        uint32_t bits = 0;

        if (text.size == 0 || text.size % 4 != 0)
                return 0;
        for (int padding = 0; padding < 2 && text.bytes[text.size - 1] == '='; padding++)
                text.size--;
        for (size_t i = 0; i < text.size; i++) {
                const char *digit = strchr(digits, text.bytes[i]);

                if (!digit)
                        return 0;
                bits = bits << 6 | (uint32_t)(digit - digits);
                if (i % 4 > 0)
                        ret[size++] = (unsigned char)(bits >> (6 - 2 * (i % 4)));
        }
        if (text.size % 4 > 0 && bits & (text.size % 4 == 2 ? 0xF : 0x3))
                return 0;
        return size;
}

/* A key's encoding is its type and the rest of its fields, each after its length, and nothing else.
 */
static bool blob_is_of(const unsigned char *bytes, size_t size, const key_type *type)
{
        unsigned fields = 0;

        for (; size > 4; fields++) {
                size_t length = (size_t)bytes[0] << 24 | (size_t)bytes[1] << 16 |
                                (size_t)bytes[2] << 8 | bytes[3];

                if (length < 1 || length > size - 4)
                        return false;
                if (fields == 0 && !is((piece){ (const char *)bytes + 4, length }, type->name))
                        return false;
                bytes += 4 + length;
                size -= 4 + length;
        }
        return size == 0 && fields == type->fields;
}

const char *key_line_fault(const char *line)
{
        unsigned char blob[POSIX_KEY_MAX];
        const key_type *type;
        piece base64;

        if (strnlen(line, POSIX_KEY_MAX + 1) > POSIX_KEY_MAX || !text_is_printable(line))
                return WHY_LINE;
        type = read_type(&line);
        if (!type && strchr(line, ' ')) {
                if (!read_options(&line))
                        return WHY_BEGINNING;
                line += strspn(line, " ");
                type = read_type(&line);
        }
        if (!type)
                return WHY_TYPE;
        base64 = (piece){ line, strcspn(line, " ") };
        return blob_is_of(blob, decode(base64, blob), type) ? NULL : WHY_BLOB;
}
