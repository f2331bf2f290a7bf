#include "base/time.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/bug.h"

int64_t (*time_test_monotonic)(void);
struct timeval (*time_test_wall)(void);

int64_t time_now_ms(void)
{
    struct timespec now;

    if (time_test_monotonic)
        return time_test_monotonic();
    bug_if(clock_gettime(CLOCK_MONOTONIC, &now) < 0);
    return SECONDS(now.tv_sec) + now.tv_nsec / 1000000;
}

int64_t time_now_ns(void)
{
    struct timespec now;

    bug_if(clock_gettime(CLOCK_MONOTONIC, &now) < 0);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

deadline_t deadline_in(int64_t ms)
{
    deadline_t deadline;

    if (__builtin_add_overflow(time_now_ms(), ms, &deadline))
        return DEADLINE_NONE;
    return deadline;
}

int deadline_poll_ms(deadline_t deadline)
{
    if (deadline == DEADLINE_NONE)
        return -1;
    int64_t left = deadline - time_now_ms();
    return left <= 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

struct timeval time_wall(void)
{
    struct timeval now;

    if (time_test_wall)
        return time_test_wall();
    bug_if(gettimeofday(&now, NULL) < 0);
    return now;
}

int64_t time_wall_seconds(void)
{
    return time_wall().tv_sec;
}

double timeval_diff_seconds(struct timeval a, struct timeval b)
{
    return (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_usec - a.tv_usec) / 1e6;
}

/* The names of RFC 5322 section 3.3, whatever the locale. */
static const char *const day_names[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char *const month_names[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

static void local_time(int64_t wall_seconds, struct tm *parts)
{
    static bool zone_is_loaded;
    time_t seconds = (time_t)wall_seconds;

    /* localtime_r need not load the zone, and must not later, from inside a jail. */
    if (!zone_is_loaded) {
        tzset();
        zone_is_loaded = true;
    }
    if (!localtime_r(&seconds, parts))
        *parts = (struct tm){.tm_mday = 1, .tm_year = 70, .tm_wday = 4, .tm_zone = "UTC"};
}

const char *time_rfc5322(int64_t wall_seconds)
{
    static char text[80];
    struct tm t;

    local_time(wall_seconds, &t);
    long offset_minutes = t.tm_gmtoff / 60;
    char sign = offset_minutes < 0 ? '-' : '+';
    offset_minutes = labs(offset_minutes);
    /* The day is padded with a blank, as Postfix does. */
    snprintf(text, sizeof(text), "%s, %2d %s %d %02d:%02d:%02d %c%02ld%02ld (%s)",
             day_names[t.tm_wday], t.tm_mday, month_names[t.tm_mon], t.tm_year + 1900,
             t.tm_hour, t.tm_min, t.tm_sec, sign, offset_minutes / 60, offset_minutes % 60,
             t.tm_zone);
    return text;
}

const char *time_syslog(int64_t wall_seconds)
{
    static char text[48];
    static int64_t text_seconds = -1;

    if (wall_seconds != text_seconds) {
        struct tm t;

        local_time(wall_seconds, &t);
        snprintf(text, sizeof(text), "%s %2d %02d:%02d:%02d", month_names[t.tm_mon], t.tm_mday,
                 t.tm_hour, t.tm_min, t.tm_sec);
        text_seconds = wall_seconds;
    }
    return text;
}
