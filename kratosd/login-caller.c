#include <errno.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>

#include "login-steps.h"

/* A pidfd becomes readable when its process has ended. */
static int on_gone(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
        login *l = userdata;

        (void)source;
        (void)fd;
        (void)events;
        l->watch = sd_event_source_disable_unref(l->watch);
        login_abandon(l);
        return 0;
}

void login_note_caller(login *l, pid_t pid)
{
        if (l->caller.pid != pid)
                l->watch = sd_event_source_disable_unref(l->watch);
        l->caller.pid = pid;
}

/* Where the number is another process's by now, that one's end is waited for: no longer than for an
 * answer that does not come. */
int login_watch_caller(login *l)
{
        _cleanup_close_ int fd = -1;
        int r;

        if (l->watch || l->caller.pid <= 0)
                return 0;
        fd = pidfd_open(l->caller.pid, 0);
        if (fd < 0)
                return -errno;
        r = sd_event_add_io(l->owner->event, &l->watch, fd, EPOLLIN, on_gone, l);
        if (r < 0)
                return r;
        r = sd_event_source_set_io_fd_own(l->watch, true);
        if (r < 0) {
                l->watch = sd_event_source_disable_unref(l->watch);
                return r;
        }
        TAKE_FD(fd);
        return 0;
}
