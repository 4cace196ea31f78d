#include "prod.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

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

/* The timer is left running, and stops itself when it finds that nobody needs it: setting it for
 * each call would cost more than most of the calls. A thread of a library's that gets the signal
 * leaves that to the thread that makes the calls, which it could meet in between. */
static volatile sig_atomic_t running, needed;

static void set_timer(suseconds_t every)
{
        const struct itimerval often = { { 0, every }, { 0, every } };

        (void)setitimer(ITIMER_REAL, &often, 0);
}

static void on_alarm(int number)
{
        (void)number;
        if (needed || gettid() != getpid())
                return;
        set_timer(0);
        running = false;
}

void prod_begin(void)
{
        static const struct sigaction action = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };

        needed = true;
        if (running)
                return;
        running = true;
        (void)sigaction(SIGALRM, &action, 0);
        set_timer(PROD_USEC);
}

void prod_end(void)
{
        needed = false;
}
