/* Account documents: whatever stands in an identity's metadata, what is taken from it is fit for
 * passwd, group, shadow and authorized_keys. The checks here look at it in a way of their own. */
#include <fnmatch.h>
#include <locale.h>
#include <sodium.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "kratosd/posix.h"

#define YEAR_10000 253402300800

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool truth)
{
        if (!truth)
                abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
        (void)argc;
        (void)argv;
        require(setlocale(LC_CTYPE, "C.UTF-8"));
        return 0;
}

/* Characters that libc reads too, none of which controls anything. */
static void check_text(const char *text, size_t max)
{
        wchar_t wide[POSIX_KEY_MAX + 1];
        size_t length;

        require(strlen(text) <= max);
        length = mbstowcs(wide, text, POSIX_KEY_MAX + 1);
        require(length <= max); /* it is (size_t) -1 for what libc cannot read */
        for (size_t i = 0; i < length; i++)
                require(!(wide[i] < L' ' || (wide[i] >= 0x7F && wide[i] < 0xA0)));
        require(!strpbrk(text, "\n\r\t\v\f\b\033\177"));
}

static void check_number(bool there, uid_t number)
{
        require(!there || (number >= 1000 && number < 2147352576 && number != 65534 &&
                                  number != 65535 && (number < 61184 || number > 65519)));
}

static void check_name(const char *name)
{
        require(strlen(name) <= 32 && name[0] != '-' && !strpbrk(name, ":/\n ,*~$\\"));
        for (const char *c = name; *c; c++)
                require(*c > ' ' && *c < 0x7F && !(*c >= 'A' && *c <= 'Z'));
}

/* What a path means is what it says. */
static void check_path(const char *path)
{
        size_t length;

        if (!path)
                return;
        length = strlen(path);
        check_text(path, 255);
        require(path[0] == '/' && length > 1 && path[length - 1] != '/' && !strchr(path, ':'));
        require(!strstr(path, "//"));
        require(fnmatch("*/./*", path, 0) != 0 && fnmatch("*/.", path, 0) != 0);
        require(fnmatch("*/../*", path, 0) != 0 && fnmatch("*/..", path, 0) != 0);
}

static bool is_type(const char *word, size_t length)
{
        static const char *const types[] = { "ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256",
                "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "sk-ssh-ed25519@openssh.com",
                "sk-ecdsa-sha2-nistp256@openssh.com" };

        for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
                if (strlen(types[i]) == length && memcmp(word, types[i], length) == 0)
                        return true;
        return false;
}

/* Goes past options as sshd does: to the first space outside quotes. None of those stands there
 * that would give somebody something. */
static const char *check_options(const char *line)
{
        static const char *const refused[] = { "cert-authority", "environment", "principals",
                "tunnel", "no-touch-required", "zos-" };
        char bare[POSIX_KEY_MAX + 1];
        bool quoted = false;
        size_t n = 0;

        for (; *line && (quoted || (*line != ' ' && *line != '\t')); line++) {
                if (line[0] == '\\' && line[1] == '"')
                        line++;
                else if (*line == '"')
                        quoted = !quoted;
                else if (!quoted)
                        bare[n++] = *line;
        }
        bare[n] = '\0';
        require(*line == ' ' && !quoted && n > 0);
        for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
                require(!strcasestr(bare, refused[i]));
        return line;
}

static void check_key(const char *line)
{
        unsigned char blob[POSIX_KEY_MAX];
        const char *type, *base64;
        size_t length, size = 0;

        check_text(line, POSIX_KEY_MAX);
        if (!is_type(line, strcspn(line, " ")))
                line = check_options(line);
        type = line + strspn(line, " ");
        length = strcspn(type, " ");
        require(is_type(type, length));
        base64 = type + length + strspn(type + length, " ");
        require(sodium_base642bin(blob, sizeof(blob), base64, strcspn(base64, " "), NULL, &size,
                        NULL, sodium_base64_VARIANT_ORIGINAL) == 0);
        require(size > 4 + length && blob[0] == 0 && blob[1] == 0 && blob[2] == 0 &&
                blob[3] == length && memcmp(blob + 4, type, length) == 0);
}

static void check_patterns(const posix_list *list, bool there, const char *refused)
{
        require(there || list->count == 0);
        require(list->count <= 64);
        for (size_t i = 0; i < list->count; i++) {
                const char *word = list->words[i];

                check_text(word, 64);
                require(word[0] && !strpbrk(word, refused));
        }
}

static void check_groups(const posix *p)
{
        require(p->n_groups <= 128);
        for (size_t i = 0; i < p->n_groups; i++) {
                check_name(p->groups[i].name);
                require(p->groups[i].name[0]);
                check_number(p->groups[i].has_gid, p->groups[i].gid);
                for (size_t j = 0; j < i; j++)
                        require(strcmp(p->groups[i].name, p->groups[j].name) != 0);
        }
}

static void check(const posix *p)
{
        check_name(p->name);
        check_number(p->has_uid, p->uid);
        check_number(p->has_gid, p->gid);
        check_groups(p);
        check_path(p->home);
        check_path(p->shell);
        require(!p->shell || !strpbrk(p->shell, " \"'\\$`&|;<>()[]{}*?!#~=%,@^"));
        if (p->gecos)
                check_text(p->gecos, 255);
        require(!p->gecos || !strchr(p->gecos, ':'));
        require(p->keys.count <= 64);
        for (size_t i = 0; i < p->keys.count; i++)
                check_key(p->keys.words[i]);
        check_patterns(&p->hosts, p->has_hosts, " !,:;/[]{}()\\\"'$`");
        check_patterns(&p->services, p->has_services, " !,:;/[]{}()\\\"'$`?");
        require(p->not_before == INT64_MIN || (p->not_before >= 0 && p->not_before < YEAR_10000));
        require(p->not_after == INT64_MAX || (p->not_after >= 0 && p->not_after <= YEAR_10000));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_posix_ posix *p = NULL;
        const char *why = NULL;
        int r = posix_parse((const char *)data, size, &p, &why);

        require(r == POSIX_OK || r == POSIX_INVALID);
        require((r == POSIX_OK) == (p != NULL) && (r == POSIX_INVALID) == (why != NULL));
        if (p)
                check(p);
        return 0;
}
