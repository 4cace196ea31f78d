/*
 * sink SOCKET
 *
 * Takes datagrams and throws them away: a journal that costs next to nothing, so that what is
 * measured is what the daemon does to log, and not what a journal does with it.
 */
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

int main(int argc, char **argv)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        char bytes[1];

        if (argc != 2)
                return 2;
        snprintf(address.sun_path, sizeof(address.sun_path), "%s", argv[1]);
        unlink(argv[1]);
        if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
                chmod(argv[1], 0666) < 0)
                return 1;
        while (recv(fd, bytes, sizeof(bytes), 0) >= 0)
                ;
        return 1;
}
