#include "prod.h"

#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>

/* From Linux 6.16 on; older headers do not have it. Where the number is another, so is every socket
 * option's. */
#if !defined(SO_PASSRIGHTS) && SO_PASSCRED == 16
#define SO_PASSRIGHTS 83
#endif

void prod_refuse_descriptors(int socket)
{
#ifdef SO_PASSRIGHTS
        static const int pass = 0;

        (void)setsockopt(socket, SOL_SOCKET, SO_PASSRIGHTS, &pass, sizeof(pass));
#else
        (void)socket;
#endif
}

static void on_alarm(int number)
{
        (void)number;
}

int prod_prepare(void)
{
        struct sigaction action = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };

        return sigaction(SIGALRM, &action, 0) < 0 ? -errno : 0;
}

void prod_begin(void)
{
        static const struct itimerval often = { { 0, PROD_USEC }, { 0, PROD_USEC } };

        (void)setitimer(ITIMER_REAL, &often, 0);
}

void prod_end(void)
{
        static const struct itimerval never = { { 0, 0 }, { 0, 0 } };

        (void)setitimer(ITIMER_REAL, &never, 0);
}
