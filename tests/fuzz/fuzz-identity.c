/* Identities: whatever the admin API says of somebody, what is served of it afterwards is nothing
 * that is reserved, out of range or local. The first byte of an input is the configuration. */
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kratosd/adoption.h"
#include "kratosd/directory.h"
#include "kratosd/log.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
        LIST = 1 << 0,
        ALL = 1 << 1,
        TRAITS = 1 << 2,
        MAIL = 1 << 3,
        SMALL_RANGE = 1 << 4,
};

static char folder[] = "/dev/shm/fuzz-identity-XXXXXX";
static char passwd_file[64], group_file[64];
static store *people;
static local_files *local;
static directory *users;
static config configuration;
static char *schemas[] = { (char *)"person" };

static void require(bool truth)
{
        if (!truth)
                abort();
}

/* The message names nobody's words but valid ones. */
void log_message(int level, const char *format, ...)
{
        char text[2048];
        va_list ap;

        (void)level;
        va_start(ap, format);
        vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);
        for (const char *c = text; *c; c++)
                require(*c >= ' ' && *c < 0x7F);
}

static void put_file(char *path, size_t size, const char *name, const char *text)
{
        FILE *file;

        snprintf(path, size, "%s/%s", folder, name);
        file = fopen(path, "we");
        require(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

static void remove_folder(void)
{
        char path[64];

        directory_free(users);
        local_files_free(local);
        store_free(people);
        (void)unlink(passwd_file);
        (void)unlink(group_file);
        snprintf(path, sizeof(path), "%s/kratosd.db", folder);
        (void)unlink(path);
        (void)rmdir(folder);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
        (void)argc;
        (void)argv;
        require(mkdtemp(folder));
        put_file(passwd_file, sizeof(passwd_file), "passwd",
                "root:x:0:0::/root:/bin/sh\nlocal:x:5000:5000::/home/local:/bin/sh\n");
        put_file(group_file, sizeof(group_file), "group",
                "root:x:0:\nlocal:x:5000:\nhere:x:5001:\n");
        configuration = (config){ .references = 1000,
                .allow_uids = { { 5000, 5999 } },
                .n_allow_uids = 1,
                .home_prefix = (char *)"/home",
                .shell = (char *)"/bin/sh",
                .schemas = { schemas, 1 },
                .user_name = (char *)"/username" };
        require(store_new(folder, &people) == 0 &&
                local_files_new(passwd_file, group_file, &local) == 0 &&
                directory_new(people, local, &configuration, &users) == 0);
        return atexit(remove_folder);
}

static void check_name(const char *name)
{
        static const char *const never[] = { "root", "local", "here", "sudo", "docker", "daemon",
                "nobody", "kratosd", "wheel", "adm", "shadow", "disk", "lxd" };
        size_t length = strlen(name);

        require(length >= 1 && length <= 32 && *name >= 'a' && *name <= 'z');
        require(strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_.-") == length);
        require(strncmp(name, "systemd-", 8) != 0);
        for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
                require(strcmp(name, never[i]) != 0);
}

static void check_number(uid_t number)
{
        const number_range *range = &configuration.uid_range;

        require((number >= range->first && number <= range->last) ||
                (number >= 5002 && number <= 5999));
}

static int check_user(const directory_user *user, void *userdata)
{
        _cleanup_user_ directory_user *by_name = NULL, *by_uid = NULL;

        (void)userdata;
        check_name(user->name);
        check_number(user->uid);
        check_number(user->gid);
        require(strlen(user->identity) == 36);
        require(strncmp(user->home, "/home/", 6) == 0 && user->home[6] &&
                !strchr(user->home + 6, '/') && strcmp(user->home + 6, "..") != 0);
        require(user->shell[0] == '/' && !strpbrk(user->home, ":\n") &&
                !strpbrk(user->shell, ":\n"));
        require(directory_find_user(users, user->name, &by_name) == DIRECTORY_FOUND &&
                by_name->uid == user->uid);
        require(directory_find_uid(users, user->uid, &by_uid) == DIRECTORY_FOUND &&
                strcmp(by_uid->name, user->name) == 0);
        return 0;
}

static int check_group(const directory_group *group, void *userdata)
{
        (void)userdata;
        check_name(group->name);
        check_number(group->gid);
        return 0;
}

static int check_membership(const char *user, const char *group, void *userdata)
{
        _cleanup_user_ directory_user *known = NULL;
        directory_group found;

        (void)userdata;
        check_name(user);
        check_name(group);
        require(directory_find_user(users, user, &known) == DIRECTORY_FOUND);
        require(directory_find_group(users, group, &found) == DIRECTORY_FOUND);
        return 0;
}

static void check_nobody(void)
{
        static const char *const names[] = { "root", "local", "here", "sudo", "docker", "_apt",
                "" };
        static const uid_t numbers[] = { 0, 1, 27, 999, 1000, 5000, 5001, 65534, 2147352576U,
                (uid_t)-1 };
        directory_user *user = NULL;
        directory_group group;

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                require(directory_find_user(users, names[i], &user) == DIRECTORY_UNKNOWN &&
                        directory_find_group(users, names[i], &group) == DIRECTORY_UNKNOWN);
        for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
                require(directory_find_uid(users, numbers[i], &user) == DIRECTORY_UNKNOWN &&
                        directory_find_gid(users, numbers[i], &group) == DIRECTORY_UNKNOWN);
}

static int on_identity(const kratos_identity *identity, void *userdata)
{
        int r = adopt(users, people, identity);

        (void)userdata;
        require(r == ADOPTED || r == ADOPTION_REFUSED || r == ADOPTION_NONE);
        return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_identity_ kratos_identity identity = { 0 };
        const char *body = (const char *)data + 1;
        identity_traits traits = { 0 };
        int r;

        if (size == 0)
                return 0;
        configuration.accounts_all = data[0] & ALL;
        configuration.uid_range = data[0] & SMALL_RANGE ? (number_range){ 1879048192, 1879048193 }
                                                        : (number_range){ 1879048192, 2147352575 };
        traits.user_name = data[0] & TRAITS ? "/username" : NULL;
        traits.strip_domain = data[0] & MAIL ? "example.org" : NULL;
        /* Each input finds the same host: what it changes is undone. */
        require(store_begin(people) == 0);
        if (data[0] & LIST)
                r = answer_identities(body, size - 1, &traits, on_identity, NULL);
        else
                r = answer_identity(body, size - 1, &traits, &identity);
        require(r == KRATOS_OK || r == KRATOS_BAD_ANSWER);
        if (r == KRATOS_OK && !(data[0] & LIST))
                (void)on_identity(&identity, NULL);
        require(directory_each_user(users, check_user, NULL) == 0);
        require(directory_each_group(users, check_group, NULL) == 0);
        require(directory_each_membership(users, NULL, NULL, check_membership, NULL) == 0);
        check_nobody();
        require(store_end(people, -ECANCELED) == -ECANCELED);
        return 0;
}
