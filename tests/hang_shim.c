/* Preloaded into a program: while the file $HANG_FILE exists, its connect(2) does not return. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int connect(int fd, const struct sockaddr *to, socklen_t size) {
    static int (*real)(int, const struct sockaddr *, socklen_t);
    if (!real) real = (int (*)(int, const struct sockaddr *, socklen_t))dlsym(RTLD_NEXT, "connect");
    while (to->sa_family == AF_INET && access(getenv("HANG_FILE"), F_OK) == 0) usleep(20000);
    return real(fd, to, size);
}
