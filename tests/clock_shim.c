/* Preloaded into a program: its wall clock, and what the kernel says of its discipline, as the file $CLOCK_FILE says.
 * "OFFSET SYNCED": seconds added to the true time; 1 = an outside source disciplines it, 0 = nobody does.
 * Monotonic and boot clocks are left alone, as they are when a real clock is set. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <time.h>

static void said(long *offset, int *synced) {
    FILE *file = fopen(getenv("CLOCK_FILE"), "re");
    *offset = 0;
    *synced = 0;
    if (file) {
        if (fscanf(file, "%ld %d", offset, synced) != 2) abort();
        fclose(file);
    }
}

int clock_gettime(clockid_t id, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    long offset;
    int synced, result;
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    result = real(id, now);
    if (!result && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) {
        said(&offset, &synced);
        now->tv_sec += offset;
    }
    return result;
}

time_t time(time_t *where) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (where) *where = now.tv_sec;
    return now.tv_sec;
}

int gettimeofday(struct timeval *where, void *zone) {
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    where->tv_sec = now.tv_sec;
    where->tv_usec = now.tv_nsec / 1000;
    return 0;
}

int adjtimex(struct timex *where) {
    long offset;
    int synced;
    said(&offset, &synced);
    memset(where, 0, sizeof *where);
    where->maxerror = synced ? 20000 : 16000000;
    where->status = synced ? STA_PLL : STA_UNSYNC;
    return synced ? TIME_OK : TIME_ERROR;
}
