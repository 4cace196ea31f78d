#include "daemon-user.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/interface.h"
#include "common/local-users.h"

int daemon_user_become(void)
{
        _cleanup_fclose_ FILE *file = fopen(PASSWD_FILE, "re");
        struct passwd *user;

        if (geteuid() != 0)
                return 0;
        while (file && (user = fgetpwent(file)))
                if (strcmp(user->pw_name, DAEMON_USER) == 0) {
                        if (setgroups(0, NULL) < 0 ||
                                setresgid(user->pw_gid, user->pw_gid, user->pw_gid) < 0 ||
                                setresuid(user->pw_uid, user->pw_uid, user->pw_uid) < 0)
                                return -errno;
                        umask(077);
                        return 0;
                }
        return -ENOENT;
}
