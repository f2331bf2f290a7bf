/*
 * The tables and lists that a parameter names, opened by a program for as long as it runs.
 */
#pragma once

#include "table/maps.h"
#include "table/match_list.h"

/* maps_open or one of its variants. */
typedef struct maps *maps_opener(const char *title, const char *list, struct error *error);

/*
 * Open them; what is wrong with one is logged as an error, and look-ups in it fail for now.
 * name  the parameter, for log lines; must outlive the result.
 */
struct maps *open_maps(maps_opener *opener, const char *name, const char *list);

/* The same for a list of patterns. */
struct match_list *open_list(const char *name, const char *patterns,
                             enum match_parents parents);

/* SECURITY_ bits of such as smtp_sasl_security_options; what is wrong there ends the start. */
unsigned open_sasl_demands(const char *name, const char *list);
