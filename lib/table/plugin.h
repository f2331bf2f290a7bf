/*
 * Table plug-ins: one shared object a type, built where the type's library is found and loaded
 * when a table of that type is opened. This header is all that the two sides share. A plug-in
 * calls nothing of ours and keeps to C's own types; everything that the types have in common
 * (parameter files, key formats, several servers, limits) is on our side, in table/remote.h.
 *
 * A plug-in exports one "struct table_plugin" named table_plugin.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define TABLE_PLUGIN_ABI     2
#define TABLE_PLUGIN_SYMBOL  "table_plugin"
#define INDEX_PLUGIN_SYMBOL  "index_plugin"
#define DIGEST_PLUGIN_SYMBOL "digest_plugin"
#define PLUGIN_DIGEST_BYTES  64
#define PLUGIN_REPORT_BYTES  400
#define PLUGIN_TEMPLATES_MAX 2
#define PLUGIN_SETTINGS_MAX  40
/* A quoted key is at most so many times as long. */
#define PLUGIN_QUOTE_GROWTH 4

enum plugin_setting_kind { PLUGIN_TEXT, PLUGIN_NUMBER, PLUGIN_BOOL };

/* A line that the parameter file may have. */
struct plugin_setting {
    const char *name; /* NULL ends the list */
    enum plugin_setting_kind kind;
    const char *default_text; /* NULL: that of the setting in front of this one */
    long min, max;            /* numbers: the range. Texts: bytes, max is not used */
};

struct plugin_value {
    const char *text;
    long number; /* bool: 0 or 1 */
};

/* Why something failed, one line or more; the caller cleans it up. */
struct plugin_report {
    char text[PLUGIN_REPORT_BYTES];
};

/* Where the values that were found go. */
struct plugin_answer {
    /* False: there are too many, stop asking. */
    bool (*add)(struct plugin_answer *answer, const char *text, size_t len);
    /* Something odd that spoils nothing, for the log. */
    void (*warn)(struct plugin_answer *answer, const char *text);
};

enum plugin_result {
    PLUGIN_OK,
    PLUGIN_FAILED, /* there is no answer to this question; the next may have one */
    PLUGIN_LOST,   /* no other question can be asked over this connection */
};

struct plugin_connection; /* the plug-in's own */

struct table_plugin {
    int abi; /* TABLE_PLUGIN_ABI */
    /* At most PLUGIN_SETTINGS_MAX; values arrive in this order. */
    const struct plugin_setting *settings;
    /* The names of the settings that have %s, %u, ... in them, NULL-terminated. */
    const char *templates[PLUGIN_TEMPLATES_MAX + 1];
    /* The setting that lists servers; NULL: there is one, named by the plug-in's settings. */
    const char *hosts;
    const char *default_host;
    /* Look at the settings when the table is opened. False: they are wrong. May be NULL. */
    bool (*check)(const struct plugin_value *values, struct plugin_answer *answer,
                  struct plugin_report *report);
    /* The values live as long as the connection. NULL: it failed. Bounded in time. */
    struct plugin_connection *(*connect)(const char *host, const struct plugin_value *values,
                                         struct plugin_report *report);
    /* Make text harmless inside of that template: at most PLUGIN_QUOTE_GROWTH * len + 1 bytes
     * at out. Returns how many, or -1. */
    long (*quote)(struct plugin_connection *connection, int template, const char *text,
                  size_t len, char *out);
    /* Ask, with the templates expanded. Bounded in time. */
    enum plugin_result (*query)(struct plugin_connection *connection,
                                const char *const *templates, struct plugin_answer *answer,
                                struct plugin_report *report);
    void (*close)(struct plugin_connection *connection);
};

/*
 * The other kind of plug-in: an index in a file, made from a source by postmap. It exports one
 * "struct index_plugin" named index_plugin.
 */
struct plugin_index; /* open for reading; the plug-in's own */
struct plugin_make;  /* being written; the plug-in's own */

/* False: stop. */
typedef bool plugin_entry_fn(void *arg, const char *key, size_t key_len, const char *value,
                             size_t value_len);

struct index_plugin {
    int abi;
    /* The descriptor stays the caller's. NULL: it failed. */
    struct plugin_index *(*open)(int fd, struct plugin_report *report);
    /* 1 with the value, which lives as long as the index; 0: not there; -1. */
    int (*find)(struct plugin_index *index, const char *key, size_t len, const char **value,
                size_t *value_len);
    int (*walk)(struct plugin_index *index, plugin_entry_fn *entry, void *arg);
    void (*close)(struct plugin_index *index);
    /* Write to an empty file. */
    struct plugin_make *(*begin)(int fd, struct plugin_report *report);
    /* A key and its value; each key is given once. False: errno says why not. */
    bool (*put)(struct plugin_make *make, const char *const texts[2], const size_t lengths[2]);
    /* Write what is left; frees in any case. False: errno says why. */
    bool (*finish)(struct plugin_make *make);
    void (*abandon)(struct plugin_make *make);
};

/* The third kind: digests. It exports one "struct digest_plugin" named digest_plugin. */
struct digest_plugin {
    int abi;
    /* At most PLUGIN_DIGEST_BYTES at digest. Returns how many; -1: no digest has that name. */
    long (*compute)(const char *name, const char *bytes, size_t len, unsigned char *digest);
};

/* What plug-ins export, and nothing else. */
extern const struct digest_plugin digest_plugin __attribute__((visibility("default")));
extern const struct index_plugin index_plugin __attribute__((visibility("default")));
extern const struct table_plugin table_plugin __attribute__((visibility("default")));
