#include "delivery/attributes.h"

#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/slice.h"
#include "conf/params.h"
#include "delivery/mail_copy.h"

static const struct {
    char letter;
    unsigned copy_flag;
} copy_flags[] = {
    {'B', MAIL_COPY_BLANK_LINE},  {'D', MAIL_COPY_DELIVERED_TO}, {'F', MAIL_COPY_FROM_LINE},
    {'O', MAIL_COPY_ORIGINAL_TO}, {'R', MAIL_COPY_RETURN_PATH},  {'.', MAIL_COPY_DOT_STUFF},
    {'>', MAIL_COPY_QUOTE_FROM},
};

static int parse_flag(struct attributes *attributes, char letter, struct error *error)
{
    for (size_t i = 0; i < ARRAY_SIZE(copy_flags); i++) {
        if (copy_flags[i].letter != letter)
            continue;
        attributes->copy_flags |= copy_flags[i].copy_flag;
        if (letter == 'D' || letter == 'O') {
            attributes->one_recipient = true;
            attributes->one_recipient_flag = letter;
        }
        return 0;
    }
    switch (letter) {
    case 'h':
        attributes->fold_host = true;
        return 0;
    case 'u':
        attributes->fold_user = true;
        return 0;
    case 'q':
        attributes->quote = true;
        return 0;
    case 'X':
        attributes->is_final = true;
        return 0;
    case 'a':
    case 'p':
    case 's':
        return 0; /* of long ago; without meaning since */
    default:
        return error_set(error, ERROR_PERMANENT, "unknown flag: %c", letter);
    }
}

/* "\r\n" and the like, as written in master.cf with backslashes. */
static const char *parse_end_of_line(const char *text, struct arena *arena)
{
    CLEANUP(buf_release) struct buf bytes = BUF_INIT;

    for (; *text; text++) {
        if (*text != '\\') {
            buf_add_char(&bytes, *text);
            continue;
        }
        switch (*++text) {
        case 'r':
            buf_add_char(&bytes, '\r');
            break;
        case 'n':
            buf_add_char(&bytes, '\n');
            break;
        case 't':
            buf_add_char(&bytes, '\t');
            break;
        case '\0':
            return arena_text(arena, buf_slice(&bytes));
        default:
            buf_add_char(&bytes, *text);
        }
    }
    return arena_text(arena, buf_slice(&bytes));
}

static int parse_flags(struct attributes *attributes, const char *letters, struct error *error)
{
    for (; *letters; letters++) {
        if (parse_flag(attributes, *letters, error) < 0)
            return -1;
    }
    return 0;
}

static int parse_size(struct attributes *attributes, const char *text, struct error *error)
{
    if (slice_to_int(slice_from(text), 0, INT64_MAX, &attributes->size_limit))
        return 0;
    return error_set(error, ERROR_PERMANENT, "bad size= value: %s", text);
}

static int parse_word(struct attributes *attributes, enum attributes_program program,
                      const char *word, struct arena *arena, struct error *error)
{
    if (strncmp(word, "user=", 5) == 0)
        return user_parse(&attributes->user, word + 5, error);
    if (program == ATTRIBUTES_OF_SPAWN)
        return error_set(error, ERROR_PERMANENT, "unknown attribute name: %s", word);
    if (strncmp(word, "flags=", 6) == 0)
        return parse_flags(attributes, word + 6, error);
    if (strncmp(word, "size=", 5) == 0)
        return parse_size(attributes, word + 5, error);
    if (strncmp(word, "eol=", 4) == 0)
        attributes->end_of_line = parse_end_of_line(word + 4, arena);
    else if (strncmp(word, "null_sender=", 12) == 0)
        attributes->null_sender = word + 12;
    else if (strncmp(word, "chroot=", 7) == 0)
        attributes->chroot_directory = word + 7;
    else if (strncmp(word, "directory=", 10) == 0)
        attributes->directory = word + 10;
    else
        return error_set(error, ERROR_PERMANENT, "unknown attribute name: %s", word);
    return 0;
}

static int require(const struct attributes *attributes, struct error *error)
{
    if (attributes->argc == 0 || !*attributes->argv[0])
        return error_set(error, ERROR_PERMANENT, "missing argv= command-line attribute");
    if (attributes->user.uid == (uid_t)-1)
        return error_set(error, ERROR_PERMANENT, "missing user= command-line attribute");
    return 0;
}

int attributes_parse(struct attributes *attributes, enum attributes_program program, int argc,
                     const char *const *argv, struct arena *arena, struct error *error)
{
    const char **command = arena_array(arena, const char *, (size_t)argc + 1);

    *attributes = (struct attributes){.user = {.uid = (uid_t)-1},
                                      .end_of_line = "\n",
                                      .null_sender = "MAILER-DAEMON",
                                      .argv = command};
    for (int i = 0; i < argc; i++) {
        if (attributes->argc > 0)
            command[attributes->argc++] = argv[i];
        else if (strncmp(argv[i], "argv=", 5) == 0)
            command[attributes->argc++] = argv[i] + 5;
        else if (parse_word(attributes, program, argv[i], arena, error) < 0)
            return -1;
    }
    return require(attributes, error);
}
