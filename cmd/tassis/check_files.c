/*
 * tassis check: do the files exist that parameters name: certificates and keys, lists that are
 * read from files, templates, the command that delivers?
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "check.h"
#include "conf/words.h"

struct files {
    struct check *check;
    struct hash seen; /* paths: each is looked at once */
};

static void look(struct files *files, const struct setting *setting, struct slice path,
                 int access_mode)
{
    CLEANUP(mem_free_text) char *text = slice_dup(path);

    if (text[0] != '/' || hash_has(&files->seen, path))
        return;
    (void)hash_set(&files->seen, path, files);
    if (access(text, access_mode) < 0)
        report(files->check->report, SEVERITY_WARNING, check_place("file", setting),
               "%s: %s: %s", setting->name, text, strerror(errno));
}

static void look_at_value(struct files *files, const struct setting *setting)
{
    look(files, setting, slice_from(setting->value), R_OK);
}

static void look_at_words(struct files *files, const struct setting *setting)
{
    struct slice rest = slice_from(setting->value), word;

    while (words_next(&rest, WORDS_COMMA_SPACE, &word))
        look(files, setting, word, R_OK);
}

/* "/file" and "!/file" in a list of domains or networks. */
static void look_at_patterns(struct files *files, const struct setting *setting)
{
    struct slice rest = slice_from(setting->value), word;

    while (words_next(&rest, WORDS_COMMA_SPACE, &word))
        look(files, setting, slice_from_offset(word, slice_starts_with(word, "!")), R_OK);
}

/* What the shell does itself. */
static bool is_of_shell(const char *word)
{
    static const char *const words[] = {"exec", "if",   "for", "while", "case",
                                        "cd",   "test", "set", "umask", "export"};

    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (strcmp(word, words[i]) == 0)
            return true;
    }
    return false;
}

static void look_at_command(struct files *files, const struct setting *setting)
{
    struct slice rest = slice_from(setting->value);
    struct slice word = slice_word(&rest, " \t");

    if (!word.ptr || slice_find_any(word, "\"'$\\`=;&|()<>{}[]:!.") < word.len)
        return;
    CLEANUP(mem_free_text) char *name = slice_dup(word);

    if (!is_of_shell(name) && !check_finds_program(name))
        report(files->check->report, SEVERITY_WARNING, check_place("file", setting),
               "%s: %s: %s", setting->name, name, strerror(errno));
}

static const struct {
    const char *suffix;
    void (*look)(struct files *files, const struct setting *setting);
} sources[] = {
    {"_tls_cert_file", look_at_value},
    {"_tls_key_file", look_at_value},
    {"_tls_eccert_file", look_at_value},
    {"_tls_eckey_file", look_at_value},
    {"_tls_CAfile", look_at_value},
    {"_tls_CApath", look_at_value},
    {"_tls_chain_files", look_at_words},
    {"bounce_template_file", look_at_value},
    {"tls_config_file", look_at_value},
    {"mailbox_command", look_at_command},
    {"mydestination", look_at_patterns},
    {"mynetworks", look_at_patterns},
    {"relay_domains", look_at_patterns},
    {"virtual_alias_domains", look_at_patterns},
    {"virtual_mailbox_domains", look_at_patterns},
    {"fast_flush_domains", look_at_patterns},
    {"smtpd_authorized_xclient_hosts", look_at_patterns},
    {"smtpd_authorized_xforward_hosts", look_at_patterns},
};

void check_files(struct check *check)
{
    struct files files = {.check = check, .seen = HASH_INIT};

    for (size_t i = 0; i < check->n_settings; i++) {
        struct slice name = slice_from(check->settings[i].name);

        for (size_t s = 0; s < ARRAY_SIZE(sources); s++) {
            if (slice_ends_with(name, sources[s].suffix))
                sources[s].look(&files, &check->settings[i]);
        }
    }
    hash_release(&files.seen, NULL);
}
