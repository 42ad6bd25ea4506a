/* The floor under a push: a loop of send() of one ready frame to every socket, and nothing else.

   floor COUNT FRAME: listens on a free port of the loopback, prints it, accepts COUNT connections, prints "ready".
   Then, for each line on standard input, sends the frame to all and prints when it began (Unix seconds) and the CPU
   seconds that the sends cost. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static double seconds(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec + now.tv_nsec / 1e9;
}

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static int listening(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, length) || listen(listener, 1024)) fail("listen");
    getsockname(listener, (struct sockaddr *)&address, &length);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return listener;
}

static void accept_all(int *sockets, int count)
{
    int listener = listening(), on = 1;
    for (int i = 0; i < count; i++) {
        sockets[i] = accept(listener, NULL, NULL);
        if (sockets[i] < 0) fail("accept");
        setsockopt(sockets[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    close(listener);
}

static void send_all(const int *sockets, int count, const char *frame, size_t length)
{
    double wall = seconds(CLOCK_REALTIME), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    for (int i = 0; i < count; i++)
        if (send(sockets[i], frame, length, MSG_NOSIGNAL) != (ssize_t)length) fail("send");
    printf("%.6f %.9f\n", wall, seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static char frame[1 << 20];
    char line[64];
    int count = argc == 3 ? atoi(argv[1]) : 0;
    int *sockets = calloc(count > 0 ? count : 1, sizeof *sockets);
    FILE *file = argc == 3 ? fopen(argv[2], "rb") : NULL;
    if (count < 1 || file == NULL || sockets == NULL) {
        fprintf(stderr, "usage: floor COUNT FRAME\n");
        return 2;
    }
    size_t length = fread(frame, 1, sizeof frame, file);
    fclose(file);
    accept_all(sockets, count);
    printf("ready\n");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) send_all(sockets, count, frame, length);
    return 0;
}
