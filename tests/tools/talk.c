/* SPDX-License-Identifier: MIT */
/*
 * talk SOCKET LINE: connects to a Unix socket, says a line and prints the line it hears; 1 when nothing is heard
 * within ten seconds. For channels of guests: dom0's busybox cannot speak to such sockets.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    struct pollfd p = { .fd = fd, .events = POLLIN };
    char byte = 0;

    if (argc != 3 || strlen(argv[1]) >= sizeof(a.sun_path)) {
        fprintf(stderr, "usage: talk SOCKET LINE\n");
        return 2;
    }
    strcpy(a.sun_path, argv[1]);
    if (connect(fd, (struct sockaddr *)&a, sizeof(a)) || dprintf(fd, "%s\n", argv[2]) < 0) {
        perror(argv[1]);
        return 1;
    }
    while (byte != '\n') {
        if (poll(&p, 1, 10000) <= 0 || read(fd, &byte, 1) != 1) {
            return 1;
        }
        putchar(byte);
    }
    return 0;
}
