/* The user database's socket: whatever bytes come in, in whatever pieces, every answer is a whole
 * message of JSON, nobody reserved is told of, and keys go to nobody else. The first byte says what
 * the directory is like, and the second how the bytes are cut into pieces. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "kratosd/json.h"
#include "kratosd/userdb.h"
#include "tests/unit/directory-stand-in.h"
#include "tests/unit/varlink-client.h"

#define ALICE 1879050001

enum {
        ENUMERATES = 1,
        OFFLINE = 2,
        FAILS = 4,
        FINDS_LATER = 8,
        LEAVES_EARLY = 16,
        CORRUPT = 32,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *keys[] = { "ssh-ed25519 AAAA" };

static void require(bool truth)
{
        if (!truth)
                abort();
}

static void fill(directory *d, uint8_t what)
{
        static const char *const names[] = { "alice", "bob", "carol" };

        d->count = 0;
        d->enumerates = what & ENUMERATES;
        d->error = what & FAILS ? -EIO : 0;
        for (unsigned i = 0; i < 3; i++) {
                person *p = add_person(d, names[i], ALICE + i);

                p->group = "team";
                p->inactive = i == 1;
                p->document.keys = (posix_list){ keys, 1 };
        }
        if (what & CORRUPT) {
                add_person(d, "root", 0)->group = "root";
                add_person(d, "zero", 0);
                add_person(d, "sudo", ALICE + 9)->group = "team";
        }
}

static void check_record(json_object *record)
{
        const char *name = json_text(json_member(record, "userName"));
        const char *group = json_text(json_member(record, "groupName"));
        json_object *uid = json_member(record, "uid"), *gid = json_member(record, "gid");

        require(name || group);
        require(user_name_is_valid(name ? name : group) && !name_is_reserved(name ? name : group));
        require(gid && !number_is_reserved((gid_t)json_object_get_int64(gid)));
        require(!name || (uid && !number_is_reserved((uid_t)json_object_get_int64(uid))));
        require(!json_member(record, "locked") || !json_member(record, "privileged"));
}

static void check_answer(const char *answer)
{
        static const json_limits limits = { 16, 10000 };
        _cleanup_json_ json_object *message = NULL;
        json_object *parameters, *record;

        require(json_read_object(answer, strlen(answer), &limits, &message) == 0);
        parameters = json_member(message, "parameters");
        require(json_object_is_type(parameters, json_type_object));
        record = json_member(parameters, "record");
        if (record)
                check_record(record);
        if (!json_member(message, "error") && json_member(parameters, "groupName"))
                require(!name_is_reserved(json_text(json_member(parameters, "userName"))));
}

static void read_answers(int fd)
{
        static char bytes[1024 * 1024];
        size_t size = 0;
        ssize_t n;

        while (size < sizeof(bytes) && (n = recv(fd, bytes + size, sizeof(bytes) - size, 0)) > 0)
                size += (size_t)n;
        for (char *answer = bytes, *end; answer < bytes + size; answer = end + 1) {
                end = memchr(answer, 0, (size_t)(bytes + size - answer));
                if (!end)
                        return; /* the rest of it comes with the next look, or never */
                check_answer(answer);
        }
}

/* Sends the bytes in pieces. Between them, look-ups end, unless the client goes before that. */
static void talk(sd_event *event, directory *d, lookups *l, const uint8_t *data, size_t size)
{
        size_t piece = data[1] ? data[1] * 16UL : size;
        int fd = client_connect(event);

        for (size_t at = 2; at < size; at += piece) {
                client_send_bytes(
                        event, fd, (const char *)data + at, size - at < piece ? size - at : piece);
                if (data[0] & LEAVES_EARLY)
                        continue;
                if ((data[0] & FINDS_LATER) && d->count < PEOPLE_MAX)
                        add_person(d, "dave", ALICE + 5);
                end_lookups(l, NULL);
                client_turn(event);
        }
        read_answers(fd);
        close(fd);
        client_turn(event);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static directory d;
        lookups l = { 0 };
        sd_event *event = NULL;
        userdb *u = NULL;

        if (size < 2 || size > 128UL * 1024)
                return 0;
        fill(&d, data[0]);
        l.offline = data[0] & OFFLINE;
        require(sd_event_new(&event) == 0);
        require(userdb_new(event, client_listener(), &d, &l, &u) == 0);
        talk(event, &d, &l, data, size);
        for (size_t i = 0; i < LOOKUPS_MAX; i++)
                require(!l.waiting[i]);
        userdb_free(u);
        sd_event_unref(event);
        return 0;
}
