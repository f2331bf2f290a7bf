/*
 * tassis check: are the settings of milters such as the daemons take? Whether the milters
 * answer is asked elsewhere.
 */
#include <string.h>

#include "check.h"
#include "milter/config.h"
#include "milter/settings.h"

#define KIND "milter"

static void complain(struct check *check, const struct setting *setting, const char *text)
{
    report(check->report, SEVERITY_WARNING, check_place(KIND, setting), "%s = %s: %s",
           setting->name, setting->value, text);
}

static void check_default_action(struct check *check, const struct setting *setting)
{
    const struct milter_defaults defaults = {.protocol = "", .default_action = setting->value};
    struct milter_list list;
    struct error error;

    if (milter_list_parse(&list, SLICE("unix:any"), &defaults, &check->arena, &error) == 0 &&
        list.items[0].default_action == MILTER_DEFAULT_UNKNOWN)
        complain(check, setting,
                 "no such action (accept, reject, tempfail, quarantine or shutdown)");
}

static void check_protocol(struct check *check, const struct setting *setting)
{
    const struct milter_defaults defaults = {.protocol = setting->value,
                                             .default_action = "accept"};
    struct milter_list list;
    struct error error;

    if (milter_list_parse(&list, SLICE("unix:any"), &defaults, &check->arena, &error) == 0 &&
        list.items[0].trouble)
        complain(check, setting, "2, 3, 4 or 6 was expected, perhaps with no_header_reply");
}

/* An address that makes no sense is found when it is tried. */
static void check_list(struct check *check, const struct setting *setting)
{
    const struct milter_defaults defaults = {.protocol = "", .default_action = "accept"};
    struct milter_list list;
    struct error error;

    if (milter_list_parse(&list, slice_from(setting->value), &defaults, &check->arena, &error) <
        0) {
        complain(check, setting, error.text);
        return;
    }
    for (size_t i = 0; i < list.count; i++) {
        if (list.items[i].default_action == MILTER_DEFAULT_UNKNOWN) {
            report(check->report, SEVERITY_WARNING, check_place(KIND, setting),
                   "%s: %s: default_action = %s: no such action (accept, reject, tempfail, "
                   "quarantine or shutdown)",
                   setting->name, list.items[i].name, list.items[i].default_action_text);
        }
    }
}

static const struct {
    const char *name;
    void (*look)(struct check *check, const struct setting *setting);
} sources[] = {
    {"milter_default_action", check_default_action},
    {"milter_protocol", check_protocol},
    {"smtpd_milters", check_list},
    {"non_smtpd_milters", check_list},
};

void check_milters(struct check *check)
{
    for (size_t i = 0; i < check->n_settings; i++) {
        for (size_t s = 0; s < ARRAY_SIZE(sources); s++) {
            if (strcmp(check->settings[i].name, sources[s].name) == 0)
                sources[s].look(check, &check->settings[i]);
        }
    }
}
