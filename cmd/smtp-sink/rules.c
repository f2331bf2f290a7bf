/*
 * Which commands there are, and what is to happen to them.
 */
#include <sys/random.h>

#include "base/bug.h"
#include "base/time.h"
#include "sink.h"

enum { DELAY_MOST = 1000 * 1000, THROWS_MOST = 10000 };

/* As it is without options. */
struct sink sink = {
    .load = {.sessions_most = 256, .serve = session_run},
    .host_name = "smtp-sink",
    .soft_reply = "450 4.3.0 Error: command failed",
    .hard_reply = "500 5.3.0 Error: command failed",
    .timeout_ms = SECONDS(100),
    .abort_delay_ms = -1,
    .rules =
        {
            [COMMAND_CONNECT] = {.name = "connect"},
            [COMMAND_HELO] = {.name = "HELO"},
            [COMMAND_EHLO] = {.name = "EHLO"},
            [COMMAND_LHLO] = {.name = "LHLO"},
            [COMMAND_XCLIENT] = {.name = "XCLIENT"},
            [COMMAND_XFORWARD] = {.name = "XFORWARD"},
            [COMMAND_AUTH] = {.name = "AUTH"},
            [COMMAND_MAIL] = {.name = "MAIL"},
            [COMMAND_RCPT] = {.name = "RCPT"},
            [COMMAND_DATA] = {.name = "DATA"},
            [COMMAND_DOT] = {.name = "."},
            [COMMAND_RSET] = {.name = "RSET"},
            [COMMAND_NOOP] = {.name = "NOOP"},
            [COMMAND_VRFY] = {.name = "VRFY"},
            [COMMAND_QUIT] = {.name = "QUIT"},
        },
};

enum command command_find(struct slice name)
{
    for (enum command i = 0; i < COMMAND_NONE; i++) {
        if (slice_equals_nocase(name, sink.rules[i].name))
            return i;
    }
    return COMMAND_NONE;
}

static struct rule *rule_of(struct slice name)
{
    enum command command = command_find(name);

    if (command == COMMAND_NONE)
        fatal(1, "unknown command: %.*s", SLICE_ARG(name));
    return &sink.rules[command];
}

void rules_mark(const char *list, void (*mark)(struct rule *rule))
{
    struct slice rest = slice_from(list), name;

    while ((name = slice_word(&rest, ", \t\r\n")).ptr)
        mark(rule_of(name));
}

void rules_delay(const char *text)
{
    struct slice rest = slice_from(text);
    struct slice name = slice_split(&rest, ':');
    struct slice seconds = slice_split(&rest, ':');
    int64_t delay, odds = 0;

    if (seconds.len == 0)
        fatal(1, "invalid command delay argument: %s", text);
    struct rule *rule = rule_of(name);
    if (!slice_to_int(seconds, 1, DELAY_MOST, &delay))
        fatal(1, "non-positive '%.*s' delay", SLICE_ARG(name));
    if (rest.len > 0 && !slice_to_int(rest, 0, 99, &odds))
        fatal(1, "delay odds for '%.*s' out of range", SLICE_ARG(name));
    rule->delay_ms = SECONDS(delay);
    rule->delay_odds = (int)odds;
}

static int throw_dice(void)
{
    uint64_t dice = 0;

    if (getrandom(&dice, sizeof(dice), 0) < 0)
        fatal(1, "getrandom: %m");
    return (int)(dice % 100);
}

int64_t rule_delay_ms(const struct rule *rule)
{
    int64_t throws = 1;

    if (rule->delay_ms == 0)
        return 0;
    while (throw_dice() < rule->delay_odds && throws < THROWS_MOST)
        throws++;
    return rule->delay_ms * throws;
}
