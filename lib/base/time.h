/*
 * Two clocks: a monotonic one for deadlines and intervals, the wall clock for what people and
 * files see. Times and intervals are milliseconds in an int64_t unless the name says otherwise.
 */
#pragma once

#include <stdint.h>
#include <sys/time.h>

#define SECONDS(n) ((int64_t)(n)*1000)
#define MINUTES(n) SECONDS((n)*60)
#define HOURS(n)   MINUTES((n)*60)
#define DAYS(n)    HOURS((n)*24)

/* Milliseconds and nanoseconds of CLOCK_MONOTONIC. */
int64_t time_now_ms(void);
int64_t time_now_ns(void);

/* An absolute point on the monotonic clock; a wait ends there at the latest. */
typedef int64_t deadline_t;
#define DEADLINE_NONE INT64_MAX
deadline_t deadline_in(int64_t ms);
/* Milliseconds left, 0 when past, -1 for DEADLINE_NONE: what poll(2) wants. */
int deadline_poll_ms(deadline_t deadline);

/* The wall clock. */
struct timeval time_wall(void);
int64_t time_wall_seconds(void);

/* b - a, with fraction. */
double timeval_diff_seconds(struct timeval a, struct timeval b);

/*
 * "Sun, 22 Nov 2026 03:10:29 +0000 (UTC)" as RFC 5322 section 3.3 has it, with the zone name in
 * a comment as Postfix writes it. The result lies in a static array: use it at once.
 */
const char *time_rfc5322(int64_t wall_seconds);

/* "Nov 22 03:10:29" in local time, the time stamp of log lines; same lifetime. */
const char *time_syslog(int64_t wall_seconds);

/* For tests: run the clocks from these instead (NULL: the real ones). */
extern int64_t (*time_test_monotonic)(void);
extern struct timeval (*time_test_wall)(void);
