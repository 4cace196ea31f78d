/*
 * A clock that is wrong, for whatever is executed while it is in /etc/ld.so.preload: the time of
 * day is off by the seconds in /etc/clock-offset. The kernel's own stamps on files stay right.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <sys/time.h>
#include <time.h>

static long long offset;

__attribute__((constructor)) static void read_offset(void)
{
        FILE *file = fopen("/etc/clock-offset", "re");

        if (!file)
                return;
        if (fscanf(file, "%lld", &offset) != 1)
                offset = 0;
        fclose(file);
}

int clock_gettime(clockid_t id, struct timespec *ret)
{
        int (*real)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
        int r = real(id, ret);

        if (r == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
                ret->tv_sec += offset;
        return r;
}

int gettimeofday(struct timeval *restrict ret, void *restrict zone)
{
        struct timespec now;

        (void)zone;
        (void)clock_gettime(CLOCK_REALTIME, &now);
        ret->tv_sec = now.tv_sec;
        ret->tv_usec = now.tv_nsec / 1000;
        return 0;
}

time_t time(time_t *ret)
{
        struct timespec now;

        (void)clock_gettime(CLOCK_REALTIME, &now);
        if (ret)
                *ret = now.tv_sec;
        return now.tv_sec;
}
