/* Parameters. */
#include "milter/settings.h"

#include "conf/params.h"

int milter_settings_list(struct milter_list *list, struct slice text, struct arena *arena,
                         struct error *error)
{
    const struct milter_defaults defaults = {
        .connect_timeout = params.milter_connect_timeout,
        .command_timeout = params.milter_command_timeout,
        .content_timeout = params.milter_content_timeout,
        .protocol = params.milter_protocol,
        .default_action = params.milter_default_action,
    };

    return milter_list_parse(list, text, &defaults, arena, error);
}

void milter_settings_macros(struct milter_macros *macros)
{
    macros->lists[MILTER_CONNECT] = params.milter_connect_macros;
    macros->lists[MILTER_HELO] = params.milter_helo_macros;
    macros->lists[MILTER_MAIL] = params.milter_mail_macros;
    macros->lists[MILTER_RCPT] = params.milter_rcpt_macros;
    macros->lists[MILTER_DATA] = params.milter_data_macros;
    macros->lists[MILTER_UNKNOWN] = params.milter_unknown_command_macros;
    macros->lists[MILTER_END_OF_HEADER] = params.milter_end_of_header_macros;
    macros->lists[MILTER_END_OF_BODY] = params.milter_end_of_data_macros;
    macros->defaults = params.milter_macro_defaults;
}
